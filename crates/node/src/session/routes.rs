//! From the streams of a session to the receivers of the node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use link::{Batch, Event, Meter, Rx, StopReason, StreamId, StreamName};

use super::Session;
use crate::body::{Body, Pieces};
use crate::error::BodyError;
use crate::inbox::{Content, Credit, Delivery, Inbox};
use crate::receivers::Receivers;

/// Where the messages of each stream that the peer opened go.
#[derive(Default)]
pub(super) struct Routes {
    streams: BTreeMap<StreamId, Route>,
    /// Receivers to wake when the batch of packets is done, each once.
    wakers: Vec<Waker>,
}

struct Route {
    inbox: Arc<Inbox>,
    meter: Meter,
    /// The large message that is being received.
    current: Option<Arc<Pieces>>,
}

impl Routes {
    /// Delivers what arrived; says to `rx` which streams nobody wants.
    pub(super) fn deliver(
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

    /// Wakes whoever got something.
    pub(super) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
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
            Err(_) => {
                // The receiver is gone; the delivery pays its credit back as it is dropped.
                self.streams.remove(&stream);
                rx.refuse(stream, StopReason::Ended);
            }
        }
    }
}
