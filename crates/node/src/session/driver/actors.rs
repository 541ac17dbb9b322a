//! Between the actors of this node and the session's streams.

use std::sync::Arc;
use std::task::Context;

use actor_proxy::{Exchange, Lane, Next, Outgoing, Wakes};
use link::{SendError, StreamId, StreamOptions, TrySendError};

use crate::lanes;
use crate::session::{Half, Session};

/// What actors say in one session, and the streams that carry it: one for each lane, opened when it is needed.
#[derive(Default)]
pub(super) struct ActorLanes {
    exchange: Option<Arc<Exchange>>,
    streams: [Option<StreamId>; Lane::COUNT],
    /// The far end takes nothing of actors.
    refused: bool,
    wakes: Vec<Wakes>,
}

impl ActorLanes {
    /// The exchange, once the session is up.
    pub(super) fn exchange(&mut self, session: &Session) -> Option<Arc<Exchange>> {
        if self.exchange.is_none() {
            self.exchange = session.exchange();
        }
        self.exchange.clone()
    }

    /// Moves what actors have to say into the sending half, as far as that has room. `true`: not everything.
    pub(super) fn load(&mut self, half: &mut Half, outgoing: &mut Outgoing<'_>) -> bool {
        let mut left = false;
        for lane in Lane::all() {
            while let Some(envelope) = outgoing.peek(lane) {
                if self.refused {
                    outgoing.advance(lane);
                    continue;
                }
                let taken = match (self.stream(half, lane), envelope) {
                    (Some(stream), Next::Small(envelope)) => half.tx.try_send_copied(stream, envelope),
                    (Some(stream), Next::Large(envelope)) => {
                        half.tx.try_send(stream, envelope, false).map(|_| ())
                    }
                    (None, _) => Err(TrySendError::Full),
                };
                match taken {
                    Ok(()) => outgoing.advance(lane),
                    Err(TrySendError::Refused(SendError::Stopped(_))) => self.refused = true,
                    Err(_) => {
                        left = true;
                        break;
                    }
                }
            }
        }
        left
    }

    /// Whether nothing of what was loaded waits in the sending half, once that has no packet to give.
    pub(super) fn has_left(&self, half: &Half) -> bool {
        self.streams.iter().flatten().all(|stream| half.tx.is_stream_empty(*stream))
    }

    fn stream(&mut self, half: &mut Half, lane: Lane) -> Option<StreamId> {
        let place = self.streams.get_mut(lane.index())?;
        if place.is_none() {
            let options = StreamOptions::default().with_priority(lanes::priority(lane));
            *place = half.use_stream(&lanes::name(lane)?, options).ok();
        }
        *place
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

    /// Whether somebody waits for the peer.
    pub(super) fn is_awaited(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.is_awaited())
    }

    /// Everything that was loaded has been handed to the carrier.
    pub(super) fn written(&mut self) {
        self.wakes.extend(self.exchange.as_ref().map(|exchange| exchange.handle_written()));
    }

    /// Others may have the room that was left by what was loaded.
    pub(super) fn taken(&mut self) {
        self.wakes.extend(self.exchange.as_ref().map(|exchange| exchange.handle_taken()));
    }
}

/// Looks at what actors have to say.
pub(super) fn look<'a>(exchange: &'a Option<Arc<Exchange>>, context: &Context<'_>) -> Option<Outgoing<'a>> {
    exchange.as_ref()?.outgoing(context)
}
