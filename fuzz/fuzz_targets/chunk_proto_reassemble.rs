//! Any sequence of chunks, honest and not, polls, waits and refusals: events keep their promises, budgets hold and
//! come back, and of an honest message nothing but its own bytes comes out.
#![no_main]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chunk_proto::{
    Accepted, ChunkHeader, Coding, Event, Limits, MessageId, NodeBudget, Outline, PEER_FLOOR_BYTES,
    Reassembler, WORKING_BYTES,
};
use libfuzzer_sys::fuzz_target;

/// Messages below this number are sent honestly, whatever the input says.
const HONEST: u64 = 4;
const HELD_BYTES: usize = 18_000;
/// Reached a little before the peer's budget, if messages are many.
const NODE_BYTES: usize = 1_500;

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    let mut data = data;
    while let Some((&first, rest)) = data.split_first() {
        data = rest;
        match first {
            0x00..0xE0 => {
                let Some(([index, shape], rest)) = data.split_first_chunk::<2>() else { break };
                let (payload, rest) = rest.split_at(rest.len().min(usize::from(*shape & 0x3F)));
                // Only dishonest chunks have bytes of the input as payload.
                data = if u64::from(first % 8) < HONEST { &data[2..] } else { rest };
                world.chunk((first % 8).into(), (*index).into(), *shape, payload);
            }
            0xE0..0xF0 => world.poll(usize::from(first % 16)),
            0xF0..0xF8 => world.wait(u64::from(first % 8) * 9),
            0xF8..0xFC => drop(world.reassembler.abandon(MessageId((first % 8).into()))),
            0xFC.. => world.reassembler.postpone(world.now, MessageId((first % 8).into())),
        }
        world.check();
    }
    world.finish();
});

struct World {
    now: Instant,
    node: NodeBudget,
    reassembler: Reassembler,
    /// What was given out of each message, and whether it is over.
    heard: BTreeMap<u64, (u64, bool)>,
}

impl World {
    fn new() -> Self {
        let limits =
            Limits { peer_bytes: WORKING_BYTES + HELD_BYTES, max_open_messages: 6, ..Limits::default() };
        let node = NodeBudget::new(NODE_BYTES);
        let reassembler = Reassembler::new(limits, node.clone());
        Self { now: Instant::now(), node, reassembler, heard: BTreeMap::new() }
    }

    fn chunk(&mut self, id: u64, index: u32, shape: u8, payload: &[u8]) {
        let honest = id < HONEST;
        let chunk_bytes = if honest || shape & 0x80 == 0 { 64 + 32 * id as u32 } else { 80 };
        let Ok(outline) = Outline::new(700 * id, chunk_bytes) else { return };
        let index = index % outline.chunks();
        let coding = if honest || shape & 0x40 == 0 { Coding::Raw } else { Coding::Deflate };
        let header = ChunkHeader::new(MessageId(id), index, outline, coding).expect("inside the grid");
        let range = outline.range(index).expect("inside the grid");
        let payload = match coding {
            Coding::Raw if honest || payload.is_empty() => range.map(|place| content(id, place)).collect(),
            _ => Bytes::copy_from_slice(payload),
        };
        let (used, open) = (self.reassembler.used_bytes(), self.reassembler.open_messages());
        match self.reassembler.accept(self.now, header, payload) {
            Ok(Accepted::New) => {}
            Ok(Accepted::Duplicate | Accepted::Ended) => {
                assert_eq!((used, open), (self.reassembler.used_bytes(), self.reassembler.open_messages()));
            }
            Err(error) => {
                assert!(error.is_no_room() || !honest, "{error}");
                assert!(self.reassembler.used_bytes() <= used, "an error holds more than before");
            }
        }
    }

    fn poll(&mut self, events: usize) {
        for _ in 0..events {
            let Some(event) = self.reassembler.poll_event() else { break };
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Started { message, .. } => assert!(self.heard.insert(message.0, (0, false)).is_none()),
            Event::Piece { message, offset, bytes } => {
                let (given, over) = self.heard.get_mut(&message.0).expect("started");
                assert!(*given == offset && !*over && !bytes.is_empty());
                *given += bytes.len() as u64;
                if message.0 < HONEST {
                    assert!(
                        bytes.iter().zip(offset..).all(|(byte, place)| *byte == content(message.0, place))
                    );
                }
            }
            Event::Progress { message, received_bytes, total_bytes } => {
                let (given, over) = self.heard[&message.0];
                assert!(given <= received_bytes && received_bytes <= total_bytes && !over);
            }
            Event::Complete { message, total_bytes } => {
                assert_eq!(self.heard.insert(message.0, (total_bytes, true)), Some((total_bytes, false)));
            }
            Event::Expired { message, .. } | Event::Doomed { message, .. } => {
                let (_, over) = self.heard.get_mut(&message.0).expect("started");
                assert!(!std::mem::replace(over, true));
            }
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.reassembler.handle_timeout(self.now);
        assert!(self.reassembler.poll_timeout().is_none_or(|deadline| deadline > self.now));
    }

    fn check(&self) {
        let used = self.reassembler.used_bytes();
        assert!(used <= HELD_BYTES && self.node.used_bytes() <= NODE_BYTES);
        assert_eq!(self.node.used_bytes(), used.saturating_sub(PEER_FLOOR_BYTES));
    }

    fn finish(mut self) {
        self.wait(1_000_000);
        self.poll(usize::MAX);
        assert_eq!((self.reassembler.used_bytes(), self.reassembler.open_messages()), (0, 0));
        assert_eq!((self.node.used_bytes(), self.reassembler.poll_timeout()), (0, None));
    }
}

fn content(id: u64, place: u64) -> u8 {
    (place / 3 + id * 17).to_le_bytes()[0]
}
