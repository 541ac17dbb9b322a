//! The side that sends: offer, go on where the receiver wants to, and over again when the connection is lost.

mod attempt;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use membership::IdentityKey;
use node::{ConnectError, SendError, StopReason};
use rand::TryRng;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::super::advice;
use super::super::event::{Direction, Event, FileLine};
use super::super::failure::{Failure, Kind};
use super::exchange::{Exchange, Voice};
use super::message::{MAX_OFFERED_NAME_BYTES, Refusal, TransferId, Word};
use super::reader::Source;

/// Between two attempts; the node adds its own pause between two dials.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// A receiver that throws the content away so often will do so again.
const MAX_THROWN_AWAY: u32 = 3;
/// How long the last word of a transfer that is given up may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// What to send to whom.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) path: PathBuf,
    pub(crate) member: IdentityKey,
    /// What the member is called here.
    pub(crate) called: String,
    /// How long to go on trying without a single byte of progress.
    pub(crate) patience: Duration,
}

/// How one attempt ended when it did not succeed.
enum Setback {
    /// The same again may succeed.
    Again(Failure),
    /// It cannot, or nobody waits for it any more.
    Final(Failure),
}

/// What is known over all attempts.
struct Sending<'a> {
    exchange: &'a Exchange,
    order: &'a Order,
    events: mpsc::Sender<Event>,
    started: Instant,
    /// When a byte was moved last, or the other side spoke.
    alive: Instant,
    /// There was a session with the member at least once.
    acquainted: bool,
    thrown_away: u32,
    /// The last cause that was told, until something moves again.
    told: Option<String>,
}

pub(super) async fn send(
    exchange: &Exchange,
    order: Order,
    events: mpsc::Sender<Event>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let now = Instant::now();
    let mut sending = Sending {
        exchange,
        order: &order,
        events,
        started: now,
        alive: now,
        acquainted: false,
        thrown_away: 0,
        told: None,
    };
    let mut transfer = new_transfer()?;
    let mut bytes = None;
    loop {
        let source = Source::open(&order.path)?;
        if bytes.replace(source.bytes()).is_some_and(|before| before != source.bytes()) {
            // One transfer is one file, and this is another one now.
            transfer = new_transfer()?;
        }
        let file = FileLine {
            direction: Direction::Sending,
            member: order.called.clone(),
            name: offered_name(&order),
            bytes: source.bytes(),
        };
        let voice = Voice::new(exchange.node(), order.member, transfer)?;
        let ended = tokio::select! {
            ended = sending.attempt(source, &file, transfer, &voice) => ended,
            _ = stop.wait_for(|stop| *stop) => Err(Setback::Final(sending.stopped())),
        };
        match ended {
            Ok(()) => return Ok(()),
            Err(Setback::Again(cause)) if sending.may_go_on() => sending.interrupted(file, cause).await,
            Err(Setback::Again(cause) | Setback::Final(cause)) => {
                let _ = timeout(FAREWELL_TIMEOUT, voice.say(Word::Cancel)).await;
                return Err(sending.given_up(cause));
            }
        }
        tokio::select! {
            () = sleep(RETRY_PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

impl Sending<'_> {
    /// Something moved.
    fn lively(&mut self) {
        self.alive = Instant::now();
        self.told = None;
    }

    /// Only somebody who was there is worth waiting for: who never answered is told at once.
    fn may_go_on(&self) -> bool {
        self.acquainted && self.alive.elapsed() < self.order.patience && self.thrown_away < MAX_THROWN_AWAY
    }

    /// Tells why it does not go on just now, once until something moves again.
    async fn interrupted(&mut self, file: FileLine, cause: Failure) {
        if self.told.replace(cause.what.clone()).as_ref() != Some(&cause.what) {
            // Whoever listens may have left; the transfer is told through `stop`.
            let _ = self.events.send(Event::FileInterrupted { file, cause: cause.what }).await;
        }
    }

    /// What it means that something could not be sent.
    fn unsent(&mut self, error: &SendError) -> Setback {
        self.acquainted |= !matches!(error, SendError::Connect(_) | SendError::Refused { .. });
        let called = &self.order.called;
        let failure = match error {
            SendError::Connect(error) => advice::unconnected(called, error),
            SendError::Refused { reason: StopReason::NoReceiver, .. } if !self.acquainted => {
                return Setback::Final(
                    Failure::new(
                        Kind::Refused,
                        format!("{called} is connected, but does not speak of files"),
                    )
                    .advice("they must run `conclave up --receive FOLDER`"),
                );
            }
            SendError::TooLarge { .. } | SendError::Incomplete { .. } => {
                return Setback::Final(Failure::new(
                    Kind::Broken,
                    format!("the content was cut wrongly: {error}"),
                ));
            }
            _ => Failure::new(Kind::Interrupted, format!("the connection to {called} was lost: {error}")),
        };
        let passing = error.is_retryable() || matches!(error, SendError::Refused { .. });
        // Somebody who dialed us and went away may come back.
        let passing =
            passing || self.acquainted && matches!(error, SendError::Connect(ConnectError::NoAddress));
        if passing { Setback::Again(failure) } else { Setback::Final(failure) }
    }

    /// What a refusal means.
    fn refused(&mut self, reason: Refusal) -> Setback {
        if matches!(reason, Refusal::WrongHash | Refusal::OutOfStep) {
            self.thrown_away += 1;
        }
        let failure = advice::refused(&self.order.called, reason);
        if reason.is_passing() { Setback::Again(failure) } else { Setback::Final(failure) }
    }

    /// The last word about a transfer that once began and is given up.
    fn given_up(&self, cause: Failure) -> Failure {
        match cause.kind {
            Kind::NoAnswer | Kind::TimedOut if self.acquainted => {
                let patience = self.order.patience.as_secs();
                Failure { kind: Kind::Interrupted, ..cause }
                    .advice(format!("nothing moved for {patience} s; the receiver keeps what it has, so the same command goes on there"))
            }
            _ => cause,
        }
    }

    fn stopped(&self) -> Failure {
        Failure::new(Kind::Interrupted, format!("stopped sending to {}", self.order.called))
            .meaning("the receiver keeps what it has for a while")
            .advice("run the same command again: it goes on where this one stopped")
    }
}

fn offered_name(order: &Order) -> String {
    let name = order.path.file_name().unwrap_or_default().to_string_lossy();
    let end = (0..=MAX_OFFERED_NAME_BYTES.min(name.len()))
        .rev()
        .find(|&end| name.is_char_boundary(end))
        .unwrap_or(0);
    name.get(..end).unwrap_or_default().to_owned()
}

fn new_transfer() -> Result<TransferId, Failure> {
    let mut id = [0; TransferId::BYTES];
    rand::rngs::SysRng
        .try_fill_bytes(&mut id)
        .map_err(|error| Failure::new(Kind::LocalIo, format!("the system gives no randomness: {error}")))?;
    Ok(TransferId::from_bytes(id))
}
