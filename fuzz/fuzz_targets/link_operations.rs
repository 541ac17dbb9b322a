//! Any sequence of what the applications at two ends, and the path between them, may do: each operation has exactly one
//! outcome, and each stream delivers what was taken, in order and once; only what was cancelled or refused, or what the
//! end of the session caught, may be missing.
#![no_main]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chunk_proto::{Deflater, NodeBudget};
use libfuzzer_sys::fuzz_target;
use link::{
    BufferPool, CloseReason, Error, Event, Limits, MESSAGE_COST_BYTES, Meter, OperationId, PeerLimits,
    Priority, Rx, StopReason, StreamId, StreamName, StreamOptions, Tx, TxEvent,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{Association, PathNumber, Role, SessionSecrets, Suite, Tag, TrafficAead, split};

const MAX_OPERATIONS: usize = 250;
const BUDGET_BYTES: usize = 8 << 20;

/// Around the sizes where messages begin to travel alone, in chunks, and beyond the credit of a stream.
const MESSAGE_BYTES: [usize; 8] = [4, 40, 300, 900, 1_100, 2_500, 9_000, 20_000];

/// Keys of the generation before are held, and no older ones: a packet that two others overtake may find two rekeys done.
/// They are held for 10 s, longer than any input lasts.
const MAX_OVERTAKING: usize = 1;

/// Supplied at once of a message that comes in pieces.
const PIECE_BYTES: usize = 1_500;

fuzz_target!(|input: &[u8]| {
    let mut pair = Pair::new();
    for operation in input.chunks_exact(2).take(MAX_OPERATIONS) {
        pair.apply(operation[0], operation[1]);
    }
    pair.finish();
});

struct Pair {
    now: Instant,
    ends: [End; 2],
    /// The session was closed or lost: messages may be missing.
    over: bool,
    made: u32,
}

struct End {
    tx: Tx,
    rx: Rx,
    budget: NodeBudget,
    deflater: Deflater,
    rng: StdRng,
    streams: [StreamId; 3],
    /// Streams that the other end refuses.
    doubted: BTreeSet<StreamId>,
    outgoing: Vec<Outgoing>,
    operations: BTreeMap<OperationId, usize>,
    incoming: BTreeMap<StreamId, Incoming>,
    /// Sealed packets on their way to the other end, and how many others have overtaken each.
    wire: VecDeque<(BytesMut, usize)>,
    /// The last one that arrived there.
    arrived: Option<BytesMut>,
}

struct Outgoing {
    stream: StreamId,
    message: Bytes,
    /// How much of it was supplied.
    supplied: usize,
    may_be_missing: bool,
}

#[derive(Default)]
struct Incoming {
    messages: Vec<Bytes>,
    partial: Option<BytesMut>,
    unconsumed: u64,
    meter: Option<Meter>,
}

impl Pair {
    fn new() -> Self {
        let mut limits = Limits::default();
        limits.stream_window_bytes = 8 << 10;
        limits.session_window_bytes = 16 << 10;
        limits.chunk_bytes = 700;
        limits.max_packet_bytes = 1_300;
        limits.max_waiting = 40;
        limits.rekey_after = Duration::from_millis(100);
        let limits = limits.sanitized();
        let now = Instant::now();
        let ends = [Role::Initiator, Role::Responder].map(|role| End::new(now, role, limits));
        let mut pair = Self { now, ends, over: false, made: 0 };
        // On a path that reorders, no message may overtake the opening of its stream.
        pair.settle();
        pair
    }

    fn apply(&mut self, operation: u8, argument: u8) {
        let who = usize::from(operation & 1);
        let small = usize::from(argument);
        match operation >> 1 & 15 {
            kind @ 0..=4 => self.take_message(who, small, kind),
            5..=7 => self.ends[who].transmit(1 + small % 4),
            8..=11 => self.deliver(who, small % 4),
            12 => self.ends[who].consume(),
            13 => self.ends[who].cancel(small),
            14 => self.pass(Duration::from_millis(u64::from(argument) / 8)),
            _ => self.disturb(who, argument),
        }
    }

    fn take_message(&mut self, who: usize, argument: usize, kind: u8) {
        self.made += 1;
        let number = self.made.to_le_bytes();
        let message: Bytes = number.iter().cycle().take(MESSAGE_BYTES[argument >> 3 & 7]).copied().collect();
        let stream = self.ends[who].streams[argument % 3];
        self.ends[who].take(stream, message, argument & 64 != 0, kind);
    }

    fn deliver(&mut self, from: usize, index: usize) {
        let Some(packet) = self.ends[from].pick(index) else { return };
        self.ends[from].arrived = Some(packet.clone());
        let now = self.now;
        match self.ends[1 - from].receive(now, packet) {
            Ok(()) => {}
            Err(Error::Closed) => assert!(self.over),
            // What is left of a session that is over may find its keys gone.
            Err(error) => assert!(self.over, "{error} in an honest packet"),
        }
        self.over |= self.ends.iter().any(|end| end.tx.is_closed());
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for end in &mut self.ends {
            end.rx.handle_timeout(self.now, &mut end.rng);
            end.take_events();
        }
    }

    fn disturb(&mut self, who: usize, argument: u8) {
        let now = self.now;
        let end = &mut self.ends[who];
        match argument {
            0..=79 => drop(end.tx.ping(argument.into())),
            80..=159 => end.rx.rekey(&mut end.rng),
            160..=219 => {
                let Some(packet) = end.arrived.clone() else { return };
                assert!(self.ends[1 - who].receive(now, packet).is_err(), "the same packet twice");
                return;
            }
            220..=239 => {
                let Some(&stream) = end.incoming.keys().nth(usize::from(argument % 3)) else { return };
                end.rx.refuse(stream, StopReason::NoReceiver);
                self.ends[1 - who].doubt(stream);
            }
            240..=252 => {
                self.over = true;
                end.tx.close(CloseReason::Application);
            }
            _ => {
                self.over = true;
                end.tx.fail();
            }
        }
        self.ends[who].take_events();
    }

    /// Everything flows until nothing does.
    fn settle(&mut self) {
        loop {
            for from in [0, 1] {
                self.ends[from].consume();
                self.ends[from].transmit(usize::MAX);
            }
            if self.ends.iter().all(|end| end.wire.is_empty()) {
                return;
            }
            for from in [0, 1] {
                while !self.ends[from].wire.is_empty() {
                    self.deliver(from, 0);
                }
            }
        }
    }

    fn finish(mut self) {
        self.settle();
        if self.over {
            for end in &mut self.ends {
                end.tx.fail();
                end.take_events();
            }
        }
        let over = self.over;
        let [mut a, mut b] = self.ends;
        a.check(&b.incoming, over);
        b.check(&a.incoming, over);
        for end in [a, b] {
            drop(end.rx);
            assert_eq!(end.budget.used_bytes(), 0, "the budget comes back");
        }
    }
}

impl End {
    fn new(now: Instant, role: Role, limits: Limits) -> Self {
        let association = Association {
            secrets: SessionSecrets::dangerous_from_bytes(&[7; 128]),
            role,
            suite: Suite::X3dh,
            aead: TrafficAead::Aes256Gcm,
            local_tag: Tag(0),
            remote_tag: Tag(0),
        };
        let (sealer, opener, rekey) = split(association, Default::default()).expect("a known cipher");
        let session_window_bytes = limits.session_window_bytes;
        let peer = PeerLimits { session_window_bytes, stream_window_bytes: limits.stream_window_bytes };
        let confirm = role == Role::Initiator;
        let budget = NodeBudget::new(BUDGET_BYTES);
        let mut tx = Tx::new(sealer, PathNumber(0), limits, peer, confirm, BufferPool::default());
        let names = [("u", Priority::Urgent), ("n", Priority::Normal), ("b", Priority::Bulk)];
        let streams = names.map(|(name, priority)| {
            let name = StreamName::new(name).expect("a name");
            tx.open_stream(&name, StreamOptions::default().with_priority(priority)).expect("room for three")
        });
        Self {
            tx,
            rx: Rx::new(now, opener, rekey, limits, budget.clone()),
            budget,
            deflater: Deflater::default(),
            streams,
            doubted: BTreeSet::new(),
            rng: StdRng::seed_from_u64(1),
            outgoing: Vec::new(),
            operations: BTreeMap::new(),
            incoming: BTreeMap::new(),
            wire: VecDeque::new(),
            arrived: None,
        }
    }

    fn take(&mut self, stream: StreamId, message: Bytes, confirm: bool, kind: u8) {
        let operation = match kind {
            0 | 1 => self.tx.try_send(stream, &message, confirm).map_err(|_| ()),
            2 | 3 => self.tx.enqueue(stream, message.clone(), confirm).map(Some).map_err(|_| ()),
            _ => self.tx.begin(stream, message.len() as u64).map(Some).map_err(|_| ()),
        };
        let Ok(operation) = operation else { return };
        let index = self.outgoing.len();
        let supplied = if kind == 4 { 0 } else { message.len() };
        let may_be_missing = self.doubted.contains(&stream);
        self.outgoing.push(Outgoing { stream, message, supplied, may_be_missing });
        let known = operation.and_then(|operation| self.operations.insert(operation, index));
        assert!(known.is_none(), "an operation's id is used twice");
        self.take_events();
    }

    fn cancel(&mut self, which: usize) {
        self.take_events();
        let count = self.operations.len().max(1);
        let Some((&operation, &index)) = self.operations.iter().nth(which % count) else { return };
        self.operations.remove(&operation);
        let outgoing = &mut self.outgoing[index];
        let withdrawn = self.tx.cancel(outgoing.stream, operation);
        outgoing.may_be_missing = true;
        if withdrawn {
            // Nothing of it may arrive: no message looks like this.
            outgoing.message = Bytes::new();
        }
    }

    fn doubt(&mut self, stream: StreamId) {
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.stream == stream) {
            outgoing.may_be_missing = true;
        }
        self.doubted.insert(stream);
    }

    fn transmit(&mut self, packets: usize) {
        for _ in 0..packets {
            let Some(job) = self.tx.poll_transmit() else { break };
            let sealed = job.seal(&mut self.deflater).expect("the buffer fits");
            let packet = BytesMut::from(&sealed.buffer.as_slice()[sealed.range.clone()]);
            self.wire.push_back((packet, 0));
            if let Some(note) = sealed.coding {
                self.tx.note(note);
            }
            self.take_events();
        }
    }

    /// Takes a packet from the wire: the one at `index`, or the first if enough have overtaken it.
    fn pick(&mut self, index: usize) -> Option<BytesMut> {
        let (_, overtaken) = self.wire.front()?;
        let index = if *overtaken >= MAX_OVERTAKING { 0 } else { index.min(self.wire.len() - 1) };
        self.wire.iter_mut().take(index).for_each(|(_, overtaken)| *overtaken += 1);
        self.wire.remove(index).map(|(packet, _)| packet)
    }

    fn receive(&mut self, now: Instant, packet: BytesMut) -> Result<(), Error> {
        let outcome = self.rx.handle_packet(now, &mut self.rng, packet);
        self.take_events();
        outcome
    }

    fn consume(&mut self) {
        for incoming in self.incoming.values_mut() {
            if let Some(meter) = &incoming.meter {
                let _ = meter.consume(std::mem::take(&mut incoming.unconsumed));
            }
        }
        self.rx.handle_consumed();
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.rx.poll_event() {
            self.arrive(event);
        }
        self.tx.apply(self.rx.feedback());
        while let Some(event) = self.tx.poll_event() {
            match event {
                TxEvent::Done { operation, .. } => {
                    assert!(
                        self.operations.remove(&operation).is_some(),
                        "two outcomes, or one after cancelling"
                    );
                }
                TxEvent::Hungry { operation } => self.supply(operation),
                _ => {}
            }
        }
    }

    fn supply(&mut self, operation: OperationId) {
        let Some(&index) = self.operations.get(&operation) else { return };
        let outgoing = &mut self.outgoing[index];
        let end = outgoing.message.len().min(outgoing.supplied + PIECE_BYTES);
        let piece = outgoing.message.slice(outgoing.supplied..end);
        if self.tx.supply(outgoing.stream, operation, piece).is_ok() {
            outgoing.supplied = end;
        }
    }

    fn arrive(&mut self, event: Event) {
        match event {
            Event::Opened { stream, meter, .. } => {
                self.incoming.insert(stream, Incoming { meter: Some(meter), ..Incoming::default() });
            }
            Event::Messages { stream, batch } => {
                let incoming = self.incoming.get_mut(&stream).expect("opened");
                assert!(incoming.partial.is_none(), "between the pieces of another message");
                incoming.unconsumed += batch.cost();
                incoming.messages.extend(batch);
            }
            Event::Started { stream, .. } => {
                let incoming = self.incoming.get_mut(&stream).expect("opened");
                assert!(incoming.partial.replace(BytesMut::new()).is_none(), "two large messages at once");
            }
            Event::Piece { stream, bytes } => {
                let incoming = self.incoming.get_mut(&stream).expect("opened");
                incoming.unconsumed += bytes.len() as u64;
                incoming.partial.as_mut().expect("started").extend_from_slice(&bytes);
            }
            Event::Finished { stream } => {
                let incoming = self.incoming.get_mut(&stream).expect("opened");
                incoming.unconsumed += MESSAGE_COST_BYTES;
                let message = incoming.partial.take().expect("started");
                incoming.messages.push(message.freeze());
            }
            Event::Aborted { stream } => {
                let incoming = self.incoming.get_mut(&stream).expect("opened");
                incoming.unconsumed += MESSAGE_COST_BYTES;
                incoming.partial.take().expect("started");
            }
            _ => {}
        }
    }

    /// What the other end has got is what this end took.
    fn check(&mut self, there: &BTreeMap<StreamId, Incoming>, over: bool) {
        assert!(self.operations.is_empty(), "without outcome: {:?}", self.operations);
        for stream in self.streams {
            let mut arrived =
                there.get(&stream).map(|incoming| incoming.messages.iter()).into_iter().flatten();
            let mut next = arrived.next();
            for outgoing in self.outgoing.iter().filter(|outgoing| outgoing.stream == stream) {
                if next == Some(&outgoing.message) {
                    next = arrived.next();
                } else {
                    assert!(over || outgoing.may_be_missing, "lost, or out of order");
                }
            }
            assert_eq!(next, None, "not sent, or twice");
        }
    }
}
