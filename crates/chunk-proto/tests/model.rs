//! A reassembler in the hands of a hostile peer, a forgetful caller and a clock, against a trivial model.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chunk_proto::{
    Accepted, Chunk, ChunkOptions, Coding, Compression, Deflater, Error, Limits, MIN_BYTES_PER_SECOND,
    MessageId, NodeBudget, Outline, PEER_FLOOR_BYTES, Reassembler, WORKING_BYTES,
};
use proptest::prelude::*;
use support::{Listener, Standing, content, header, scaled};

const MESSAGES: u64 = 6;

/// Message `id` has a shape of its own; 0 is empty, 1 is one chunk.
fn outline(id: u64) -> Outline {
    Outline::new(
        [0, 90, 250, 1_000, 5_000, scaled(300_000, 2_400) as u64][id as usize],
        [100, 100, 100, 300, 1_000, scaled(60_000, 1_200) as u32][id as usize],
    )
    .unwrap()
}

/// A message, and its chunks ready to be sent.
struct Material {
    message: Vec<u8>,
    raw: Vec<Bytes>,
    deflated: Vec<Chunk>,
}

static MATERIAL: LazyLock<Vec<Material>> = LazyLock::new(|| {
    let material = |id| {
        let message = content(id, outline(id).total_bytes() as usize);
        let chunks = |compression| {
            let options = ChunkOptions {
                chunk_bytes: outline(id).chunk_bytes().max(100),
                compression,
                ..ChunkOptions::default()
            };
            support::chunks(id, &message, &options, &mut Deflater::default())
        };
        let raw = chunks(Compression::Never).into_iter().map(|chunk| chunk.payload).collect();
        let deflated = chunks(Compression::Always);
        Material { raw, deflated, message }
    };
    (0..MESSAGES).map(material).collect()
});

#[derive(Debug, Clone, Copy)]
enum Shape {
    Raw,
    Deflated,
    /// Another length than the message was begun with; the same as `Raw` before that.
    OtherOutline,
    TooShort,
    BrokenStream,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Accept { id: u64, index: u32, shape: Shape },
    Drain,
    Wait { seconds: u64 },
    Abandon { id: u64 },
    Postpone { id: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let shape = prop_oneof![
        20 => Just(Shape::Raw),
        3 => Just(Shape::Deflated),
        1 => Just(Shape::OtherOutline),
        1 => Just(Shape::TooShort),
        1 => Just(Shape::BrokenStream),
    ];
    prop_oneof![
        20 => (0..MESSAGES, 0..15u32, shape).prop_map(|(id, index, shape)| Op::Accept { id, index, shape }),
        10 => Just(Op::Drain),
        2 => (0..50u64).prop_map(|seconds| Op::Wait { seconds }),
        1 => (0..MESSAGES).prop_map(|id| Op::Abandon { id }),
        1 => (0..MESSAGES).prop_map(|id| Op::Postpone { id }),
    ]
}

/// What the model knows of a message that was begun.
#[derive(Debug)]
struct Begun {
    came: BTreeSet<u32>,
    opened: Instant,
    progressed: Instant,
    end: Option<Standing>,
    abandoned: bool,
}

impl Begun {
    fn received_bytes(&self, id: u64) -> u64 {
        self.came
            .iter()
            .map(|index| outline(id).range(*index).unwrap())
            .map(|range| range.end - range.start)
            .sum()
    }

    fn deadline(&self, id: u64, limits: &Limits) -> Instant {
        let earned = Duration::from_secs(self.received_bytes(id) / MIN_BYTES_PER_SECOND);
        (self.progressed + limits.expiry).min(self.opened + limits.expiry + earned)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted(Accepted),
    PeerFault,
}

struct World {
    now: Instant,
    limits: Limits,
    node: NodeBudget,
    reassembler: Reassembler,
    listener: Listener,
    model: BTreeMap<u64, Begun>,
    /// No event waits.
    quiet: bool,
}

impl World {
    fn new(limits: Limits, node: NodeBudget) -> Self {
        Self {
            now: Instant::now(),
            reassembler: Reassembler::new(limits.clone(), node.clone()),
            limits,
            node,
            listener: Listener::default(),
            model: BTreeMap::new(),
            quiet: true,
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Accept { id, index, shape } => self.accept(id, index % outline(id).chunks(), shape),
            Op::Drain => {
                self.listener.drain(&mut self.reassembler);
                self.check_progress();
            }
            Op::Wait { seconds } => self.wait(Duration::from_secs(seconds)),
            Op::Abandon { id } => self.abandon(id),
            Op::Postpone { id } => {
                self.reassembler.postpone(self.now, MessageId(id));
                if let Some(begun) = self.model.get_mut(&id).filter(|begun| begun.end.is_none()) {
                    (begun.opened, begun.progressed) = (self.now, self.now);
                }
            }
        }
        self.quiet = matches!(op, Op::Drain);
        let held_limit = self.limits.peer_bytes - WORKING_BYTES;
        assert!(self.reassembler.used_bytes() <= held_limit);
        assert!(self.reassembler.open_messages() <= self.limits.max_open_messages);
        assert!(self.node.used_bytes() <= self.node.limit_bytes());
        assert_eq!(self.node.used_bytes(), self.reassembler.used_bytes().saturating_sub(PEER_FLOOR_BYTES));
    }

    fn accept(&mut self, id: u64, index: u32, shape: Shape) {
        let shape = match shape {
            Shape::OtherOutline if !self.model.contains_key(&id) => Shape::Raw,
            shape => shape,
        };
        let grid = outline(id);
        let raw = &MATERIAL[id as usize].raw[index as usize];
        let (coding, payload) = match shape {
            Shape::Raw | Shape::OtherOutline => (Coding::Raw, raw.clone()),
            Shape::Deflated => {
                let chunk = &MATERIAL[id as usize].deflated[index as usize];
                (chunk.header.coding(), chunk.payload.clone())
            }
            Shape::TooShort => (Coding::Raw, raw.slice(..raw.len().saturating_sub(1))),
            Shape::BrokenStream => (Coding::Deflate, Bytes::from_static(b"\xFF\xFF")),
        };
        let total_bytes = grid.total_bytes() + u64::from(matches!(shape, Shape::OtherOutline));
        let header = header(id, index, total_bytes, grid.chunk_bytes().max(100), coding);
        let expected = self.expect(id, index, shape, payload.len(), header.covered_bytes());
        match self.reassembler.accept(self.now, header, payload) {
            Err(error) if error.is_no_room() => {
                // Nothing changed, as whatever follows will show. What is in order always has room.
                let open = self.model.get(&id);
                assert!(
                    !self.quiet
                        || open.is_none_or(|open| (0..index).any(|index| !open.came.contains(&index)))
                );
                return;
            }
            Err(_) => assert_eq!(expected, Verdict::PeerFault),
            Ok(accepted) => assert_eq!(expected, Verdict::Accepted(accepted)),
        }
        match expected {
            Verdict::Accepted(Accepted::New) => {
                let now = self.now;
                let begun = self.model.entry(id).or_insert_with(|| Begun {
                    came: BTreeSet::new(),
                    opened: now,
                    progressed: now,
                    end: None,
                    abandoned: false,
                });
                begun.came.insert(index);
                begun.progressed = now;
            }
            Verdict::PeerFault => {
                if let Some(begun) = self.model.get_mut(&id) {
                    begun.end = Some(Standing::Doomed);
                }
            }
            Verdict::Accepted(_) => {}
        }
    }

    /// What must become of a chunk.
    fn expect(&self, id: u64, index: u32, shape: Shape, payload: usize, covered: usize) -> Verdict {
        let told = self.listener.standing(id).is_some_and(|standing| standing != Standing::Open);
        if let Some(begun) = self.model.get(&id) {
            if told || begun.end.is_some() || outline(id).is_single() || begun.abandoned {
                return Verdict::Accepted(Accepted::Ended);
            }
            if matches!(shape, Shape::OtherOutline) {
                return Verdict::PeerFault;
            }
            if begun.came.contains(&index) {
                return Verdict::Accepted(Accepted::Duplicate);
            }
        }
        match shape {
            Shape::BrokenStream => Verdict::PeerFault,
            Shape::TooShort if payload != covered => Verdict::PeerFault,
            _ => Verdict::Accepted(Accepted::New),
        }
    }

    fn wait(&mut self, time: Duration) {
        // A diligent caller: is called back as often as it was asked to.
        let until = self.now + time;
        while let Some(deadline) = self.reassembler.poll_timeout().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.reassembler.handle_timeout(self.now);
            assert!(
                self.reassembler.poll_timeout().is_none_or(|next| next > self.now),
                "timeouts must progress"
            );
        }
        self.now = until;
        self.reassembler.handle_timeout(self.now);
        for (id, begun) in &mut self.model {
            let open = begun.end.is_none() && begun.came.len() as u32 != outline(*id).chunks();
            if open && begun.deadline(*id, &self.limits) <= self.now {
                begun.end = Some(Standing::Expired);
            }
        }
    }

    fn abandon(&mut self, id: u64) {
        let there = self.reassembler.abandon(MessageId(id));
        let Some(begun) = self.model.get_mut(&id) else {
            assert!(!there);
            return;
        };
        if there {
            begun.abandoned = true;
            begun.end = begun.end.or(Some(Standing::Open));
        }
    }

    /// Once all was told, so was how much has come of every message of several chunks.
    fn check_progress(&self) {
        for (id, begun) in self.model.iter().filter(|(id, _)| !outline(**id).is_single()) {
            if begun.end.is_none() {
                assert_eq!(self.listener.messages[id].progress, begun.received_bytes(*id), "of {id}");
            }
        }
    }

    /// After the last step: nothing is held, and every message ended as the model says.
    fn finish(mut self) {
        self.wait(Duration::from_secs(100_000));
        self.listener.drain(&mut self.reassembler);
        for (id, begun) in &self.model {
            let heard = self.listener.standing(*id);
            match begun.end {
                None => {
                    assert_eq!(self.listener.complete(*id), MATERIAL[*id as usize].message)
                }
                // Of a message nobody heard of, nobody hears the end.
                Some(end) if !begun.abandoned => assert!(heard.is_none() || heard == Some(end)),
                Some(_) => assert!(heard.is_none_or(|heard| heard != Standing::Complete) || begun.abandoned),
            }
        }
        assert_eq!((self.reassembler.used_bytes(), self.reassembler.open_messages()), (0, 0));
        assert_eq!((self.node.used_bytes(), self.reassembler.poll_timeout()), (0, None));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 3_000 }))]

    #[test]
    fn agrees_with_the_model(ops in prop::collection::vec(op(), 0..scaled(120, 60))) {
        let mut world = World::new(Limits::default(), NodeBudget::default());
        ops.into_iter().for_each(|op| world.step(op));
        world.finish();
    }

    #[test]
    fn agrees_with_the_model_where_room_is_scarce(
        ops in prop::collection::vec(op(), 0..scaled(120, 60)),
        peer_bytes in 0..200_000usize,
        node_bytes in 0..100_000usize,
        max_open_messages in 0..4usize,
    ) {
        let limits = Limits { peer_bytes: WORKING_BYTES + peer_bytes, max_open_messages, ..Limits::default() };
        let mut world = World::new(limits, NodeBudget::new(node_bytes));
        ops.into_iter().for_each(|op| world.step(op));
        world.finish();
    }
}

/// With every budget spent, a message that is open still advances chunk by chunk in order, compressed or not, and
/// messages of one chunk pass.
#[test]
fn no_room_never_stops_what_is_in_order() {
    /// Of these a peer may hold one.
    const CHUNK_BYTES: usize = scaled(64_000, 20_000);
    let limits = Limits { peer_bytes: WORKING_BYTES + CHUNK_BYTES + 6_000, ..Limits::default() };
    // Room for what one peer holds beyond its floor.
    let node = NodeBudget::new(scaled(70_000, 6_000));
    let now = Instant::now();
    let mut reassembler = Reassembler::new(limits, node.clone());
    let mut listener = Listener::default();
    let message = content(9, scaled(6, 3) * CHUNK_BYTES);
    let options = ChunkOptions {
        compression: Compression::Always,
        chunk_bytes: CHUNK_BYTES as u32,
        ..ChunkOptions::default()
    };
    let mut deflater = Deflater::default();
    let chunks = support::chunks(9, &message, &options, &mut deflater);
    reassembler.accept(now, chunks[1].header, chunks[1].payload.clone()).unwrap();
    let full = reassembler.accept(now, chunks[2].header, chunks[2].payload.clone());
    assert!(matches!(full, Err(Error::PeerBudget { .. })));
    listener.drain(&mut reassembler);
    // A second peer of the same node: its own budget is empty, the node's is spent.
    let mut neighbour = Reassembler::new(Limits::default(), node);
    let mut neighbour_heard = Listener::default();
    let held = neighbour.accept(now, chunks[2].header, chunks[2].payload.clone());
    assert!(matches!(held, Err(Error::NodeBudget { .. })));
    for chunk in &chunks {
        neighbour.accept(now, chunk.header, chunk.payload.clone()).unwrap();
        neighbour_heard.drain(&mut neighbour);
    }
    assert_eq!(neighbour_heard.complete(9), message);
    for chunk in support::chunks(10, &content(10, 5_000), &options, &mut deflater) {
        reassembler.accept(now, chunk.header, chunk.payload).unwrap();
        listener.drain(&mut reassembler);
    }
    assert_eq!(listener.complete(10), content(10, 5_000));
    for chunk in &chunks {
        reassembler.accept(now, chunk.header, chunk.payload.clone()).unwrap();
        listener.drain(&mut reassembler);
    }
    assert_eq!(listener.complete(9), message);
}
