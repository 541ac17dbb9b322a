//! One handshake on one path: what is answered, what is not, and what the log learns that the stranger does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "simulation/cast.rs"]
mod cast;

use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::*;
use membership::{Members, NetAddress, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sha3::{Digest, Sha3_256};
use x3dh_handshake::{BootId, CookieSecret, Established, Kind, Knock, MAX_PACKET_BYTES, Suite, Tag, cookie};

/// The label under which a first packet is authenticated by the door (section 4 of `docs/PROTOCOL.md`).
const MAC1: &str = "Conclave1 mac1";
const SECOND: Duration = Duration::from_secs(1);

/// Ann dials Bob.
struct Scene {
    ann: HandshakeKeys,
    bob: HandshakeKeys,
    anns: Members,
    bobs: Admittance,
    now: Now,
    rng: StdRng,
    path: PathFacts,
}

impl Scene {
    fn new(reliable: bool) -> Self {
        let people = cast::people(3);
        let everybody = cast::members(&people, &[vec![], vec![], vec![]]);
        let remote = NetAddress::new("somewhere").unwrap();
        Self {
            ann: people[0].keys(BootId([1; 16])),
            bob: people[1].keys(BootId([2; 16])),
            anns: everybody.clone(),
            bobs: Admittance::from(Arc::new(everybody)),
            now: Now { instant: Instant::now(), date: UnixSeconds::new(1_000).unwrap() },
            rng: StdRng::seed_from_u64(1),
            path: PathFacts { kind: "test", reliable, mtu_bytes: 1_280, remote },
        }
    }

    fn order(&self) -> Order {
        Order {
            peer: self.bob.local(),
            counter: 7,
            tag: Tag(1),
            deadline: self.now.instant + HANDSHAKE_TIMEOUT,
            ticket: None,
        }
    }

    fn outbound(&mut self) -> Outbound {
        let order = self.order();
        Outbound::start(self.now.instant, &order, &self.path, (&self.ann, &self.anns), &mut self.rng).unwrap()
    }

    fn inbound(&self) -> Inbound {
        Inbound::new(&self.path, self.now.instant + HANDSHAKE_TIMEOUT)
    }

    fn receive(&self, inbound: &mut Inbound, packet: &[u8]) -> Step {
        inbound.handle_packet(self.now, packet, (&self.bob, &self.bobs))
    }

    fn answer(&mut self, inbound: &mut Inbound) -> (Box<Established>, Vec<u8>) {
        let admission = Admission { session: SessionId(1), tag: Tag(2) };
        let established = inbound.answer(&admission, &self.bob, &mut self.rng).unwrap();
        let reply = inbound.poll_transmit().expect("a reply").to_vec();
        (established, reply)
    }

    /// What Bob notes about Ann's first packets. Nothing is sent, and nothing more is taken in.
    fn refusal(&mut self) -> HandshakeCause {
        let packets = flight(&mut self.outbound());
        let mut inbound = self.inbound();
        let cause = packets.iter().find_map(|packet| match self.receive(&mut inbound, packet) {
            Step::Failed(cause) => Some(cause),
            Step::Wait => None,
            other => panic!("{other:?}"),
        });
        assert!(inbound.poll_transmit().is_none());
        assert!(matches!(self.receive(&mut inbound, &packets[0]), Step::Wait));
        let admission = Admission { session: SessionId(1), tag: Tag(2) };
        assert!(inbound.answer(&admission, &self.bob, &mut self.rng).is_err());
        cause.expect("a refusal")
    }
}

fn flight(outbound: &mut Outbound) -> Vec<Vec<u8>> {
    while outbound.is_working() {
        outbound.work();
    }
    let mut packets = Vec::new();
    while let Some(packet) = outbound.poll_transmit() {
        packets.push(packet.to_vec());
    }
    packets
}

fn failed(step: &Step) -> HandshakeCause {
    match step {
        Step::Failed(cause) => *cause,
        other => panic!("expected a failure: {other:?}"),
    }
}

#[test]
fn both_ends_come_to_the_same_session_in_every_suite() {
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.needs_ticket() && !suite.is_anonymous()) {
        let mut scene = Scene::new(true);
        (scene.ann.suites, scene.bob.suites) = (vec![suite], Suite::ALL.to_vec());
        let mut outbound = scene.outbound();
        let mut inbound = scene.inbound();
        let packets = flight(&mut outbound);
        let mut steps: Vec<_> = packets.iter().map(|packet| scene.receive(&mut inbound, packet)).collect();
        let Some(Step::Proven(proof)) = steps.pop() else { panic!("proven by the last packet") };
        assert!(steps.iter().all(|step| matches!(step, Step::Wait)));
        assert_eq!(proof.peer(), scene.ann.local());
        assert_eq!((proof.counter, proof.boot), (7, BootId([1; 16])));
        let (theirs, reply) = scene.answer(&mut inbound);
        assert!(inbound.poll_transmit().is_none(), "once");
        let Step::Established(ours) = outbound.handle_packet(scene.now.instant, &reply) else { panic!() };
        assert_eq!(ours.transcript, theirs.transcript);
        assert_eq!((ours.local_tag, ours.remote_tag), (theirs.remote_tag, theirs.local_tag));
        assert_eq!(outbound.poll_timeout(), None);
        assert!(matches!(outbound.handle_packet(scene.now.instant, &reply), Step::Wait), "it is over");
        assert!(matches!(outbound.handle_timeout(scene.now.instant + HANDSHAKE_TIMEOUT), Step::Wait));
    }
}

#[test]
fn each_reason_for_silence_is_noted_here_and_shows_nowhere_else() {
    let mut scene = Scene::new(true);
    scene.bob.responder.door = membership::Door::from_bytes([9; 32]);
    assert_eq!(scene.refusal(), HandshakeCause::WrongDoor);

    let mut scene = Scene::new(true);
    scene.bob.responder.previous_doors = vec![scene.bob.responder.door.clone()];
    scene.bob.responder.door = membership::Door::from_bytes([9; 32]);
    let packets = flight(&mut scene.outbound());
    assert!(
        matches!(scene.receive(&mut scene.inbound(), &packets[0]), Step::Wait),
        "the door before it still opens"
    );

    let mut scene = Scene::new(true);
    let other = membership::DeviceKey::generate(&mut scene.rng).unwrap();
    scene.bob.responder.static_secret = other.secret().clone();
    let order = Order { peer: cast::people(3)[1].peer(), ..scene.order() };
    let with = (&scene.ann, &scene.anns);
    let mut outbound = Outbound::start(scene.now.instant, &order, &scene.path, with, &mut scene.rng).unwrap();
    let first = outbound.poll_transmit().unwrap().to_vec();
    let step = scene.receive(&mut scene.inbound(), &first);
    assert_eq!(failed(&step), HandshakeCause::WrongDoor, "for another key");

    let mut scene = Scene::new(true);
    let ann = scene.ann.responder.identity;
    Arc::make_mut(&mut scene.bobs.members).remove(&ann).unwrap();
    assert_eq!(scene.refusal(), HandshakeCause::NotAMember(ann));

    let mut scene = Scene::new(true);
    scene.bob.suites = vec![Suite::X3dh];
    assert_eq!(scene.refusal(), HandshakeCause::Suite);

    // The credential of somebody else: a member, but the key is not theirs.
    let mut scene = Scene::new(true);
    scene.ann.credential = cast::people(3)[2].keys(BootId([3; 16])).credential;
    let other = scene.ann.credential.identity();
    assert_eq!(scene.refusal(), HandshakeCause::UnknownDevice(other));
}

/// The packet with its last 16 bytes made anew by somebody who knows the door.
fn behind_the_door(packet: &[u8], door: &membership::Door) -> Vec<u8> {
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

#[test]
fn a_claim_that_is_not_proven_is_refused_even_behind_the_door() {
    let mut scene = Scene::new(true);
    let first = flight(&mut scene.outbound()).swap_remove(0);
    let door = scene.bob.responder.door.clone();
    assert_eq!(behind_the_door(&first, &door), first);
    let identity = scene.ann.responder.identity;
    // Everything up to the credential opens with the first Diffie-Hellman; what follows needs Ann's key.
    let proof = first.len() - 60;
    for (at, cause) in [(proof, HandshakeCause::Unproven(identity)), (40, HandshakeCause::WrongDoor)] {
        let mut forged = first.clone();
        forged[at] ^= 1;
        let step = scene.receive(&mut scene.inbound(), &forged);
        assert_eq!(
            failed(&step),
            HandshakeCause::WrongDoor,
            "without the door not even the claim is looked at"
        );
        let step = scene.receive(&mut scene.inbound(), &behind_the_door(&forged, &door));
        assert_eq!(failed(&step), cause);
    }
}

#[test]
fn a_removed_or_expired_member_is_refused_by_the_snapshot_of_the_moment() {
    let mut scene = Scene::new(true);
    let packets = flight(&mut scene.outbound());
    let late = Now { date: UnixSeconds::MAX, ..scene.now };
    let mut inbound = scene.inbound();
    let step = inbound.handle_packet(late, &packets[0], (&scene.bob, &scene.bobs));
    assert!(matches!(step, Step::Wait), "the last second of a record counts");
    let nobody = Admittance::from(Arc::new(Members::new()));
    let step = scene.inbound().handle_packet(scene.now, &packets[0], (&scene.bob, &nobody));
    assert_eq!(failed(&step), HandshakeCause::NotAMember(scene.ann.responder.identity));
    scene.anns = Members::new();
    let order = scene.order();
    let with = (&scene.ann, &scene.anns);
    let refused = Outbound::start(scene.now.instant, &order, &scene.path, with, &mut scene.rng).unwrap_err();
    assert_eq!(refused, HandshakeCause::NotAMember(scene.bob.responder.identity));
}

#[test]
fn every_byte_of_every_packet_counts_and_every_length() {
    let mut scene = Scene::new(true);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    for at in 0..packets[0].len() {
        let mut changed = packets[0].clone();
        changed[at] ^= 0x40;
        assert!(matches!(scene.receive(&mut scene.inbound(), &changed), Step::Failed(_)), "byte {at}");
        assert!(
            matches!(scene.receive(&mut scene.inbound(), &packets[0][..at]), Step::Failed(_)),
            "length {at}"
        );
    }
    let key_share = |scene: &Scene, changed: &[u8]| {
        let mut inbound = scene.inbound();
        assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Wait));
        assert!(matches!(scene.receive(&mut inbound, changed), Step::Failed(HandshakeCause::Malformed)));
    };
    for at in (0..packets[1].len()).step_by(7) {
        let mut changed = packets[1].clone();
        changed[at] ^= 1;
        key_share(&scene, &changed);
        key_share(&scene, &packets[1][..at]);
    }
    let mut inbound = scene.inbound();
    packets.iter().for_each(|packet| drop(scene.receive(&mut inbound, packet)));
    let (_, reply) = scene.answer(&mut inbound);
    for at in (0..reply.len()).step_by(7) {
        let mut changed = reply.clone();
        changed[at] ^= 1;
        let step = scene.outbound().handle_packet(scene.now.instant, &changed);
        assert_eq!(failed(&step), HandshakeCause::BadAnswer);
    }
}

#[test]
fn packets_of_the_wrong_kind_or_order_end_a_reliable_path() {
    let mut scene = Scene::new(true);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    for junk in [&[][..], &[0; 4], &packets[1], &[Kind::Reply.byte(); 100], &[0x10; MAX_PACKET_BYTES + 1]] {
        assert_eq!(failed(&scene.receive(&mut scene.inbound(), junk)), HandshakeCause::Malformed);
    }
    let mut inbound = scene.inbound();
    drop(scene.receive(&mut inbound, &packets[0]));
    assert_eq!(failed(&scene.receive(&mut inbound, &packets[0])), HandshakeCause::Malformed, "twice");
    let mut inbound = scene.inbound();
    packets.iter().for_each(|packet| drop(scene.receive(&mut inbound, packet)));
    assert_eq!(
        failed(&scene.receive(&mut inbound, &packets[1])),
        HandshakeCause::Malformed,
        "after the proof"
    );
    // Our own packets, reflected.
    let step = outbound.handle_packet(scene.now.instant, &packets[0]);
    assert_eq!(failed(&step), HandshakeCause::BadAnswer);
    assert!(outbound.poll_transmit().is_none());
    assert_eq!(outbound.poll_timeout(), None);
}

#[test]
fn an_unreliable_path_repeats_the_same_bytes_and_forgeries_end_nothing() {
    let mut scene = Scene::new(false);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    let start = scene.now.instant;
    for (wait, what) in [(REPEAT_BASE, "first"), (3 * REPEAT_BASE, "second"), (7 * REPEAT_BASE, "third")] {
        assert_eq!(outbound.poll_timeout(), Some(start + wait), "{what}");
        drop(outbound.handle_timeout(start + wait - Duration::from_millis(1)));
        assert!(outbound.poll_transmit().is_none(), "{what}: not yet");
        assert!(matches!(outbound.handle_timeout(start + wait), Step::Wait));
        assert_eq!(flight(&mut outbound), packets, "{what}");
    }
    let mut inbound = scene.inbound();
    let forged = vec![Kind::KeyShare.byte(); packets[1].len()];
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Wait));
    for ignored in [&packets[0], &forged] {
        assert!(matches!(scene.receive(&mut inbound, ignored), Step::Wait));
    }
    assert!(matches!(scene.receive(&mut inbound, &packets[1]), Step::Proven(_)));
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Wait));
    assert!(inbound.poll_transmit().is_none(), "not before it is allowed");
    let (theirs, reply) = scene.answer(&mut inbound);
    // The reply was lost; the flight comes again, whole.
    for (packet, is_answered) in [(&packets[0], false), (&packets[1], true), (&forged, false)] {
        assert!(matches!(scene.receive(&mut inbound, packet), Step::Wait));
        assert_eq!(inbound.poll_transmit(), is_answered.then_some(&reply[..]));
    }
    let mut damaged = reply.clone();
    damaged[60] ^= 1;
    assert!(matches!(outbound.handle_packet(start, &damaged), Step::Wait));
    let Step::Established(ours) = outbound.handle_packet(start, &reply) else { panic!() };
    assert_eq!(ours.transcript, theirs.transcript);
}

#[test]
fn a_challenge_is_met_once_on_any_path() {
    let secret = CookieSecret::generate(&mut StdRng::seed_from_u64(5));
    let challenge = |scene: &mut Scene, first: &[u8]| {
        let knock = Knock::check(&scene.bob.responder, first).unwrap();
        knock.challenge(&secret, b"somewhere", 0, &mut scene.rng).unwrap()
    };
    let mut scene = Scene::new(false);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    let wanted = challenge(&mut scene, &packets[0]);
    assert!(matches!(outbound.handle_packet(scene.now.instant, &wanted), Step::Wait));
    let again = flight(&mut outbound);
    assert_eq!(cookie::open(&again[0], [&secret], b"somewhere", 0).unwrap(), packets[0]);
    assert_eq!(again[1], packets[1]);
    assert!(matches!(outbound.handle_packet(scene.now.instant, &wanted), Step::Wait));
    assert!(outbound.poll_transmit().is_none(), "no amplifier");

    let mut scene = Scene::new(true);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    let wanted = challenge(&mut scene, &packets[0]);
    assert!(matches!(outbound.handle_packet(scene.now.instant, &wanted), Step::Wait));
    let again = flight(&mut outbound);
    assert_eq!(cookie::open(&again[0], [&secret], b"somewhere", 0).unwrap(), packets[0]);
    assert_eq!(failed(&outbound.handle_packet(scene.now.instant, &wanted)), HandshakeCause::BadAnswer);
    // One that answers another flight.
    let mut outbound = scene.outbound();
    assert_eq!(failed(&outbound.handle_packet(scene.now.instant, &wanted)), HandshakeCause::BadAnswer);
}

#[test]
fn deadlines_are_absolute() {
    let mut scene = Scene::new(false);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    let mut inbound = scene.inbound();
    drop(scene.receive(&mut inbound, &packets[0]));
    let deadline = scene.now.instant + HANDSHAKE_TIMEOUT;
    drop(outbound.handle_timeout(deadline - SECOND));
    assert_eq!(failed(&outbound.handle_timeout(deadline)), HandshakeCause::TimedOut);
    assert!(outbound.poll_transmit().is_none());
    scene.now.instant = deadline;
    assert_eq!(failed(&scene.receive(&mut inbound, &packets[1])), HandshakeCause::TimedOut);
    let mut outbound = scene.outbound();
    let step = outbound.handle_packet(deadline + HANDSHAKE_TIMEOUT, &packets[0]);
    assert_eq!(failed(&step), HandshakeCause::TimedOut);
}

#[test]
fn no_two_ends_without_a_common_cipher() {
    let mut scene = Scene::new(true);
    scene.ann.capabilities = x3dh_handshake::Capabilities::AES_256_GCM;
    scene.bob.capabilities = x3dh_handshake::Capabilities::CHACHA20_POLY1305;
    let packets = flight(&mut scene.outbound());
    let mut inbound = scene.inbound();
    packets.iter().for_each(|packet| drop(scene.receive(&mut inbound, packet)));
    let admission = Admission { session: SessionId(1), tag: Tag(2) };
    let cause = inbound.answer(&admission, &scene.bob, &mut scene.rng).unwrap_err();
    assert_eq!(cause, HandshakeCause::NoCommonAead);
    assert!(inbound.poll_transmit().is_none());
}
