//! From the carrier to the receivers.

use std::task::{Context, Poll, ready};

use endpoint::PathCause;
use link::{CloseReason, Error, Event};

use super::{Driver, End, FAREWELL_TIMEOUT, Phase};
use crate::clock;
use crate::frames::UNPROVEN_BYTES;

impl Driver {
    /// Reads once, opens what came, and delivers it.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.rx.handle_consumed();
        let pool = &self.core.read_pool;
        let read = match self.phase {
            Phase::Unconfirmed => self.reader.poll_fill_sparingly(context, &mut self.carrier, UNPROVEN_BYTES),
            _ => self.reader.poll_fill(context, &mut self.carrier, pool),
        };
        match ready!(read) {
            Ok(0) => return Poll::Ready(Err(self.hung_up())),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(path = %self.path, %error, "reading failed");
                return Poll::Ready(Err(End::Lost(PathCause::Broken)));
            }
        }
        Poll::Ready(self.take_packets())
    }

    pub(super) fn take_packets(&mut self) -> Result<(), End> {
        let now = clock::now();
        loop {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(_) => return Err(End::Lost(PathCause::Garbage)),
            };
            if matches!(self.phase, Phase::Closing { .. } | Phase::Farewell { .. }) {
                // Read so that the far end can write, and not looked at.
                continue;
            }
            match self.rx.handle_packet(now, &mut self.core.randomness.on_demand(), packet) {
                Ok(()) => {
                    self.watch.heard = now;
                    self.watch.asked = false;
                    self.deliver()?;
                }
                Err(Error::Peer(fault)) => {
                    let peer = self.session.peer().identity;
                    tracing::warn!(?peer, %fault, "a member breaks the protocol; closing the session");
                    self.deliver()?;
                    self.core.close_session(self.id, CloseReason::Protocol);
                    self.phase = Phase::Closing { until: now + FAREWELL_TIMEOUT };
                }
                Err(_) => return Err(End::Lost(PathCause::Garbage)),
            }
        }
        self.reader.rest(&self.core.read_pool);
        Ok(())
    }

    /// Hands out what `rx` has.
    pub(super) fn deliver(&mut self) -> Result<(), End> {
        while let Some(event) = self.rx.poll_event() {
            match event {
                Event::Confirmed => {
                    if self.phase == Phase::Unconfirmed {
                        self.phase = Phase::Up;
                        self.pass = None;
                        self.core.confirmed(self.id);
                    }
                }
                Event::Closed { reason } => return Err(End::ClosedByPeer(reason)),
                event => self.routes.deliver(event, &self.session, &self.core.receivers, &mut self.rx),
            }
        }
        Ok(())
    }

    /// The far end has closed the path.
    fn hung_up(&self) -> End {
        match self.phase {
            Phase::Closing { .. } | Phase::Farewell { .. } => End::ClosedHere,
            Phase::Unconfirmed | Phase::Up => End::Lost(PathCause::Closed),
        }
    }
}
