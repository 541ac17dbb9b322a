//! Between the actors of this node and the session's streams.

use std::sync::Arc;
use std::task::Context;

use actor_proxy::{Actors, Exchange, Lane, Next, PeerFault, Small, Wakes};
use link::{SendError, StreamId, StreamOptions, TrySendError};

use crate::lanes;
use crate::session::{Half, Session};

/// What actors say in one session, and the streams that carry it.
#[derive(Default)]
pub(super) struct ActorLanes {
    exchange: Option<Arc<Exchange>>,
    streams: Streams,
    /// Something was taken from actors since they last heard that all of it is written.
    unwritten: bool,
    wakes: Vec<Wakes>,
}

/// One stream for each lane, opened when it is needed.
#[derive(Default)]
struct Streams {
    lanes: [Option<StreamId>; Lane::COUNT],
    /// The far end takes nothing of actors.
    refused: bool,
}

/// What one look at what actors have to say brought.
#[derive(Default)]
pub(super) struct Look {
    /// Not everything had room.
    pub(super) left: bool,
    /// Others waited for the room that there is now.
    pub(super) waited_for: bool,
    /// Somebody waits for the peer.
    pub(super) awaited: bool,
    /// The peer breaks the protocol of actors by what it does not do.
    pub(super) fault: Option<PeerFault>,
}

impl ActorLanes {
    /// Looks whether actors of this node have begun to speak. `true`: just now.
    pub(super) fn find(&mut self, session: &Session) -> bool {
        if self.exchange.is_some() {
            return false;
        }
        self.exchange = session.exchange();
        self.exchange.is_some()
    }

    /// The exchange, which begins with what has come for actors if none has spoken before.
    pub(super) fn begin(&mut self, session: &Session, actors: &Actors) -> Option<&Arc<Exchange>> {
        if self.exchange.is_none() {
            self.exchange = session.begin_exchange(actors);
        }
        self.exchange.as_ref()
    }

    /// Moves what actors have to say into the sending half, as far as that has room.
    pub(super) fn load(&mut self, half: &mut Half, context: &Context<'_>) -> Look {
        let Self { exchange: Some(exchange), streams, unwritten, .. } = self else { return Look::default() };
        let Some(mut outgoing) = exchange.outgoing(context) else { return self.look() };
        let mut look = Look { fault: outgoing.fault(), awaited: outgoing.is_awaited(), ..Look::default() };
        for lane in Lane::all() {
            loop {
                let taken = streams.take_small(half, lane, outgoing.small(lane));
                if taken > 0 {
                    outgoing.advance_small(lane, taken);
                    *unwritten = true;
                }
                // What is in the way of the small ones, or a large one, goes alone.
                let Some(envelope) = outgoing.peek(lane) else { break };
                if !streams.take(half, lane, envelope) {
                    look.left = true;
                    break;
                }
                outgoing.advance(lane);
                *unwritten = true;
            }
        }
        look.waited_for = outgoing.finish();
        look
    }

    /// Looks only.
    pub(super) fn look(&self) -> Look {
        let awaited = self.exchange.as_ref().is_some_and(|exchange| exchange.is_awaited());
        Look { awaited, ..Look::default() }
    }

    /// Whether nothing of what was loaded waits in the sending half, once that has no packet to give.
    pub(super) fn has_left(&self, half: &Half) -> bool {
        self.streams.lanes.iter().flatten().all(|stream| half.tx.is_stream_empty(*stream))
    }

    /// Keeps wakes until everything that is due is written.
    pub(super) fn keep(&mut self, wakes: Wakes) {
        self.wakes.push(wakes);
    }

    pub(super) fn wake(&mut self) {
        self.wakes.drain(..).for_each(Wakes::wake);
    }

    /// Lets go of the room for wakes: nothing is expected now.
    pub(super) fn rest(&mut self) {
        self.wakes.shrink_to(0);
    }

    /// Everything that was loaded has been handed to the carrier.
    pub(super) fn written(&mut self) {
        if std::mem::take(&mut self.unwritten) {
            self.wakes.extend(self.exchange.as_ref().map(|exchange| exchange.handle_written()));
        }
    }

    /// Others may have the room that was left by what was loaded.
    pub(super) fn taken(&mut self) {
        self.wakes.extend(self.exchange.as_ref().map(|exchange| exchange.handle_taken()));
    }
}

impl Streams {
    /// Hands small envelopes to the sending half, as many as it takes at once, and says how many.
    fn take_small(&mut self, half: &mut Half, lane: Lane, envelopes: Small<'_>) -> usize {
        if self.refused || envelopes.clone().next().is_none() {
            return 0;
        }
        let Some(stream) = self.stream(half, lane) else { return 0 };
        // Why it takes none is told where one is handed over alone.
        half.tx.try_send_run(stream, envelopes).unwrap_or_default()
    }

    /// Hands an envelope to the sending half. `false`: it stays where it is.
    fn take(&mut self, half: &mut Half, lane: Lane, envelope: Next<'_>) -> bool {
        if self.refused {
            return true;
        }
        let Some(stream) = self.stream(half, lane) else { return false };
        let taken = match envelope {
            Next::Small(envelope) => half.tx.try_send_copied(stream, envelope),
            Next::Large(pieces) => half.tx.try_send_pieces(stream, pieces),
        };
        if let Err(TrySendError::Refused(SendError::Stopped(_))) = taken {
            self.refused = true;
        }
        taken.is_ok() || self.refused
    }

    fn stream(&mut self, half: &mut Half, lane: Lane) -> Option<StreamId> {
        let place = self.lanes.get_mut(lane.index())?;
        if place.is_none() {
            let options = StreamOptions::default().with_priority(lanes::priority(lane));
            *place = half.use_stream(&lanes::name(lane)?, options).ok();
        }
        *place
    }
}
