//! Who takes part in the handshakes of the tables, and the packets that they make.

use std::sync::Arc;
use std::time::Instant;

use endpoint::*;
use membership::{Grant, Members, NetAddress, Scope, TicketTerms, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sha3::{Digest, Sha3_256};
use x3dh_handshake::{BootId, Capabilities, Established, Psk, Suite, Tag, TicketId};

use crate::cast::{self, Person};
use crate::plane::Plane;

pub(crate) const COUNTER: u64 = 7;
pub(crate) const TICKET: TicketId = TicketId([3; 16]);
const SECRET: [u8; 32] = [4; 32];

/// Bob is the smallest peer, then Ann, who dials him, then Carol, whom he knows by a ticket only, then two strangers.
pub(crate) struct Scene {
    pub(crate) people: Vec<Person>,
    pub(crate) now: Now,
    pub(crate) reliable: bool,
}

pub(crate) const BOB: usize = 0;
pub(crate) const ANN: usize = 1;
pub(crate) const CAROL: usize = 2;
pub(crate) const DAVE: usize = 3;

impl Scene {
    pub(crate) fn new(reliable: bool) -> Self {
        let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_000).unwrap() };
        Self { people: cast::people(4), now, reliable }
    }

    pub(crate) fn facts(&self) -> PathFacts {
        let remote = NetAddress::new("192.0.2.1:1").unwrap();
        PathFacts { kind: "test", reliable: self.reliable, mtu_bytes: 1_280, remote }
    }

    pub(crate) fn keys(&self, who: usize) -> HandshakeKeys {
        let boot = BootId([u8::try_from(who).unwrap() + 1; 16]);
        let capabilities = if who == BOB { Capabilities::BOTH_AEADS } else { Capabilities::AES_256_GCM };
        HandshakeKeys { capabilities, ..self.people[who].keys(boot) }
    }

    pub(crate) fn peer(&self, who: usize) -> PeerId {
        self.people[who].peer()
    }

    /// The first so many, Ann and Bob at two addresses.
    pub(crate) fn members(&self, count: usize) -> Arc<Members> {
        let addresses = vec!["a".to_string(), "b".to_string()];
        Arc::new(cast::members(&self.people[..count], &vec![addresses; count]))
    }

    pub(crate) fn start(&self, flight: &Flight) -> Outbound {
        let mut keys = self.keys(flight.from);
        if let Some(credential) = flight.in_the_name_of {
            keys.credential = self.keys(credential).credential;
        }
        keys.suites = vec![flight.suite];
        let order = Order {
            peer: self.peer(BOB),
            counter: flight.counter,
            tag: Tag(1),
            deadline: self.now.instant + HANDSHAKE_TIMEOUT,
            ticket: flight.ticket.map(|id| (id, Psk::from_bytes(SECRET))),
        };
        let with = (&keys, &*self.members(4));
        let mut rng = StdRng::seed_from_u64(flight.seed);
        Outbound::start(self.now.instant, &order, &self.facts(), with, &mut rng).unwrap()
    }

    pub(crate) fn packets(&self, flight: &Flight) -> Vec<Vec<u8>> {
        transmit(&mut self.start(flight))
    }

    /// What is asked under load, and when that is over: with the same secrets.
    pub(crate) fn demands(&self) -> (Demand, Demand) {
        let mut now = self.now.instant;
        let mut rng = StdRng::seed_from_u64(11);
        let mut guard = Guard::new(now, &GuardConfig::default(), &mut rng);
        while guard.report(now).level.challenge(self.reliable).is_none() {
            now += RISE_INTERVAL;
            guard.deferred(now);
        }
        let pressed = guard.demand(now, &mut rng);
        while guard.report(now).level != Level::Calm {
            now += RISE_INTERVAL;
            guard.handle_timeout(now);
        }
        (pressed, guard.demand(now, &mut rng))
    }

    pub(crate) fn terms() -> TicketTerms {
        let grant = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
        let (secret, expires) = (Psk::from_bytes(SECRET), UnixSeconds::MAX);
        TicketTerms { secret, expires, uses_left: 1, bound: None, grant }
    }

    /// What is sealed in a session of Ann and Bob that is not the one at hand: the confirmation and the farewell.
    pub(crate) fn foreign_sealed(&self) -> Vec<Vec<u8>> {
        let mut outbound = self.start(&Flight { counter: 3, seed: 3, ..Flight::OF_ANN });
        let packets = transmit(&mut outbound);
        let mut bob = Counterpart::new(self);
        let reply = bob.answer(&packets);
        let Step::Established(established) = outbound.handle_packet(self.now.instant, &reply) else {
            panic!()
        };
        let mut plane = Plane::new(self.now.instant, *established);
        plane.close(CloseReason::Application);
        let sealed = plane.transmit();
        assert!(sealed.len() > 1);
        sealed
    }
}

/// Whose first flight it is, and what is special about it.
pub(crate) struct Flight {
    pub(crate) from: usize,
    pub(crate) in_the_name_of: Option<usize>,
    pub(crate) ticket: Option<TicketId>,
    pub(crate) suite: Suite,
    pub(crate) counter: u64,
    pub(crate) seed: u64,
}

impl Flight {
    pub(crate) const OF_ANN: Self = Self {
        from: ANN,
        in_the_name_of: None,
        ticket: None,
        suite: Suite::X3dhHybrid,
        counter: COUNTER,
        seed: 1,
    };
    pub(crate) const OF_CAROL: Self = Self { from: CAROL, ticket: Some(TICKET), seed: 2, ..Self::OF_ANN };
}

pub(crate) fn transmit(outbound: &mut Outbound) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| outbound.poll_transmit().map(<[u8]>::to_vec)).collect()
}

/// Bob, as far as he answers.
pub(crate) struct Counterpart {
    keys: HandshakeKeys,
    admittance: Admittance,
    inbound: Inbound,
    now: Now,
    rng: StdRng,
    pub(crate) plane: Option<Plane>,
}

impl Counterpart {
    pub(crate) fn new(scene: &Scene) -> Self {
        Self {
            keys: scene.keys(BOB),
            admittance: Admittance::from(scene.members(4)),
            inbound: Inbound::new(&scene.facts(), scene.now.instant + HANDSHAKE_TIMEOUT),
            now: scene.now,
            rng: StdRng::seed_from_u64(9),
            plane: None,
        }
    }

    fn receive(&mut self, packet: &[u8]) -> Step {
        self.inbound.handle_packet(self.now, packet, (&self.keys, &self.admittance))
    }

    pub(crate) fn challenge(scene: &Scene, first: &[u8]) -> Vec<u8> {
        let mut bob = Self::new(scene);
        bob.admittance.demand = scene.demands().0;
        assert!(matches!(bob.receive(first), Step::Challenge));
        bob.inbound.challenge(first, &bob.keys, &bob.admittance.demand, &mut bob.rng).unwrap();
        bob.inbound.poll_transmit().unwrap().to_vec()
    }

    /// The reply; there is a session for it afterwards.
    pub(crate) fn answer(&mut self, packets: &[Vec<u8>]) -> Vec<u8> {
        assert!(matches!(self.receive(&packets[0]), Step::Wait));
        assert!(matches!(self.receive(&packets[1]), Step::Proven(_)));
        let admission = Admission { session: SessionId(1), tag: Tag(2) };
        let established: Box<Established> =
            self.inbound.answer(&admission, &self.keys, &mut self.rng).unwrap();
        self.plane = Some(Plane::new(self.now.instant, *established));
        self.inbound.poll_transmit().unwrap().to_vec()
    }
}

/// The packet with its last 16 bytes made anew by somebody who knows the door (§4.3).
pub(crate) fn behind_the_door(packet: &[u8], door: &membership::Door) -> Vec<u8> {
    const MAC1: &str = "Conclave1 mac1";
    let (body, _) = packet.split_at(packet.len() - 16);
    let mut hash = Sha3_256::new();
    for part in [MAC1.as_bytes(), body] {
        hash.update(u64::try_from(part.len()).unwrap().to_le_bytes());
        hash.update(part);
    }
    let mut mac = [0; 16];
    x3dh_handshake::derive(MAC1, &[door.dangerous_bytes(), &hash.finalize()], &mut mac);
    [body, &mac].concat()
}

pub(crate) fn flipped(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let at = packet.len() - 20;
    packet[at] ^= 1;
    packet
}

pub(crate) fn short(packet: &[u8]) -> Vec<u8> {
    packet[..packet.len() - 1].to_vec()
}

pub(crate) fn long(packet: &[u8]) -> Vec<u8> {
    [packet, &[0]].concat()
}
