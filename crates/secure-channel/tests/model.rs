//! Two ends beside a model that keeps everything: packets lost, repeated, damaged, in any order, on several paths,
//! through epochs and rekeys at any moment. The ends must answer exactly as the model does.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use rand::{SeedableRng, rngs::StdRng};
use secure_channel::{Error, Limits, NextKeys, PathNumber, TrafficAead, WINDOW_PACKETS};
use support::{End, Setup, seal};

const GRACE_PACKETS: u64 = 30;
/// Carries the messages of rekeys; never retired.
const CONTROL_PATH: u32 = 9;

#[derive(Debug, Clone)]
enum Operation {
    Seal {
        end: usize,
        path: u32,
        bytes: usize,
    },
    /// Numbers that are never sealed.
    Skip {
        end: usize,
        path: u32,
        count: usize,
    },
    /// Any packet ever sealed, perhaps again.
    Deliver(Index),
    /// One of the latest.
    DeliverLate(usize),
    Damage {
        packet: Index,
        place: Index,
        bit: u8,
    },
    /// Careful: not before the peer has followed to the present epoch.
    AdvanceEpoch {
        end: usize,
        careful: bool,
    },
    Request {
        end: usize,
    },
    RetirePath {
        end: usize,
        path: u32,
    },
    ForgetPrevious {
        end: usize,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let end = 0..2_usize;
    let path = 0..4_u32;
    prop_oneof![
        20 => (end.clone(), path.clone(), 0..60_usize)
            .prop_map(|(end, path, bytes)| Operation::Seal { end, path, bytes }),
        2 => (end.clone(), path.clone(), 1..700_usize)
            .prop_map(|(end, path, count)| Operation::Skip { end, path, count }),
        12 => any::<Index>().prop_map(Operation::Deliver),
        20 => (0..6_usize).prop_map(Operation::DeliverLate),
        3 => (any::<Index>(), any::<Index>(), 0..8_u8)
            .prop_map(|(packet, place, bit)| Operation::Damage { packet, place, bit }),
        6 => (end.clone(), prop::bool::weighted(0.97))
            .prop_map(|(end, careful)| Operation::AdvanceEpoch { end, careful }),
        3 => end.clone().prop_map(|end| Operation::Request { end }),
        1 => (end.clone(), path).prop_map(|(end, path)| Operation::RetirePath { end, path }),
        1 => end.prop_map(|end| Operation::ForgetPrevious { end }),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Content {
    Text,
    Request,
    Response,
}

/// A packet in flight, with what the model knows of it.
struct Packet {
    to: usize,
    generation: u64,
    epoch: u64,
    path: u32,
    number: u64,
    content: Content,
    text: Vec<u8>,
    bytes: Vec<u8>,
}

/// What one end should accept.
#[derive(Default)]
struct Receiver {
    current: u64,
    next: bool,
    previous: bool,
    generations: BTreeMap<u64, Generation>,
    retired: BTreeSet<u32>,
    confirmed: bool,
}

#[derive(Default)]
struct Generation {
    epoch: u64,
    previous_epoch: bool,
    opened: u64,
    opened_in_epoch: u64,
    seen: BTreeMap<u32, BTreeSet<u64>>,
}

impl Receiver {
    fn expects(&self, packet: &Packet) -> Result<(), Error> {
        let held = packet.generation == self.current
            || (self.next && packet.generation == self.current + 1)
            || (self.previous && packet.generation + 1 == self.current);
        let unused = Generation::default();
        let generation = self.generations.get(&packet.generation).unwrap_or(&unused);
        let reachable = packet.epoch == generation.epoch
            || packet.epoch == generation.epoch + 1
            || (generation.previous_epoch && packet.epoch + 1 == generation.epoch);
        if !held || !reachable {
            return Err(Error::UnknownEpoch);
        }
        if self.retired.contains(&packet.path) {
            return Err(Error::PathRetired);
        }
        match generation.seen.get(&packet.path) {
            Some(seen) if seen.last().is_some_and(|last| packet.number + WINDOW_PACKETS <= *last) => {
                Err(Error::TooOld)
            }
            Some(seen) if seen.contains(&packet.number) => Err(Error::Replayed),
            _ => Ok(()),
        }
    }

    fn accepts(&mut self, packet: &Packet) {
        if packet.generation > self.current {
            (self.current, self.next, self.previous) = (packet.generation, false, true);
        }
        let generation = self.generations.entry(packet.generation).or_default();
        if packet.epoch > generation.epoch {
            (generation.epoch, generation.previous_epoch) = (packet.epoch, true);
            generation.opened_in_epoch = 0;
        }
        generation.opened += 1;
        generation.opened_in_epoch += u64::from(packet.epoch == generation.epoch);
        generation.previous_epoch &= generation.opened_in_epoch < GRACE_PACKETS;
        generation.seen.entry(packet.path).or_default().insert(packet.number);
        self.previous &= self.generations.get(&self.current).map_or(0, |held| held.opened) < GRACE_PACKETS;
        self.confirmed = true;
    }

    fn forgets(&mut self) {
        self.previous = false;
        self.generations.entry(self.current).or_default().previous_epoch = false;
    }

    fn holds_previous(&self) -> bool {
        self.previous || self.generations.get(&self.current).is_some_and(|held| held.previous_epoch)
    }
}

struct World {
    ends: [End; 2],
    receivers: [Receiver; 2],
    packets: Vec<Packet>,
    rng: StdRng,
    delivered: usize,
    rekeys: usize,
}

impl World {
    fn new(aead: TrafficAead) -> Self {
        let limits = Limits { grace_packets: GRACE_PACKETS, ..Limits::default() };
        let (initiator, responder) = Setup { limits, ..Setup::with(aead) }.pair();
        Self {
            ends: [initiator, responder],
            receivers: Default::default(),
            packets: Vec::new(),
            rng: StdRng::seed_from_u64(5),
            delivered: 0,
            rekeys: 0,
        }
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Seal { end, path, bytes } => {
                let text = vec![u8::try_from(self.packets.len() % 251).unwrap(); bytes];
                self.seal(end, path, Content::Text, text);
            }
            Operation::Skip { end, path, count } => {
                let sealer = &mut self.ends[end].sealer;
                (0..count).for_each(|_| drop(sealer.reserve(PathNumber(path))));
            }
            Operation::Deliver(index) if !self.packets.is_empty() => {
                self.deliver(index.index(self.packets.len()))
            }
            Operation::DeliverLate(back) if back < self.packets.len() => {
                self.deliver(self.packets.len() - 1 - back);
            }
            Operation::Damage { packet, place, bit } if !self.packets.is_empty() => {
                let packet = &self.packets[packet.index(self.packets.len())];
                let mut damaged = packet.bytes.clone();
                damaged[place.index(packet.bytes.len())] ^= 1 << bit;
                assert!(self.ends[packet.to].open(&damaged).is_err());
            }
            Operation::AdvanceEpoch { end, careful } if !careful || self.has_followed(end) => {
                let _ = self.ends[end].sealer.advance_epoch();
            }
            Operation::Request { end } => {
                if let Ok(request) = self.ends[end].rekey.request(&mut self.rng) {
                    self.seal(end, CONTROL_PATH, Content::Request, request);
                }
            }
            Operation::RetirePath { end, path } => {
                self.ends[end].opener.retire_path(PathNumber(path));
                self.receivers[end].retired.insert(path);
            }
            Operation::ForgetPrevious { end } => {
                self.ends[end].opener.forget_previous();
                self.receivers[end].forgets();
            }
            _ => {}
        }
        for (end, receiver) in self.ends.iter().zip(&self.receivers) {
            assert_eq!(end.opener.confirmed(), receiver.confirmed);
            assert_eq!(end.opener.holds_previous(), receiver.holds_previous());
        }
    }

    /// Whether the peer of `end` has opened a packet of its present epoch.
    fn has_followed(&self, end: usize) -> bool {
        let receiver = &self.receivers[1 - end];
        let last = self.packets.iter().rev().find(|packet| packet.to == 1 - end);
        last.is_some_and(|last| {
            receiver.generations.get(&last.generation).is_some_and(|held| held.epoch == last.epoch)
        })
    }

    fn seal(&mut self, end: usize, path: u32, content: Content, text: Vec<u8>) {
        let (records, payload) = text.split_at(text.len() / 3);
        let sealer = &mut self.ends[end].sealer;
        let packet = seal(sealer, PathNumber(path), records, payload).unwrap();
        self.packets.push(Packet {
            to: 1 - end,
            generation: sealer.generation().unwrap(),
            epoch: u64::from(packet[2]),
            path,
            number: u64::from_le_bytes(packet[11..19].try_into().unwrap()),
            content,
            text,
            bytes: packet,
        });
    }

    fn deliver(&mut self, index: usize) {
        let packet = &self.packets[index];
        let receiver = &mut self.receivers[packet.to];
        let expected = receiver.expects(packet).map(|()| packet.text.clone());
        if expected.is_ok() {
            receiver.accepts(packet);
            self.delivered += 1;
        }
        let (to, content) = (packet.to, packet.content);
        let opened = self.ends[to].open(&packet.bytes);
        assert_eq!(opened, expected);
        match (content, opened) {
            (Content::Request, Ok(request)) => self.answer(to, &request),
            (Content::Response, Ok(response)) => {
                if let Some(keys) = self.ends[to].rekey.handle_response(&response).unwrap() {
                    self.install(to, keys);
                    self.rekeys += 1;
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, end: usize, request: &[u8]) {
        let answer = self.ends[end].rekey.handle_request(&mut self.rng, request).unwrap();
        if let Some(answer) = answer {
            self.install(end, answer.keys.expect("a packet opens once, so no request is repeated"));
            self.seal(end, CONTROL_PATH, Content::Response, answer.response);
        }
    }

    fn install(&mut self, end: usize, keys: NextKeys) {
        self.ends[end].opener.install(keys.opening).unwrap();
        self.ends[end].sealer.install(keys.sealing).unwrap();
        self.receivers[end].next = true;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_ends_answer_as_the_model_does(
        operations in prop::collection::vec(operation(), 1..500),
        aead in prop_oneof![Just(TrafficAead::Aes256Gcm), Just(TrafficAead::ChaCha20Poly1305)],
    ) {
        let mut world = World::new(aead);
        operations.into_iter().for_each(|operation| world.apply(operation));
    }
}

/// The operations above do reach deliveries, epochs and rekeys: a model that only ever refuses would prove nothing.
#[test]
fn the_model_is_exercised() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut delivered, mut rekeys, mut packets) = (0, 0, 0);
    for _ in 0..50 {
        let operations = prop::collection::vec(operation(), 500).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(TrafficAead::Aes256Gcm);
        operations.into_iter().for_each(|operation| world.apply(operation));
        delivered += world.delivered;
        rekeys += world.rekeys;
        packets += world.packets.len();
    }
    assert!(delivered * 3 > packets && rekeys > 50, "{delivered} of {packets} packets, {rekeys} rekeys");
}
