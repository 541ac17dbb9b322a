//! A network that delivers, repeats, delays, crosses and changes the packets of several attempts between two nodes that
//! dial each other: a session comes about only between the two ends of one attempt, and both then hold the same secrets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{
    Accepted, BootId, Capabilities, CookieSecret, Credential, Door, Established, FirstFlight, IdentityKey,
    Initiator, InitiatorConfig, Knock, Limits, Psk, ReplyConfig, ResponderKeys, StaticSecret, Suite, Tag,
    TicketId, TrafficAead, cookie,
};

const MAX_OPERATIONS: usize = 24;
const SUITES: [Suite; 4] = [Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk, Suite::NoiseIkPsk2];
/// The work that a node under load asks for.
const BITS: u8 = 3;
const LIMITS: Limits = Limits { session_window_kib: 1, stream_window_kib: 1 };

fuzz_target!(|input: &[u8]| {
    let mut network = Network::new();
    for operation in input.chunks_exact(4).take(MAX_OPERATIONS) {
        network.step(operation[0], usize::from(operation[1]), usize::from(operation[2]), operation[3]);
    }
    network.check();
});

struct Network {
    nodes: [ResponderKeys; 2],
    rng: StdRng,
    dialing: Vec<Option<(Initiator, FirstFlight)>>,
    accepted: Vec<Option<Accepted>>,
    /// Everything that was ever on the wire.
    packets: Vec<Vec<u8>>,
    cookies: CookieSecret,
    initiators: Vec<Established>,
    responders: Vec<Established>,
}

impl Network {
    fn new() -> Self {
        let node = |seed: u8| ResponderKeys {
            static_secret: StaticSecret::from_bytes(&[seed; 32]).expect("any bytes are a key"),
            identity: IdentityKey([seed; 32]),
            // The worst case: both have one door.
            door: Door::from_bytes([3; 32]),
            previous_doors: Vec::new(),
            anonymous_door: None,
        };
        Self {
            nodes: [node(1), node(2)],
            rng: StdRng::seed_from_u64(1),
            dialing: Vec::new(),
            accepted: Vec::new(),
            packets: Vec::new(),
            cookies: CookieSecret::from_bytes([5; 32]),
            initiators: Vec::new(),
            responders: Vec::new(),
        }
    }

    fn step(&mut self, operation: u8, one: usize, other: usize, byte: u8) {
        match operation % 7 {
            0 => self.dial(one % 2, SUITES[other % SUITES.len()]),
            1 => self.knock(one % 2, other),
            2 => self.key_share(one, other),
            3 => self.reply(one),
            4 => self.read_reply(one, other),
            5 => self.challenge(one, other),
            _ => self.change(one, other, byte),
        }
    }

    fn dial(&mut self, from: usize, suite: Suite) {
        let (here, there) = (&self.nodes[from], &self.nodes[1 - from]);
        let psk = ticket();
        let config = InitiatorConfig {
            suite,
            static_secret: &here.static_secret,
            credential: &Credential([here.identity.0[0]; 120]),
            responder_identity: &there.identity,
            responder_static: &there.static_secret.public(),
            door: &there.door,
            ticket: suite.needs_ticket().then_some((TicketId([10; 16]), &psk)),
            counter: 1,
            boot: BootId([8; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(9),
        };
        let started = Initiator::start(&config, &mut self.rng).expect("the configuration is sound");
        self.packets.extend(started.1.packets().map(<[u8]>::to_vec));
        self.dialing.push(Some(started));
    }

    fn knock(&mut self, node: usize, packet: usize) {
        let Some(packet) = pick(&self.packets, packet) else { return };
        let first = cookie::open(packet, [&self.cookies], b"source", BITS).unwrap_or(packet);
        let keys = &self.nodes[node];
        let accepted = Knock::check(keys, first)
            .and_then(|knock| knock.claim(keys))
            .and_then(|claim| claim.prove(keys))
            .and_then(|proven| {
                let psk = proven.ticket().map(|_| ticket());
                proven.accept(psk.as_ref())
            });
        self.accepted.extend(accepted.ok().map(Some));
    }

    fn key_share(&mut self, accepted: usize, packet: usize) {
        let Some(packet) = pick(&self.packets, packet) else { return };
        let Some(slot) = pick_mut(&mut self.accepted, accepted) else { return };
        *slot = slot.take().map(|state| state.key_share(packet).unwrap_or_else(|(state, _)| state));
    }

    fn reply(&mut self, accepted: usize) {
        let Some(state) = pick_mut(&mut self.accepted, accepted).and_then(Option::take) else { return };
        let config = ReplyConfig {
            aead: TrafficAead::Aes256Gcm,
            boot: BootId([4; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(5),
        };
        if let Ok((reply, established)) = state.reply(&config, &mut self.rng) {
            self.packets.push(reply);
            self.responders.push(established);
        }
    }

    fn read_reply(&mut self, dialing: usize, packet: usize) {
        let Some(packet) = pick(&self.packets, packet) else { return };
        let Some(slot) = pick_mut(&mut self.dialing, dialing) else { return };
        let Some((initiator, flight)) = slot.take() else { return };
        match initiator.read_reply(packet) {
            Ok(established) => self.initiators.push(established),
            Err((initiator, _)) => *slot = Some((initiator, flight)),
        }
    }

    /// A node under load challenges a packet, and the flight that it belongs to answers.
    fn challenge(&mut self, packet: usize, dialing: usize) {
        let Some(packet) = pick(&self.packets, packet) else { return };
        let Ok(knock) = Knock::check(&self.nodes[0], packet) else { return };
        let challenge = knock.challenge(&self.cookies, b"source", BITS, &mut self.rng);
        let challenge = challenge.expect("nothing to refuse");
        let Some(Some((_, flight))) = pick(&self.dialing, dialing) else { return };
        let Ok(puzzle) = flight.read_challenge(&self.nodes[0].door, &challenge) else { return };
        let solved = puzzle.try_solve(0..u64::MAX).expect("so few bits have a solution");
        if let Ok(flight) = flight.with_cookie(&solved) {
            self.packets.extend(flight.packets().next().map(<[u8]>::to_vec));
        }
    }

    fn change(&mut self, packet: usize, place: usize, byte: u8) {
        let Some(packet) = pick(&self.packets, packet) else { return };
        let mut changed = packet.clone();
        let place = place * changed.len() / 256;
        changed[place] = byte;
        self.packets.push(changed);
    }

    /// An initiator's session has exactly one responder's session with its transcript, and they fit in everything.
    fn check(self) {
        for initiator in self.initiators {
            let mut fitting = self.responders.iter().filter(|other| other.transcript == initiator.transcript);
            let responder = fitting.next().expect("nobody else can have made the reply");
            assert!(fitting.next().is_none());
            assert_ne!(initiator.role, responder.role);
            assert_eq!(initiator.suite, responder.suite);
            assert_eq!(initiator.aead, responder.aead);
            assert_ne!(initiator.peer.static_key, responder.peer.static_key);
            let (mut one, mut other) = ([0; 32], [0; 32]);
            initiator.secrets.exporter().export("fuzz", b"", &mut one);
            responder.secrets.exporter().export("fuzz", b"", &mut other);
            assert_eq!(one, other);
        }
    }
}

/// The secret of the one ticket there is.
fn ticket() -> Psk {
    Psk::from_bytes([11; 32])
}

fn pick<T>(all: &[T], index: usize) -> Option<&T> {
    all.get(index % all.len().max(1))
}

fn pick_mut<T>(all: &mut [T], index: usize) -> Option<&mut T> {
    let count = all.len().max(1);
    all.get_mut(index % count)
}
