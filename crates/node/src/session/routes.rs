//! From the streams of a session to the receivers of the node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use actor_proxy::Lane;
use bytes::{Bytes, BytesMut};
use link::{Batch, Event, MESSAGE_COST_BYTES, Meter, Rx, StopReason, StreamId, StreamName};

use super::Session;
use crate::body::{Body, Pieces};
use crate::error::BodyError;
use crate::inbox::{Abandoned, Content, Credit, Delivery, Inbox};
use crate::lanes;
use crate::receivers::Receivers;

/// Where the messages of each stream that the peer opened go.
#[derive(Default)]
pub(super) struct Routes {
    streams: BTreeMap<StreamId, Route>,
    /// One for each lane at most, so that no more large messages are gathered than there are lanes.
    actors: Vec<ActorRoute>,
    /// What came for actors and was not handed to them. Bounded by what is read at once.
    for_actors: Vec<ForActors>,
    /// The largest message of actors, in bytes.
    max_actor_bytes: u64,
    /// Receivers to wake when the batch of packets is done, each once.
    wakers: Vec<Waker>,
}

struct Route {
    inbox: Arc<Inbox>,
    meter: Meter,
    /// The large message that is being received.
    current: Option<Arc<Pieces>>,
}

/// A lane of what the peer's actors say.
struct ActorRoute {
    stream: StreamId,
    lane: Lane,
    meter: Meter,
    /// The large message that is being received.
    current: Gathering,
}

/// A large message for actors. It is read as a whole: they agreed on how large one may be.
#[derive(Default)]
struct Gathering {
    pieces: Vec<Bytes>,
    too_large: bool,
}

/// Something for the actors of this node.
pub(super) enum ForActors {
    Small(Batch),
    Large(Bytes),
    /// The beginning of a message that is larger than agreed.
    TooLarge(Bytes),
}

/// The peer has opened a lane that is open: it breaks the protocol (PROTOCOL.md §13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LaneTaken(Lane);

impl Routes {
    /// Delivers what arrived; says to `rx` which streams nobody wants.
    ///
    /// # Errors
    /// [`LaneTaken`]: the session is to be closed.
    pub(super) fn deliver(
        &mut self,
        event: Event,
        session: &Arc<Session>,
        receivers: &Receivers,
        rx: &mut Rx,
    ) -> Result<(), LaneTaken> {
        if let Some(event) = self.deliver_to_actors(event)? {
            self.deliver_to_receivers(event, session, receivers, rx);
        }
        Ok(())
    }

    fn deliver_to_receivers(
        &mut self,
        event: Event,
        session: &Arc<Session>,
        receivers: &Receivers,
        rx: &mut Rx,
    ) {
        match event {
            Event::Opened { stream, name, meter, .. } => self.open(stream, &name, meter, receivers, rx),
            Event::Messages { stream, batch } => self.messages(stream, batch, session, rx),
            Event::Started { stream, total_bytes } => self.start(stream, total_bytes, session, rx),
            Event::Piece { stream, bytes } => {
                let pieces = self.streams.get(&stream).and_then(|route| route.current.as_ref());
                self.wakers.extend(pieces.and_then(|pieces| pieces.push(bytes)));
            }
            Event::Finished { stream } => self.finish(stream, Ok(())),
            Event::Aborted { stream } => self.finish(stream, Err(BodyError::Aborted)),
            Event::Ended { stream } => {
                self.streams.remove(&stream);
            }
            // Events of the session as a whole, which the driver takes.
            _ => {}
        }
    }

    /// Takes what came for actors since the last look, in order.
    pub(super) fn take_actor_messages(&mut self) -> Vec<ForActors> {
        std::mem::take(&mut self.for_actors)
    }

    /// Takes an event of a lane of actors; gives back any other.
    fn deliver_to_actors(&mut self, event: Event) -> Result<Option<Event>, LaneTaken> {
        match event {
            Event::Opened { stream, ref name, ref meter, .. } => {
                let Some(lane) = lanes::lane(name) else { return Ok(Some(event)) };
                if self.actors.iter().any(|route| route.lane == lane) {
                    return Err(LaneTaken(lane));
                }
                let route = ActorRoute { stream, lane, meter: meter.clone(), current: Gathering::default() };
                // Most peers open one or two.
                self.actors.reserve_exact(1);
                self.actors.push(route);
            }
            Event::Messages { stream, batch } => {
                let Some(route) = self.actor_route(stream) else {
                    return Ok(Some(Event::Messages { stream, batch }));
                };
                // Mailboxes have a credit of their own: what waits there is not the session's.
                give_back(&route.meter, batch.cost());
                self.for_actors.push(ForActors::Small(batch));
            }
            Event::Started { stream, total_bytes } => {
                let max_actor_bytes = self.max_actor_bytes;
                let Some(route) = self.actor_route(stream) else { return Ok(Some(event)) };
                route.current = Gathering { pieces: Vec::new(), too_large: total_bytes > max_actor_bytes };
            }
            Event::Piece { stream, ref bytes } => {
                let Some(route) = self.actor_route(stream) else { return Ok(Some(event)) };
                give_back(&route.meter, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                // Of one that is too large the beginning is enough.
                if !route.current.too_large || route.current.pieces.is_empty() {
                    route.current.pieces.push(bytes.clone());
                }
            }
            Event::Finished { stream } => {
                let Some(route) = self.actor_route(stream) else { return Ok(Some(event)) };
                give_back(&route.meter, MESSAGE_COST_BYTES);
                let message = std::mem::take(&mut route.current).into_message();
                self.for_actors.push(message);
            }
            Event::Aborted { stream } => {
                let Some(route) = self.actor_route(stream) else { return Ok(Some(event)) };
                give_back(&route.meter, MESSAGE_COST_BYTES);
                route.current = Gathering::default();
            }
            Event::Ended { stream } => {
                let lanes = self.actors.len();
                self.actors.retain(|route| route.stream != stream);
                if self.actors.len() == lanes {
                    return Ok(Some(event));
                }
            }
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    fn actor_route(&mut self, stream: StreamId) -> Option<&mut ActorRoute> {
        self.actors.iter_mut().find(|route| route.stream == stream)
    }

    /// Wakes whoever got something.
    pub(super) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// How large messages of actors may be.
    pub(super) fn limit_actors(&mut self, max_bytes: usize) {
        self.max_actor_bytes = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    }

    /// Nothing more will come: large messages that are not complete never will be.
    pub(super) fn lose(&mut self) {
        for route in std::mem::take(&mut self.streams).into_values() {
            let waker = route.current.and_then(|pieces| pieces.end(Err(BodyError::Lost)));
            self.wakers.extend(waker);
        }
        self.wake();
    }

    fn open(
        &mut self,
        stream: StreamId,
        name: &StreamName,
        meter: Meter,
        receivers: &Receivers,
        rx: &mut Rx,
    ) {
        match receivers.find(name) {
            Some(inbox) => {
                self.streams.insert(stream, Route { inbox, meter, current: None });
            }
            None => rx.refuse(stream, StopReason::NoReceiver),
        }
    }

    fn messages(&mut self, stream: StreamId, batch: Batch, session: &Arc<Session>, rx: &mut Rx) {
        let Some(route) = self.streams.get(&stream) else { return };
        let credit = Credit { meter: route.meter.clone(), session: Arc::clone(session) };
        let delivery = Delivery { from: session.peer().identity, credit, content: Content::Small(batch) };
        self.push(stream, delivery, rx);
    }

    fn start(&mut self, stream: StreamId, total_bytes: u64, session: &Arc<Session>, rx: &mut Rx) {
        let Some(route) = self.streams.get_mut(&stream) else { return };
        let credit = Credit { meter: route.meter.clone(), session: Arc::clone(session) };
        let pieces = Pieces::new(total_bytes, credit.clone());
        route.current = Some(Arc::clone(&pieces));
        let content = Content::Large(Some(Body::pieces(pieces)));
        let delivery = Delivery { from: session.peer().identity, credit, content };
        self.push(stream, delivery, rx);
    }

    fn finish(&mut self, stream: StreamId, end: Result<(), BodyError>) {
        let pieces = self.streams.get_mut(&stream).and_then(|route| route.current.take());
        self.wakers.extend(pieces.and_then(|pieces| pieces.end(end)));
    }

    fn push(&mut self, stream: StreamId, delivery: Delivery, rx: &mut Rx) {
        let Some(route) = self.streams.get(&stream) else { return };
        match route.inbox.push(delivery) {
            Ok(waker) => self.wakers.extend(waker),
            Err(Abandoned) => {
                self.streams.remove(&stream);
                rx.refuse(stream, StopReason::Ended);
            }
        }
    }
}

impl fmt::Display for LaneTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it opened lane {} of actors twice", self.0.index())
    }
}

impl Gathering {
    fn into_message(self) -> ForActors {
        let Self { mut pieces, too_large } = self;
        if too_large {
            return ForActors::TooLarge(pieces.pop().unwrap_or_default());
        }
        if let [_] = pieces.as_slice() {
            return ForActors::Large(pieces.pop().unwrap_or_default());
        }
        let mut message = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        pieces.iter().for_each(|piece| message.extend_from_slice(piece));
        ForActors::Large(message.freeze())
    }
}

/// Returns the cost of what was taken at once: the driver itself asks for it, and grants credit when it reads next.
fn give_back(meter: &Meter, cost: u64) {
    let _ = meter.consume(cost);
}
