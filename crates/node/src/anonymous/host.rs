//! The end that is called: one caller, from the answer to the end of its session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use endpoint::{Cause, EndCause, Inbound, Noted};
use link::CloseReason;
use rand::Rng;
use x3dh_handshake::Tag;

use super::channel::{Channel, End};
use super::desk::{Seat, Visit};
use super::wire::{self, AnonymousRefusal};
use crate::clock;
use crate::core::Core;
use crate::gate::Pass;
use crate::greeting::{Failure, Greeting};

/// For the word of farewell.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// A caller who has a place.
pub(crate) struct Host {
    pub(crate) core: Arc<Core>,
    pub(crate) inbound: Box<Inbound>,
    pub(crate) greeting: Greeting,
    /// A stranger it stays: the first to make room for others.
    pub(crate) pass: Pass,
    /// The place.
    pub(crate) visit: Visit,
    /// When its connection was accepted, and when it must have said what it wants.
    pub(crate) accepted: Instant,
    pub(crate) deadline: Instant,
}

/// How a session with such a caller ended.
enum Over {
    Channel(End),
    /// The node has refused something, with a word.
    Refused,
    TimedOut,
    Evicted,
    ShuttingDown,
}

impl From<End> for Over {
    fn from(end: End) -> Self {
        Self::Channel(end)
    }
}

impl Host {
    /// Answers the caller, then its calls.
    pub(crate) async fn run(self) {
        let Self { core, inbound, greeting, pass, visit, accepted, deadline } = self;
        let until = Until { core: &core, pass: &pass };
        let answered = until.over(deadline, async {
            answer(&core, inbound, greeting).await.map_err(|failure| {
                tracing::debug!(?failure, "a caller without a name was not answered");
                End::Lost
            })
        });
        let Ok(mut channel) = answered.await else { return };
        let over = match until.over(deadline, channel.recv()).await {
            Ok(first) => {
                core.desk.count(|report| report.callers += 1);
                tracing::debug!("a caller without a name is here");
                serve(&until, &mut channel, first, accepted).await
            }
            Err(over) => over,
        };
        let reason = match over {
            Over::Channel(End::Violation) => {
                violated(&core);
                Some(CloseReason::Protocol)
            }
            Over::Refused => Some(CloseReason::Application),
            Over::TimedOut | Over::Evicted => Some(CloseReason::Idle),
            Over::ShuttingDown => Some(CloseReason::Shutdown),
            Over::Channel(End::Closed(_) | End::Lost) => None,
        };
        if let Some(reason) = reason {
            channel.close(reason, clock::now() + FAREWELL_TIMEOUT).await;
        }
        tracing::debug!(?reason, "a caller without a name is gone");
        drop((pass, visit));
    }
}

async fn answer(
    core: &Arc<Core>,
    mut inbound: Box<Inbound>,
    mut greeting: Greeting,
) -> Result<Channel, Failure> {
    let sizes = core.desk.sizes();
    let established = core.work(|| {
        let mut rng = core.randomness.generator();
        let tag = Tag(rng.next_u32());
        inbound
            .answer_call(tag, sizes.announced(core), &core.keys.load(), &mut rng)
            .map_err(Failure::Handshake)
    })?;
    let reply = inbound.poll_transmit().map(<[u8]>::to_vec).unwrap_or_default();
    greeting.send(&[&reply]).await?;
    Channel::new(core, *established, sizes, greeting.into_parts()).map_err(Failure::Handshake)
}

/// Answers the calls of one caller, all of which are for the service of the first.
async fn serve(until: &Until<'_>, channel: &mut Channel, first: Bytes, accepted: Instant) -> Over {
    let desk = &until.core.desk;
    let Some((name, body)) = wire::read_request(first) else { return Over::Channel(End::Violation) };
    let seat = match desk.ask_for(&name) {
        Ok(seat) => seat,
        Err(refusal) => {
            desk.count(|report| report.refused += 1);
            let deadline = clock::now() + FAREWELL_TIMEOUT;
            let told = until.over(deadline, channel.send(wire::reply(Err(refusal)))).await;
            return told.err().unwrap_or(Over::Refused);
        }
    };
    let calls = async {
        let mut request = (name, body);
        for call in 0..=seat.limits.calls_per_caller {
            let (name, body) = request;
            let reply = if call == seat.limits.calls_per_caller {
                Err(AnonymousRefusal::TooManyCalls)
            } else {
                desk.count(|report| report.calls += 1);
                reply_to(&seat, &name, body).await
            };
            let refused = reply.is_err();
            channel.send(wire::reply(reply.as_deref().map_err(|refusal| *refusal))).await?;
            if refused {
                desk.count(|report| report.refused += 1);
                break;
            }
            request = wire::read_request(channel.recv().await?).ok_or(End::Violation)?;
        }
        Ok(Over::Refused)
    };
    until.over(accepted + seat.limits.session, calls).await.unwrap_or_else(|over| over)
}

async fn reply_to(
    seat: &Seat,
    name: &actor_proxy::ServiceName,
    body: Bytes,
) -> Result<Bytes, AnonymousRefusal> {
    if *name != seat.name {
        return Err(AnonymousRefusal::OtherService);
    }
    if body.len() > seat.limits.max_request_bytes {
        return Err(AnonymousRefusal::RequestTooLarge);
    }
    let reply = (seat.handler)(body).await;
    if reply.len() > seat.limits.max_reply_bytes {
        return Err(AnonymousRefusal::ReplyTooLarge);
    }
    Ok(reply)
}

/// What ends a session from this side.
struct Until<'a> {
    core: &'a Core,
    pass: &'a Pass,
}

impl Until<'_> {
    async fn over<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, End>>,
    ) -> Result<T, Over> {
        tokio::select! {
            worked = work => worked.map_err(Over::from),
            () = clock::sleep_until(deadline) => Err(Over::TimedOut),
            () = self.pass.evicted() => Err(Over::Evicted),
            () = self.core.desk.closing() => Err(Over::ShuttingDown),
        }
    }
}

/// Something came that does not belong in such a session: counted, logged, and kept with what strangers do wrong.
fn violated(core: &Core) {
    core.desk.count(|report| report.violations += 1);
    tracing::info!("a caller without a name said what it may not: its session is closed");
    if let Some(recorder) = &core.recorder {
        let cause = Cause::Ended(EndCause::ClosedHere(CloseReason::Protocol));
        recorder.noted(None, Noted { at: core.machine.date(), cause });
    }
}
