//! The side that sends: offer, go on where the receiver wants to, and over again when the connection is lost.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::IdentityKey;
use node::{ConnectError, Outgoing, Priority, SendError, StopReason, StreamOptions};
use rand::TryRng;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::super::advice;
use super::super::event::{Direction, Event, FileLine};
use super::super::failure::{Failure, Kind};
use super::content::{ContentHash, RunningHash};
use super::exchange::{Exchange, Route, Voice, content_stream};
use super::message::{MAX_OFFERED_NAME_BYTES, Refusal, TransferId, Word};
use super::progress::Progress;
use super::reader::{Piece, QUEUE_PIECES, Source};

/// A receiver that says nothing for so long has gone, or hangs. While it works it says so every few seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a busy side says that it is.
pub(super) const WORKING_INTERVAL: Duration = Duration::from_secs(5);
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
    /// It cannot.
    Final(Failure),
    /// Nobody waits for it any more.
    Stopped,
}

/// What is known over all attempts.
struct Attempts<'a> {
    exchange: &'a Exchange,
    order: &'a Order,
    events: mpsc::Sender<Event>,
    started: Instant,
    /// When a byte was moved last, or the other side spoke.
    alive: Instant,
    spoken: bool,
    thrown_away: u32,
}

pub(super) async fn send(
    exchange: &Exchange,
    order: Order,
    events: mpsc::Sender<Event>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let now = Instant::now();
    let mut attempts =
        Attempts { exchange, order: &order, events, started: now, alive: now, spoken: false, thrown_away: 0 };
    let transfer = new_transfer()?;
    loop {
        let source = Source::open(&order.path)?;
        let file = FileLine {
            direction: Direction::Sending,
            member: order.called.clone(),
            name: offered_name(&order),
            bytes: source.bytes(),
        };
        let Some(voice) = Voice::new(exchange.node(), order.member, transfer) else {
            return Err(Failure::new(Kind::Broken, "the stream of talk has no name"));
        };
        let setback = tokio::select! {
            ended = attempts.once(source, &file, transfer, &voice) => match ended {
                Ok(()) => return Ok(()),
                Err(setback) => setback,
            },
            _ = stop.wait_for(|stop| *stop) => Setback::Stopped,
        };
        let cause = match setback {
            Setback::Again(cause) if attempts.may_go_on() => cause,
            Setback::Again(cause) | Setback::Final(cause) => {
                farewell(&voice).await;
                return Err(attempts.given_up(cause));
            }
            Setback::Stopped => {
                farewell(&voice).await;
                return Err(attempts.stopped());
            }
        };
        // Whoever listens may have left; the transfer is told through `stop`.
        let _ = attempts.events.send(Event::FileInterrupted { file, cause: cause.what }).await;
        tokio::select! {
            () = sleep(RETRY_PAUSE) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn farewell(voice: &Voice) {
    let _ = timeout(FAREWELL_TIMEOUT, voice.say(Word::Cancel)).await;
}

impl Attempts<'_> {
    /// Offers the file and sends what is missing of it.
    async fn once(
        &mut self,
        source: Source,
        file: &FileLine,
        transfer: TransferId,
        voice: &Voice,
    ) -> Result<(), Setback> {
        let mut route = self.exchange.route(self.order.member, transfer);
        let offer = Word::Offer { name: file.name.clone(), bytes: file.bytes };
        voice.say_confirmed(offer).await.map_err(|error| self.unsent(&error))?;
        self.lively();
        let (offset, prefix) = match self.answer(&mut route).await? {
            Word::Accept { offset, prefix } => (offset, prefix),
            // It was whole already; only its last word was lost.
            Word::Stored { name } => return self.done(file, name, None, file.bytes).await,
            _ => return Err(Setback::Again(strange_answer())),
        };
        let (source, hash) = self.resume(source, offset, prefix, voice).await?;
        let resumed = hash.bytes();
        let _ = self.events.send(Event::FileStarted { file: file.clone(), offset: resumed }).await;

        let (sha256, name) = self.transmit(source, hash, file, transfer, &mut route).await?;
        self.done(file, name, Some(sha256), resumed).await
    }

    /// Sends the content and waits for the last word.
    async fn transmit(
        &mut self,
        source: Source,
        hash: RunningHash,
        file: &FileLine,
        transfer: TransferId,
        route: &mut Route<'_>,
    ) -> Result<(ContentHash, String), Setback> {
        let resumed = hash.bytes();
        let (pieces, mut queue) = mpsc::channel(QUEUE_PIECES);
        let reading = tokio::task::spawn_blocking(move || source.read(transfer, hash, &pieces));
        let mut progress = Progress::new(file.clone(), self.events.clone());
        let written = {
            let content = self.content(&mut queue, transfer, resumed, &mut progress);
            tokio::select! {
                biased;
                refused = refusal_in(&mut route.words) => Err(refused),
                written = content => Ok(written),
            }
        };
        // The reader stops as soon as nobody takes its pieces, and what it found out goes first.
        drop(queue);
        match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(Setback::Final(failure)),
            Err(error) => {
                return Err(Setback::Final(Failure::new(Kind::Broken, format!("reading failed: {error}"))));
            }
        }
        let sha256 = match written {
            Ok(Ok(sha256)) => sha256,
            Ok(Err(setback)) => return Err(setback),
            Err(reason) => return Err(self.refused(reason)),
        };
        self.lively();
        match self.answer(route).await? {
            Word::Stored { name } => Ok((sha256, name)),
            _ => Err(Setback::Again(strange_answer())),
        }
    }

    /// Writes segments for as long as the reader has some; returns the hash of the whole file.
    async fn content(
        &mut self,
        queue: &mut mpsc::Receiver<Piece>,
        transfer: TransferId,
        resumed: u64,
        progress: &mut Progress,
    ) -> Result<ContentHash, Setback> {
        let stream = content_stream(transfer).map_err(Setback::Final)?;
        let options = StreamOptions::default().with_priority(Priority::Bulk);
        let sender = self.exchange.node().sender(self.order.member, stream, options);
        let mut outgoing: Option<Outgoing> = None;
        let mut done = resumed;
        let mut sha256 = RunningHash::new().so_far();
        while let Some(piece) = queue.recv().await {
            let bytes = match piece {
                Piece::Header(header) => {
                    let total = header.message_bytes().ok_or_else(|| Setback::Final(strange_answer()))?;
                    outgoing = Some(sender.begin(total).await.map_err(|error| self.unsent(&error))?);
                    Bytes::copy_from_slice(&header.encode())
                }
                Piece::Content(bytes) => {
                    done = done.saturating_add(u64::try_from(bytes.len()).unwrap_or_default());
                    bytes
                }
                Piece::Hash(hash) => {
                    sha256 = hash;
                    Bytes::copy_from_slice(hash.as_bytes())
                }
            };
            let Some(mut message) = outgoing.take() else { return Err(Setback::Final(strange_answer())) };
            message.write(bytes).await.map_err(|error| self.unsent(&error))?;
            self.lively();
            progress.at(done);
            match message.unwritten_bytes() {
                0 => message.finish().await.map_err(|error| self.unsent(&error))?,
                _ => outgoing = Some(message),
            }
        }
        Ok(sha256)
    }

    /// Hashes the beginning of the file, telling the receiver meanwhile that we are at it.
    async fn resume(
        &mut self,
        mut source: Source,
        offset: u64,
        prefix: ContentHash,
        voice: &Voice,
    ) -> Result<(Source, RunningHash), Setback> {
        let hashing =
            tokio::task::spawn_blocking(move || source.resume(offset, prefix).map(|hash| (source, hash)));
        match while_working(voice, hashing).await {
            Ok(Ok(resumed)) => Ok(resumed),
            Ok(Err(failure)) => Err(Setback::Final(failure)),
            Err(error) => Err(Setback::Final(Failure::new(Kind::Broken, format!("hashing failed: {error}")))),
        }
    }

    /// The next answer that is more than a sign of life.
    async fn answer(&mut self, route: &mut Route<'_>) -> Result<Word, Setback> {
        loop {
            match timeout(ANSWER_TIMEOUT, route.words.recv()).await {
                Ok(Some(Word::Working)) => self.lively(),
                Ok(Some(Word::Refuse { reason })) => return Err(self.refused(reason)),
                Ok(Some(word)) => {
                    self.lively();
                    return Ok(word);
                }
                Ok(None) | Err(_) => {
                    let seconds = ANSWER_TIMEOUT.as_secs();
                    let what = format!("{} said nothing about the file for {seconds} s", self.order.called);
                    return Err(Setback::Again(
                        Failure::new(Kind::TimedOut, what)
                            .meaning(
                                "the node answers, but its program for files hangs, or the way is very slow",
                            )
                            .advice("try again later"),
                    ));
                }
            }
        }
    }

    async fn done(
        &self,
        file: &FileLine,
        stored_as: String,
        sha256: Option<ContentHash>,
        resumed_bytes: u64,
    ) -> Result<(), Setback> {
        let sha256 = match sha256 {
            Some(sha256) => sha256,
            None => self.own_hash().await?,
        };
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = Event::FileDone { file: file.clone(), stored_as, sha256, resumed_bytes, millis };
        let _ = self.events.send(event).await;
        Ok(())
    }

    /// The hash of the file here, where the receiver had all of it already.
    async fn own_hash(&self) -> Result<ContentHash, Setback> {
        let path = self.order.path.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            let mut source = Source::open(&path)?;
            source.hash()
        });
        match hashing.await {
            Ok(hash) => hash.map_err(Setback::Final),
            Err(error) => Err(Setback::Final(Failure::new(Kind::Broken, format!("hashing failed: {error}")))),
        }
    }

    fn lively(&mut self) {
        self.spoken = true;
        self.alive = Instant::now();
    }

    /// Only a transfer that once began is worth waiting for: somebody who never answered is told at once.
    fn may_go_on(&self) -> bool {
        self.spoken && self.alive.elapsed() < self.order.patience && self.thrown_away < MAX_THROWN_AWAY
    }

    fn unsent(&self, error: &SendError) -> Setback {
        let called = &self.order.called;
        let failure = match error {
            SendError::Connect(error) => advice::unconnected(called, error),
            SendError::Refused { reason: StopReason::NoReceiver, .. } if !self.spoken => {
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
        // After the first word, members that go away may come back: a restart looks like any other failure to connect.
        let passing = passing || self.spoken && matches!(error, SendError::Connect(ConnectError::NoAddress));
        if passing { Setback::Again(failure) } else { Setback::Final(failure) }
    }

    fn refused(&mut self, reason: Refusal) -> Setback {
        if matches!(reason, Refusal::WrongHash | Refusal::OutOfStep) {
            self.thrown_away += 1;
        }
        let failure = advice::refused(&self.order.called, reason);
        if reason.is_passing() { Setback::Again(failure) } else { Setback::Final(failure) }
    }

    fn given_up(&self, cause: Failure) -> Failure {
        match cause.kind {
            Kind::NoAnswer | Kind::TimedOut if self.spoken => {
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

/// Waits for work on a blocking thread, and says every few seconds that it is going on.
pub(super) async fn while_working<T>(
    voice: &Voice,
    mut work: tokio::task::JoinHandle<T>,
) -> Result<T, tokio::task::JoinError> {
    loop {
        match timeout(WORKING_INTERVAL, &mut work).await {
            Ok(done) => return done,
            Err(_) => voice.say(Word::Working).await,
        }
    }
}

/// The next refusal; other words in the middle of the content mean nothing.
async fn refusal_in(words: &mut mpsc::Receiver<Word>) -> Refusal {
    loop {
        match words.recv().await {
            Some(Word::Refuse { reason }) => return reason,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

fn strange_answer() -> Failure {
    Failure::new(Kind::Refused, "the other side gave an answer that does not belong here")
        .advice("both sides may run different versions: compare `conclave --version`")
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
