//! What a session of the simulation carries: a real link, over the secrets of the real handshake.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use chunk_proto::{Deflater, NodeBudget};
use link::{
    BufferPool, CloseReason, Event, Limits, MESSAGE_COST_BYTES, Meter, OperationId, Outcome, PeerLimits, Rx,
    StreamId, StreamName, StreamOptions, Tx, TxEvent,
};
use rand::rngs::StdRng;
use secure_channel::{Association, PathNumber, split};
use x3dh_handshake::{Established, Role};

/// Both halves of one end of a session, with an application that takes everything at once.
pub(crate) struct Plane {
    tx: Tx,
    rx: Rx,
    stream: Option<StreamId>,
    operations: BTreeMap<OperationId, u64>,
    meters: BTreeMap<StreamId, Meter>,
    partial: Vec<u8>,
}

/// What happened to a plane.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) confirmed: bool,
    /// The numbers of messages that arrived.
    pub(crate) arrived: Vec<u64>,
    pub(crate) closed: Option<CloseReason>,
}

impl Plane {
    pub(crate) fn new(now: Instant, established: Established) -> Self {
        let role = established.role;
        let association = Association {
            secrets: established.secrets,
            role,
            suite: established.suite,
            aead: established.aead,
            local_tag: established.local_tag,
            remote_tag: established.remote_tag,
        };
        let (sealer, opener, rekey) = split(association, Default::default()).unwrap();
        let mut limits = Limits::default();
        limits.stream_window_bytes = 256 << 10;
        limits.session_window_bytes = 512 << 10;
        let peer = PeerLimits {
            session_window_bytes: limits.session_window_bytes,
            stream_window_bytes: limits.stream_window_bytes,
        };
        let confirm = role == Role::Initiator;
        Self {
            tx: Tx::new(sealer, PathNumber(0), limits, peer, confirm, BufferPool::default()),
            rx: Rx::new(now, opener, rekey, limits, NodeBudget::default()),
            stream: None,
            operations: BTreeMap::new(),
            meters: BTreeMap::new(),
            partial: Vec::new(),
        }
    }

    /// Sends a message that begins with `number`.
    pub(crate) fn send(&mut self, number: u64, bytes: usize) {
        let name = StreamName::new("talk").unwrap();
        let stream = self.tx.open_stream(&name, StreamOptions::default()).unwrap();
        self.stream = Some(stream);
        let mut message = number.to_le_bytes().to_vec();
        message.resize(bytes.max(8), 7);
        let operation = self.tx.enqueue(stream, message.into(), true).unwrap();
        self.operations.insert(operation, number);
    }

    /// Stops waiting for a message, or takes it back. Says whether surely nothing of it was sent.
    pub(crate) fn cancel(&mut self, number: u64) -> Option<bool> {
        let (&operation, _) = self.operations.iter().find(|(_, other)| **other == number)?;
        self.operations.remove(&operation);
        Some(self.tx.cancel(self.stream?, operation))
    }

    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.tx.close(reason);
    }

    pub(crate) fn fail(&mut self) {
        self.tx.fail();
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.tx.is_awaited()
    }

    /// Packets that want to leave.
    pub(crate) fn transmit(&mut self) -> Vec<Vec<u8>> {
        let mut deflater = Deflater::default();
        let jobs = std::iter::from_fn(|| self.tx.poll_transmit());
        let sealed = jobs.map(|job| job.seal(&mut deflater).unwrap());
        sealed.map(|sealed| sealed.buffer.as_slice()[sealed.range].to_vec()).collect()
    }

    /// Takes a packet. `None` if it does not open.
    pub(crate) fn handle(&mut self, now: Instant, rng: &mut StdRng, packet: &[u8]) -> Option<News> {
        match self.rx.handle_packet(now, rng, BytesMut::from(packet)) {
            Ok(()) => {}
            Err(link::Error::Rejected | link::Error::Closed) => return None,
            Err(fault) => panic!("an honest peer: {fault}"),
        }
        let mut news = News::default();
        while let Some(event) = self.rx.poll_event() {
            self.take(event, &mut news);
        }
        self.rx.handle_consumed();
        self.tx.apply(self.rx.feedback());
        Some(news)
    }

    /// What became of messages since the last call.
    pub(crate) fn outcomes(&mut self) -> Vec<(u64, Outcome)> {
        let mut outcomes = Vec::new();
        while let Some(event) = self.tx.poll_event() {
            if let TxEvent::Done { operation, outcome } = event {
                let number =
                    self.operations.remove(&operation).expect("one outcome, and none after cancelling");
                outcomes.push((number, outcome));
            }
        }
        outcomes
    }

    fn take(&mut self, event: Event, news: &mut News) {
        match event {
            Event::Confirmed => news.confirmed = true,
            Event::Opened { stream, meter, .. } => {
                self.meters.insert(stream, meter);
            }
            Event::Messages { stream, batch } => {
                let cost = batch.cost();
                news.arrived.extend(batch.map(|message: Bytes| number_of(&message)));
                self.consume(stream, cost);
            }
            Event::Started { .. } => self.partial.clear(),
            Event::Piece { stream, bytes } => {
                self.partial.extend_from_slice(&bytes);
                self.consume(stream, bytes.len() as u64);
            }
            Event::Finished { stream } => {
                news.arrived.push(number_of(&self.partial));
                self.consume(stream, MESSAGE_COST_BYTES);
            }
            Event::Aborted { stream } => self.consume(stream, MESSAGE_COST_BYTES),
            Event::Closed { reason } => news.closed = Some(reason),
            _ => {}
        }
    }

    fn consume(&self, stream: StreamId, cost: u64) {
        let _ = self.meters[&stream].consume(cost);
    }
}

fn number_of(message: &[u8]) -> u64 {
    u64::from_le_bytes(*message.first_chunk().unwrap())
}
