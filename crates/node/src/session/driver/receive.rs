//! From the carrier to the receivers.

use std::fmt;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actor_proxy::Wakes;

use endpoint::PathCause;
use link::{CloseReason, Error, Event};

use super::{Driver, End, FAREWELL_TIMEOUT, Phase};
use crate::frames::UNPROVEN_BYTES;
use crate::session::routes::ForActors;
use crate::sync::lock;

impl Driver {
    /// Reads once, opens what came, and delivers it.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.rx.handle_consumed();
        if self.redeeming {
            if !self.session.allows_actors() {
                // Nothing more is looked at before the ticket is consumed; an order or the session's start wakes us.
                return Poll::Pending;
            }
            self.go_up();
            return Poll::Ready(self.take_packets());
        }
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

    /// Opens what was read, and delivers all of it, also when it ends with the end of the session.
    fn take_packets(&mut self) -> Result<(), End> {
        let opened = self.open_packets();
        self.reader.rest(&self.core.read_pool);
        self.tell_actors(self.now)?;
        opened
    }

    fn open_packets(&mut self) -> Result<(), End> {
        let now = self.now;
        while !self.redeeming {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(()),
                Err(_) => return Err(End::Lost(PathCause::Garbage)),
            };
            if self.is_over() {
                // Read so that the far end can write, and not looked at.
                continue;
            }
            match self.rx.handle_packet(now, &mut self.core.randomness.on_demand(), packet) {
                Ok(()) => {
                    self.watch.heard = now;
                    self.watch.asked = false;
                    if let Err(end) = self.deliver() {
                        // What stands before a word of farewell has arrived.
                        self.tell_actors(now)?;
                        return Err(end);
                    }
                }
                Err(Error::Peer(fault)) => {
                    self.deliver()?;
                    self.break_off(&fault);
                }
                Err(_) => return Err(End::Lost(PathCause::Garbage)),
            }
        }
        Ok(())
    }

    /// Hands what came for actors to them, all of it at once, unless the session was ordered to end: whoever was
    /// removed says nothing to them any more.
    fn tell_actors(&mut self, now: Instant) -> Result<(), End> {
        let messages = self.routes.take_actor_messages();
        if messages.is_empty() {
            return Ok(());
        }
        let order = self.take_order(&mut lock(&self.session.half));
        self.obey(order)?;
        if self.is_over() {
            return Ok(());
        }
        let Some(exchange) = self.actors.begin(&self.session, &self.core.actors).cloned() else {
            return Ok(());
        };
        let mut fault = None;
        for part in messages {
            let (result, wakes) = match part {
                ForActors::Small(batch) => {
                    let (buffer, spans) = batch.into_packed();
                    exchange.handle_packed(now, &buffer, spans)
                }
                ForActors::Large(message) => exchange.handle_messages(now, [message]),
                ForActors::TooLarge(beginning) => (exchange.refuse_message(&beginning), Wakes::default()),
            };
            self.actors.keep(wakes);
            fault = fault.or(result.err());
        }
        if let Some(fault) = fault {
            self.break_off(&fault);
        }
        Ok(())
    }

    /// The peer breaks the protocol: the session is closed, and nothing more of it is delivered.
    pub(super) fn break_off(&mut self, fault: &dyn fmt::Display) {
        if self.is_over() {
            return;
        }
        let peer = self.session.peer().identity;
        tracing::warn!(?peer, %fault, "a member breaks the protocol; closing the session");
        self.core.close_session(self.id, CloseReason::Protocol);
        self.phase = Phase::Closing { until: self.now + FAREWELL_TIMEOUT };
    }

    /// Whether nothing is delivered any more.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. } | Phase::Farewell { .. })
    }

    /// Hands out what `rx` has.
    pub(super) fn deliver(&mut self) -> Result<(), End> {
        while let Some(event) = self.rx.poll_event() {
            match event {
                Event::Confirmed => {
                    if self.phase == Phase::Unconfirmed {
                        self.core.confirmed(self.id);
                        if self.session.allows_actors() {
                            self.go_up();
                        } else {
                            self.redeeming = true;
                        }
                    }
                }
                Event::Closed { reason } => return Err(End::ClosedByPeer(reason)),
                _ if self.is_over() => {}
                event => {
                    let delivered =
                        self.routes.deliver(event, &self.session, &self.core.receivers, &mut self.rx);
                    if let Err(fault) = delivered {
                        self.break_off(&fault);
                    }
                }
            }
        }
        Ok(())
    }

    /// The session carries traffic.
    fn go_up(&mut self) {
        self.redeeming = false;
        self.phase = Phase::Up;
        self.pass = None;
    }

    /// The far end has closed the path.
    fn hung_up(&self) -> End {
        match self.phase {
            Phase::Closing { .. } | Phase::Farewell { .. } => End::ClosedHere,
            Phase::Unconfirmed | Phase::Up => End::Lost(PathCause::Closed),
        }
    }
}
