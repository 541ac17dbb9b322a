//! The harness: a pair of links, and the packets between them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chunk_proto::{Deflater, NodeBudget};
use link::{
    BufferPool, Event, Limits, MESSAGE_COST_BYTES, Meter, PeerLimits, Rx, StreamId, StreamName, Tx, TxEvent,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{Association, PathNumber, Role, SessionSecrets, Suite, Tag, TrafficAead, split};

/// One end: its link, and what came out of it.
pub struct Side {
    pub tx: Tx,
    pub rx: Rx,
    /// Sealed packets on their way to the other side.
    pub wire: VecDeque<BytesMut>,
    pub events: Vec<TxEvent>,
    pub streams: BTreeMap<StreamId, Incoming>,
    pub names: BTreeMap<String, StreamId>,
    pub confirmed: bool,
    pub closed: Option<link::CloseReason>,
    /// Whether arriving messages are consumed at once.
    pub consume: bool,
    deflater: Deflater,
    pub rng: StdRng,
}

/// What arrived on one stream.
pub struct Incoming {
    pub name: StreamName,
    pub messages: Vec<Bytes>,
    pub partial: Option<(u64, Vec<u8>)>,
    pub aborted: usize,
    pub ended: bool,
    pub unconsumed: u64,
    meter: Meter,
}

pub struct Pair {
    pub now: Instant,
    pub a: Side,
    pub b: Side,
}

impl Pair {
    pub fn new(limits: Limits) -> Self {
        let end = |role, local, remote| {
            let association = Association {
                secrets: SessionSecrets::dangerous_from_bytes(&[7; 128]),
                role,
                suite: Suite::X3dhHybrid,
                aead: TrafficAead::Aes256Gcm,
                local_tag: Tag(local),
                remote_tag: Tag(remote),
            };
            split(association, Default::default()).unwrap()
        };
        let now = Instant::now();
        let limits = limits.sanitized();
        let peer = PeerLimits {
            session_window_bytes: limits.session_window_bytes,
            stream_window_bytes: limits.stream_window_bytes,
        };
        let side = |(sealer, opener, rekey), confirm| Side {
            tx: Tx::new(sealer, PathNumber(0), limits, peer, confirm, BufferPool::default()),
            rx: Rx::new(now, opener, rekey, limits, NodeBudget::new(256 << 20)),
            wire: VecDeque::new(),
            events: Vec::new(),
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            confirmed: false,
            closed: None,
            consume: true,
            deflater: Deflater::default(),
            rng: StdRng::seed_from_u64(1),
        };
        let (a, b) = (end(Role::Initiator, 1, 2), end(Role::Responder, 2, 1));
        Self { now, a: side(a, true), b: side(b, false) }
    }

    /// Everything flows until nothing does.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            self.a.transmit(usize::MAX);
            self.b.transmit(usize::MAX);
            if self.a.wire.is_empty() && self.b.wire.is_empty() {
                return;
            }
            while let Some(packet) = self.a.wire.pop_front() {
                self.b.receive(self.now, packet).unwrap();
            }
            while let Some(packet) = self.b.wire.pop_front() {
                self.a.receive(self.now, packet).unwrap();
            }
        }
        panic!("the pair does not settle");
    }

    pub fn advance(&mut self, time: Duration) {
        self.now += time;
        for side in [&mut self.a, &mut self.b] {
            side.rx.handle_timeout(self.now, &mut side.rng);
            side.take_rx_events();
            side.tx.apply(side.rx.feedback());
        }
    }
}

impl Side {
    /// Puts up to `packets` packets on the wire.
    pub fn transmit(&mut self, packets: usize) {
        for _ in 0..packets {
            let Some(job) = self.tx.poll_transmit() else { break };
            let sealed = job.seal(&mut self.deflater).unwrap();
            self.wire.push_back(BytesMut::from(&sealed.buffer.as_slice()[sealed.range.clone()]));
            if let Some(note) = sealed.coding {
                self.tx.note(note);
            }
        }
        self.take_tx_events();
    }

    pub fn take_tx_events(&mut self) {
        while let Some(event) = self.tx.poll_event() {
            self.events.push(event);
        }
    }

    pub fn receive(&mut self, now: Instant, packet: BytesMut) -> Result<(), link::Error> {
        let result = self.rx.handle_packet(now, &mut self.rng, packet);
        self.take_rx_events();
        self.rx.handle_consumed();
        self.tx.apply(self.rx.feedback());
        self.take_tx_events();
        result
    }

    pub fn take_rx_events(&mut self) {
        while let Some(event) = self.rx.poll_event() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Confirmed => self.confirmed = true,
            Event::Opened { stream, name, meter, .. } => {
                self.names.insert(name.to_string(), stream);
                let incoming = Incoming {
                    name,
                    messages: Vec::new(),
                    partial: None,
                    aborted: 0,
                    ended: false,
                    unconsumed: 0,
                    meter,
                };
                self.streams.insert(stream, incoming);
            }
            Event::Messages { stream, batch } => {
                let cost = batch.cost();
                self.incoming(stream).messages.extend(batch);
                self.arrived(stream, cost);
            }
            Event::Started { stream, total_bytes } => {
                self.incoming(stream).partial = Some((total_bytes, Vec::new()));
            }
            Event::Piece { stream, bytes } => {
                let (_, partial) = self.incoming(stream).partial.as_mut().unwrap();
                partial.extend_from_slice(&bytes);
                self.arrived(stream, bytes.len() as u64);
            }
            Event::Finished { stream } => {
                let (total, message) = self.incoming(stream).partial.take().unwrap();
                assert_eq!(total, message.len() as u64);
                self.incoming(stream).messages.push(message.into());
                self.arrived(stream, MESSAGE_COST_BYTES);
            }
            Event::Aborted { stream } => {
                self.incoming(stream).partial.take().unwrap();
                self.incoming(stream).aborted += 1;
                self.arrived(stream, MESSAGE_COST_BYTES);
            }
            Event::Ended { stream } => self.incoming(stream).ended = true,
            Event::Closed { reason } => self.closed = Some(reason),
            other => panic!("unexpected {other:?}"),
        }
    }

    fn incoming(&mut self, stream: StreamId) -> &mut Incoming {
        self.streams.get_mut(&stream).unwrap()
    }

    fn arrived(&mut self, stream: StreamId, cost: u64) {
        self.incoming(stream).unconsumed += cost;
        if self.consume {
            self.consume_all();
        }
    }

    /// The application takes everything that lies in its queues.
    pub fn consume_all(&mut self) {
        for incoming in self.streams.values_mut() {
            let _ = incoming.meter.consume(std::mem::take(&mut incoming.unconsumed));
        }
        self.rx.handle_consumed();
        self.tx.apply(self.rx.feedback());
    }

    /// What arrived on the stream of that name.
    pub fn received(&self, name: &str) -> &Incoming {
        &self.streams[&self.names[name]]
    }
}

pub fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

/// Bytes that neither repeat nor compress.
pub fn noise(bytes: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(|_| next()).collect()
}
