//! A responder of the MyCHIPs profile to which anything may be sent, at any time, by whoever has listened to an honest
//! call: it answers nothing but that call, opens for nothing but what the caller then says, in order and once, takes no
//! length beyond its limits, and tells of its end once.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::mychips::{
    Admission, AgentSecret, Call, Connection, Event, Limits, MAX_PACKET_BYTES, MAX_UNPROVEN_PACKET_BYTES,
    Phase, Reason, Token,
};

const MAX_OPERATIONS: usize = 200;
const COUNTER: u64 = 7;

struct World {
    now: Instant,
    rng: StdRng,
    caller: Connection,
    called: Connection,
    /// What the caller has made, in order.
    made: Vec<Vec<u8>>,
    /// What the responder was given while it was not closed.
    given: Vec<Vec<u8>>,
    said: Vec<Vec<u8>>,
    heard: usize,
    opened: bool,
    ends: usize,
}

fuzz_target!(|input: &[u8]| {
    let Some((first, mut input)) = input.split_first() else { return };
    let mut world = World::new(first & 1 == 1);
    for _ in 0..MAX_OPERATIONS {
        let [operation, argument, rest @ ..] = input else { break };
        let length = if *operation == 0 { usize::from(*argument).min(rest.len()) } else { 0 };
        let (bytes, rest) = rest.split_at(length);
        world.apply(*operation, *argument, bytes);
        world.check();
        input = rest;
    }
});

impl World {
    fn new(by_ticket: bool) -> Self {
        let now = Instant::now();
        let mut rng = StdRng::seed_from_u64(1);
        let secret = |seed| AgentSecret::from_seed(&[seed; 32]).expect("any bytes are a seed");
        let token = Token::new(&[9; 48]).expect("a token");
        let token = by_ticket.then_some(&token);
        let call = Call { responder: secret(2).id(), token, counter: COUNTER, early: b"early" };
        let caller = Connection::dial(now, secret(1), Limits::default(), &call, &mut rng).expect("a call");
        let called = Connection::accept(now, secret(2), Limits::default());
        let (made, given, said) = (Vec::new(), Vec::new(), Vec::new());
        Self { now, rng, caller, called, made, given, said, heard: 0, opened: false, ends: 0 }
    }

    fn apply(&mut self, operation: u8, argument: u8, bytes: &[u8]) {
        match operation % 12 {
            0 => self.give(bytes.to_vec()),
            1 => {
                if let Some(packet) = self.next() {
                    self.give(packet);
                }
            }
            2 => {
                if let Some(mut packet) = self.next() {
                    let at = usize::from(argument) % packet.len();
                    packet[at] ^= 1 << (argument % 8);
                    self.give(packet);
                }
            }
            3 => {
                if let Some(packet) = self.made.get(usize::from(argument)) {
                    self.give(packet.clone());
                }
            }
            4 => {
                let proven = matches!(self.called.phase(), Phase::Open | Phase::Closing);
                let limit = if proven { MAX_PACKET_BYTES } else { MAX_UNPROVEN_PACKET_BYTES };
                let length = self.called.handle_length((u32::from(argument) << 9).to_be_bytes());
                assert!(length.is_none_or(|length| (1..=limit).contains(&length)));
            }
            5 => {
                let last_counter = (argument > 0).then_some(u64::from(argument));
                let admission = Admission { last_counter, ..Admission::default() };
                if self.called.admit(self.now, &admission, &mut self.rng).is_ok() && argument >= 7 {
                    assert_eq!(self.called.phase(), Phase::Closed, "the counter is {COUNTER}");
                }
            }
            6 => drop(self.called.refuse()),
            7 => {
                let message = vec![argument; usize::from(argument)];
                if self.caller.send(self.now, &message).is_ok() {
                    self.said.push(message);
                }
            }
            8 => {
                if let Some(packet) = self.called.poll_transmit() {
                    self.caller.handle_packet(self.now, &packet).expect("events are taken");
                    while self.caller.poll_event().is_some() {}
                }
            }
            9 => {
                let end = if argument & 1 == 0 { &mut self.caller } else { &mut self.called };
                end.close(self.now, Reason::Done);
            }
            10 => {
                self.now += Duration::from_millis(u64::from(argument) << 8);
                self.called.handle_timeout(self.now);
            }
            _ => self.called.handle_end(),
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let packet = self.caller.poll_transmit()?;
        self.made.push(packet.clone());
        Some(packet)
    }

    fn give(&mut self, packet: Vec<u8>) {
        self.called.handle_packet(self.now, &packet).expect("events are taken");
        self.given.push(packet);
    }

    fn check(&mut self) {
        while let Some(event) = self.called.poll_event() {
            match event {
                Event::Opened { peer, counter, early } => {
                    assert!(!self.opened && self.is_honest());
                    let caller = AgentSecret::from_seed(&[1; 32]).expect("any bytes are a seed");
                    assert_eq!((peer.id(), counter, &early[..]), (caller.id(), COUNTER, &b"early"[..]));
                    self.opened = true;
                }
                Event::Message(message) => {
                    assert!(self.opened);
                    assert_eq!(message, self.said[self.heard]);
                    self.heard += 1;
                }
                Event::Closed(_) => self.ends += 1,
                _ => assert!(!self.opened),
            }
        }
        let phase = self.called.phase();
        assert_eq!(self.ends, usize::from(phase == Phase::Closed));
        if matches!(phase, Phase::Unconfirmed | Phase::Open | Phase::Closing) {
            assert!(self.is_honest());
        }
        assert!(self.opened || !matches!(phase, Phase::Open | Phase::Closing));
    }

    /// Whether what was given is what the caller has made, from the first packet on.
    fn is_honest(&self) -> bool {
        self.made.starts_with(&self.given)
    }
}
