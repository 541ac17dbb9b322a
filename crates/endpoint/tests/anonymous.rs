//! Callers without a name: what they must show, and that they are never taken for somebody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "simulation/cast.rs"]
mod cast;
#[path = "simulation/pressed.rs"]
mod pressed;

use std::sync::Arc;
use std::time::Instant;

use endpoint::*;
use membership::{Door, NetAddress, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::anonymous::{AnonymousEstablished, CallerConfig};
use x3dh_handshake::{BootId, Capabilities, IdentityKey, Kind, Limits, Tag};

const LIMITS: Limits = Limits { session_window_kib: 64, stream_window_kib: 64 };

/// Somebody calls Bob, who has an anonymous door.
struct Scene {
    bob: HandshakeKeys,
    door: Door,
    admittance: Admittance,
    now: Now,
    rng: StdRng,
    path: PathFacts,
}

impl Scene {
    fn new(reliable: bool) -> Self {
        let mut bob = cast::people(1)[0].keys(BootId([2; 16]));
        let door = Door::from_bytes([0x0a; 32]);
        bob.responder.anonymous_door = Some(door.clone());
        let remote = NetAddress::new("192.0.2.1:1").unwrap();
        Self {
            bob,
            door,
            admittance: Admittance::from(Arc::new(cast::members(&[], &[]))),
            now: Now { instant: Instant::now(), date: UnixSeconds::new(1_000).unwrap() },
            rng: StdRng::seed_from_u64(1),
            path: PathFacts { kind: "test", reliable, mtu_bytes: 1_280, remote },
        }
    }

    fn call_behind(&mut self, door: &Door, identity: &IdentityKey) -> Outbound {
        let config = CallerConfig {
            responder_identity: identity,
            responder_static: &self.bob.local().device,
            door,
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(1),
        };
        let until = (&self.path, self.now.instant + HANDSHAKE_TIMEOUT);
        Outbound::call(self.now.instant, &config, until, &mut self.rng).unwrap()
    }

    fn call(&mut self) -> Outbound {
        let (door, identity) = (self.door.clone(), self.bob.responder.identity);
        self.call_behind(&door, &identity)
    }

    fn inbound(&self) -> Inbound {
        Inbound::new(&self.path, self.now.instant + HANDSHAKE_TIMEOUT)
    }

    fn receive(&self, inbound: &mut Inbound, packet: &[u8]) -> Step {
        inbound.handle_packet(self.now, packet, (&self.bob, &self.admittance))
    }

    /// Bob answers.
    fn answer(&mut self, inbound: &mut Inbound) -> (Box<AnonymousEstablished>, Vec<u8>) {
        let established = inbound.answer_call(Tag(2), LIMITS, &self.bob, &mut self.rng).unwrap();
        (established, inbound.poll_transmit().unwrap().to_vec())
    }

    /// Why Bob refuses a packet. Nothing is sent.
    fn refusal(&self, packet: &[u8]) -> HandshakeCause {
        let mut inbound = self.inbound();
        let step = self.receive(&mut inbound, packet);
        assert!(inbound.poll_transmit().is_none());
        match step {
            Step::Failed(cause) => cause,
            other => panic!("expected a failure: {other:?}"),
        }
    }
}

fn packet(outbound: &mut Outbound) -> Vec<u8> {
    while outbound.is_working() {
        outbound.work();
    }
    let packet = outbound.poll_transmit().unwrap().to_vec();
    assert!(outbound.poll_transmit().is_none());
    packet
}

#[test]
fn a_caller_reaches_whom_it_means_and_shows_no_name() {
    for reliable in [true, false] {
        let mut scene = Scene::new(reliable);
        let (mut outbound, mut inbound) = (scene.call(), scene.inbound());
        let first = packet(&mut outbound);
        assert!(matches!(scene.receive(&mut inbound, &first), Step::Called));
        let (theirs, reply) = scene.answer(&mut inbound);
        assert!(reply.len() <= first.len(), "no amplifier");
        if !reliable {
            assert!(matches!(scene.receive(&mut inbound, &first), Step::Wait));
            assert_eq!(inbound.poll_transmit().unwrap(), reply, "a repetition is answered alike");
        }
        let Step::CallEstablished(ours) = outbound.handle_packet(scene.now.instant, &reply) else { panic!() };
        assert_eq!(ours.transcript, theirs.transcript);
        assert_eq!((ours.boot, theirs.boot), (Some(BootId([2; 16])), None));
        assert_eq!(ours.limits, LIMITS);
        assert!(inbound.answer_call(Tag(2), LIMITS, &scene.bob, &mut scene.rng).is_err(), "one answer");
    }
}

#[test]
fn a_caller_is_called_nothing_and_admitted_by_no_call_for_members() {
    let mut scene = Scene::new(true);
    let mut inbound = scene.inbound();
    let first = packet(&mut scene.call());
    assert!(matches!(scene.receive(&mut inbound, &first), Step::Called));
    let admission = Admission { session: SessionId(1), tag: Tag(2) };
    assert_eq!(
        inbound.answer(&admission, &scene.bob, &mut scene.rng).unwrap_err(),
        HandshakeCause::Local,
        "what answers members answers no caller"
    );
}

#[test]
fn the_doors_of_members_and_of_callers_do_not_open_for_each_other() {
    let mut scene = Scene::new(true);
    let identity = scene.bob.responder.identity;
    let members_door = scene.bob.responder.door.clone();
    for door in [members_door, Door::from_bytes([1; 32])] {
        let first = packet(&mut scene.call_behind(&door, &identity));
        assert_eq!(scene.refusal(&first), HandshakeCause::WrongDoor);
    }
    let first = packet(&mut scene.call_behind(&scene.door.clone(), &IdentityKey([7; 32])));
    assert_eq!(scene.refusal(&first), HandshakeCause::WrongDoor, "meant for another identity");
    // A member behind the door of callers.
    let people = cast::people(2);
    let mut keys = people[1].keys(BootId([3; 16]));
    let mistaken = std::mem::replace(&mut keys.responder.door, Door::from_bytes([9; 32]));
    keys.responder.anonymous_door = Some(mistaken);
    let members = cast::members(&people, &[vec![], vec![]]);
    let deadline = scene.now.instant + HANDSHAKE_TIMEOUT;
    let order = Order { peer: people[1].peer(), counter: 7, tag: Tag(1), deadline, ticket: None };
    let with = (&people[0].keys(BootId([4; 16])), &members);
    let mut dial = Outbound::start(scene.now.instant, &order, &scene.path, with, &mut scene.rng).unwrap();
    let first = dial.poll_transmit().unwrap().to_vec();
    scene.bob = keys;
    assert_eq!(scene.refusal(&first), HandshakeCause::WrongDoor);
    // And a node that takes no callers has no door for them.
    let mut scene = Scene::new(true);
    let first = packet(&mut scene.call());
    scene.bob.responder.anonymous_door = None;
    assert_eq!(scene.refusal(&first), HandshakeCause::WrongDoor);
}

#[test]
fn under_load_a_caller_works_first_and_when_only_members_are_let_in_hears_nothing() {
    for reliable in [true, false] {
        let mut scene = Scene::new(reliable);
        scene.admittance.demand = pressed::demand(|level| level.challenge(true).is_some());
        let (mut outbound, mut inbound) = (scene.call(), scene.inbound());
        let first = packet(&mut outbound);
        assert!(matches!(scene.receive(&mut inbound, &first), Step::Challenge));
        inbound.challenge(&first, &scene.bob, &scene.admittance.demand, &mut scene.rng).unwrap();
        let challenge = inbound.poll_transmit().unwrap().to_vec();
        assert!(challenge.len() < first.len(), "no amplifier");
        assert!(matches!(outbound.handle_packet(scene.now.instant, &challenge), Step::Wait));
        let again = packet(&mut outbound);
        assert_eq!(again.first(), Some(&Kind::Cookied.byte()));
        assert!(matches!(scene.receive(&mut inbound, &again), Step::Called));
        let (_, reply) = scene.answer(&mut inbound);
        assert!(matches!(outbound.handle_packet(scene.now.instant, &reply), Step::CallEstablished(_)));

        scene.admittance.demand = pressed::demand(|level| !level.admits_strangers());
        assert_eq!(scene.refusal(&first), HandshakeCause::NoPlaceForAnonymous);
    }
}

#[test]
fn a_call_is_put_off_like_any_other_first_packet() {
    let mut scene = Scene::new(true);
    scene.admittance.demand = Demand::default().deferring(true);
    let mut inbound = scene.inbound();
    let first = packet(&mut scene.call());
    assert!(matches!(scene.receive(&mut inbound, &first), Step::Later));
    scene.admittance.demand = Demand::default();
    assert!(matches!(scene.receive(&mut inbound, &first), Step::Called));
}

#[test]
fn a_path_that_was_released_is_the_control_planes_no_more() {
    let scene = Scene::new(true);
    let mut rng = StdRng::seed_from_u64(1);
    let members = Arc::clone(&scene.admittance.members);
    let mut endpoint = Endpoint::new(Config::default(), scene.bob.local(), members, &mut rng);
    let accepted = endpoint.accept(scene.now, scene.path.clone()).unwrap();
    assert!(endpoint.release(accepted.path));
    assert!(!endpoint.release(accepted.path), "once");
    assert_eq!(endpoint.poll_timeout(), None, "nor its deadline");
    let late = Now { instant: accepted.deadline, ..scene.now };
    endpoint.handle_timeout(late);
    assert_eq!(endpoint.poll_action(), None);
    assert_eq!(endpoint.sessions().count(), 0);
    assert!(endpoint.stranger_causes().is_empty());
}
