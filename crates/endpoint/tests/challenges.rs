//! First packets to a node under load: what is challenged, what is put off, who is let in, and that nobody gains by it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

#[path = "simulation/cast.rs"]
mod cast;
#[path = "simulation/pressed.rs"]
mod pressed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::*;
use membership::{NetAddress, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::{BootId, Kind, Tag};

/// Ann dials Bob, who is under load.
struct Scene {
    ann: HandshakeKeys,
    bob: HandshakeKeys,
    admittance: Admittance,
    now: Now,
    rng: StdRng,
    path: PathFacts,
}

impl Scene {
    fn new(reliable: bool, enough: impl Fn(Level) -> bool) -> Self {
        let people = cast::people(2);
        assert!(people[0].peer() < people[1].peer());
        let mut admittance = Admittance::from(Arc::new(cast::members(&people, &[vec![], vec![]])));
        admittance.demand = pressed::demand(enough);
        Self {
            ann: people[0].keys(BootId([1; 16])),
            bob: people[1].keys(BootId([2; 16])),
            admittance,
            now: Now { instant: Instant::now(), date: UnixSeconds::new(1_000).unwrap() },
            rng: StdRng::seed_from_u64(1),
            path: path(reliable, "192.0.2.1:1"),
        }
    }

    fn outbound(&mut self) -> Outbound {
        let deadline = self.now.instant + HANDSHAKE_TIMEOUT;
        let order = Order { peer: self.bob.local(), counter: 7, tag: Tag(1), deadline, ticket: None };
        let with = (&self.ann, &*self.admittance.members);
        Outbound::start(self.now.instant, &order, &self.path, with, &mut self.rng).unwrap()
    }

    fn inbound(&self) -> Inbound {
        Inbound::new(&self.path, self.now.instant + HANDSHAKE_TIMEOUT)
    }

    fn receive(&self, inbound: &mut Inbound, packet: &[u8]) -> Step {
        inbound.handle_packet(self.now, packet, (&self.bob, &self.admittance))
    }

    fn challenge(&mut self, inbound: &mut Inbound, first: &[u8]) -> Vec<u8> {
        inbound.challenge(first, &self.bob, &self.admittance.demand, &mut self.rng).unwrap();
        let challenge = inbound.poll_transmit().unwrap().to_vec();
        assert!(inbound.poll_transmit().is_none());
        assert!(challenge.len() <= first.len(), "no amplifier");
        challenge
    }

    /// Has Ann meet the challenge of Bob; gives her packets before and after.
    fn meet(&mut self, inbound: &mut Inbound) -> (Outbound, Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let mut outbound = self.outbound();
        let packets = flight(&mut outbound);
        assert!(matches!(self.receive(inbound, &packets[0]), Step::Challenge));
        let challenge = self.challenge(inbound, &packets[0]);
        assert!(matches!(outbound.handle_packet(self.now.instant, &challenge), Step::Wait));
        let again = flight(&mut outbound);
        (outbound, packets, again)
    }
}

fn path(reliable: bool, remote: &str) -> PathFacts {
    PathFacts { kind: "test", reliable, mtu_bytes: 1_280, remote: NetAddress::new(remote).unwrap() }
}

fn flight(outbound: &mut Outbound) -> Vec<Vec<u8>> {
    while outbound.is_working() {
        outbound.work();
    }
    std::iter::from_fn(|| outbound.poll_transmit().map(<[u8]>::to_vec)).collect()
}

fn at_puzzles(level: Level) -> bool {
    level.challenge(true).is_some()
}

fn at_cookies(level: Level) -> bool {
    level.challenge(false).is_some()
}

fn cause(step: &Step) -> HandshakeCause {
    match step {
        Step::Failed(cause) => *cause,
        other => panic!("expected a failure: {other:?}"),
    }
}

#[test]
fn a_challenge_is_met_on_paths_of_both_kinds() {
    for reliable in [true, false] {
        let mut scene = Scene::new(reliable, at_puzzles);
        let mut inbound = scene.inbound();
        let (mut outbound, packets, again) = scene.meet(&mut inbound);
        assert_eq!(again[0].first(), Some(&Kind::Cookied.byte()));
        // The key share that was under way when the challenge came.
        assert!(matches!(scene.receive(&mut inbound, &packets[1]), Step::Wait));
        assert!(matches!(scene.receive(&mut inbound, &again[0]), Step::Wait));
        let Step::Proven(proof) = scene.receive(&mut inbound, &again[1]) else { panic!("not proven") };
        assert_eq!(proof.peer(), scene.ann.local());
        let admission = Admission { session: SessionId(1), tag: Tag(2) };
        let theirs = inbound.answer(&admission, &scene.bob, &mut scene.rng).unwrap();
        let reply = inbound.poll_transmit().unwrap().to_vec();
        if !reliable {
            assert!(matches!(scene.receive(&mut inbound, &again[0]), Step::Wait));
            assert_eq!(inbound.poll_transmit().unwrap(), reply, "a repetition is answered alike");
        }
        let Step::Established(ours) = outbound.handle_packet(scene.now.instant, &reply) else { panic!() };
        assert_eq!(ours.transcript, theirs.transcript);
    }
}

#[test]
fn a_cookie_alone_is_asked_for_where_addresses_can_be_forged() {
    let mut scene = Scene::new(true, at_cookies);
    let packets = flight(&mut scene.outbound());
    assert!(matches!(scene.receive(&mut scene.inbound(), &packets[0]), Step::Wait), "taken as it is");
    let mut scene = Scene::new(false, at_cookies);
    let mut inbound = scene.inbound();
    let (_, packets, again) = scene.meet(&mut inbound);
    // The challenge was lost, and the first packet comes again.
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Challenge));
    scene.challenge(&mut inbound, &packets[0]);
    assert!(matches!(scene.receive(&mut inbound, &again[0]), Step::Wait));
    assert!(matches!(scene.receive(&mut inbound, &again[1]), Step::Proven(_)));
}

#[test]
fn nothing_need_be_kept_between_the_challenge_and_its_answer() {
    let mut scene = Scene::new(false, at_puzzles);
    let (_, _, again) = scene.meet(&mut scene.inbound());
    let mut fresh = scene.inbound();
    assert!(matches!(scene.receive(&mut fresh, &again[0]), Step::Wait));
    assert!(matches!(scene.receive(&mut fresh, &again[1]), Step::Proven(_)));
}

#[test]
fn whoever_worked_before_the_difficulty_rose_is_challenged_again() {
    for reliable in [true, false] {
        let mut scene = Scene::new(reliable, at_puzzles);
        let mut rng = StdRng::seed_from_u64(3);
        let mut now = scene.now.instant;
        let mut guard = Guard::new(now, &GuardConfig::default(), &mut rng);
        let mut press = |enough: fn(Level) -> bool| {
            while !enough(guard.report(now).level) {
                now += RISE_INTERVAL;
                guard.deferred(now);
            }
            guard.demand(now, &mut rng)
        };
        scene.admittance.demand = press(at_puzzles);
        let (_, packets, again) = scene.meet(&mut scene.inbound());
        // To a node that has kept nothing of it, under the same secret, and asks for more now.
        scene.admittance.demand = press(|level| !level.admits_strangers());
        let mut inbound = scene.inbound();
        assert!(matches!(scene.receive(&mut inbound, &again[0]), Step::Challenge));
        let challenge = scene.challenge(&mut inbound, &again[0]);
        assert_eq!(challenge[1..8], packets[0][1..8], "of the packet inside");
    }
}

#[test]
fn whoever_lacks_the_door_gets_nothing_at_any_level() {
    for enough in [at_cookies, at_puzzles, |level: Level| !level.admits_strangers()] {
        for reliable in [true, false] {
            let mut scene = Scene::new(reliable, enough);
            let mut packets = flight(&mut scene.outbound());
            let last = packets[0].len() - 1;
            packets[0][last] ^= 1;
            let mut inbound = scene.inbound();
            let step = scene.receive(&mut inbound, &packets[0]);
            assert_eq!(cause(&step), HandshakeCause::WrongDoor);
            assert!(inbound.poll_transmit().is_none());
        }
    }
}

#[test]
fn a_cookie_of_another_address_or_another_time_is_none() {
    let mut scene = Scene::new(false, at_puzzles);
    let (_, _, again) = scene.meet(&mut scene.inbound());
    let elsewhere = path(false, "192.0.2.2:1");
    let mut inbound = Inbound::new(&elsewhere, scene.now.instant + HANDSHAKE_TIMEOUT);
    assert_eq!(cause(&scene.receive(&mut inbound, &again[0])), HandshakeCause::BadCookie);
    for at in 0..again[0].len() {
        let mut changed = again[0].clone();
        changed[at] ^= 1;
        assert!(matches!(scene.receive(&mut scene.inbound(), &changed), Step::Failed(_)), "byte {at}");
    }
    // Another guard, with secrets of its own; and one that never drew any.
    let mut rng = StdRng::seed_from_u64(99);
    let mut other = Guard::new(scene.now.instant, &GuardConfig::default(), &mut rng);
    other.deferred(scene.now.instant);
    for demand in [other.demand(scene.now.instant, &mut rng), Demand::default()] {
        scene.admittance.demand = demand;
        assert_eq!(cause(&scene.receive(&mut scene.inbound(), &again[0])), HandshakeCause::BadCookie);
    }
}

#[test]
fn the_secrets_outlive_the_load_and_one_rotation_but_not_two() {
    let mut scene = Scene::new(false, at_puzzles);
    let mut rng = StdRng::seed_from_u64(3);
    let mut now = scene.now.instant;
    let mut guard = Guard::new(now, &GuardConfig::default(), &mut rng);
    guard.deferred(now);
    scene.admittance.demand = guard.demand(now, &mut rng);
    let (_, _, again) = scene.meet(&mut scene.inbound());
    let lifetime = x3dh_handshake::cookie::COOKIE_SECRET_LIFETIME;
    let second = Duration::from_secs(1);
    for (pressed, taken) in [(false, true), (true, true), (true, false), (false, false)] {
        now += lifetime - second;
        if !taken {
            now += 2 * second;
        }
        if pressed {
            guard.deferred(now);
        }
        scene.admittance.demand = guard.demand(now, &mut rng);
        let step = scene.receive(&mut scene.inbound(), &again[0]);
        assert_eq!(matches!(step, Step::Wait), taken, "{step:?}");
    }
}

#[test]
fn on_a_reliable_path_anything_but_the_answer_to_the_challenge_ends_it() {
    let mut scene = Scene::new(true, at_puzzles);
    for junk in 0..4 {
        let mut inbound = scene.inbound();
        let (mut outbound, packets, again) = scene.meet(&mut inbound);
        let packet = match junk {
            0 => packets[0].clone(),
            1 => {
                assert!(matches!(scene.receive(&mut inbound, &packets[1]), Step::Wait));
                packets[1].clone()
            }
            2 => vec![Kind::Challenge.byte(); 57],
            _ => [&again[0][..30], &[1; 343]].concat(),
        };
        assert!(matches!(scene.receive(&mut inbound, &packet), Step::Failed(_)), "{junk}");
        // A second challenge is no answer either.
        let mut inbound = scene.inbound();
        let first = &packets[0];
        assert!(matches!(scene.receive(&mut inbound, first), Step::Challenge));
        let second = scene.challenge(&mut inbound, first);
        assert_eq!(cause(&outbound.handle_packet(scene.now.instant, &second)), HandshakeCause::BadAnswer);
    }
}

#[test]
fn what_deserves_a_diffie_hellman_can_be_put_off_and_nothing_else_is() {
    let mut scene = Scene::new(true, at_cookies);
    let packets = flight(&mut scene.outbound());
    let ready = scene.admittance.demand.clone();
    scene.admittance.demand = ready.clone().deferring(true);
    let mut inbound = scene.inbound();
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Later));
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Later));
    let mut bogus = packets[0].clone();
    bogus[60] ^= 1;
    let step = scene.receive(&mut scene.inbound(), &bogus);
    assert_eq!(cause(&step), HandshakeCause::WrongDoor, "at once");
    scene.admittance.demand = ready;
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Wait));
    assert!(matches!(scene.receive(&mut inbound, &packets[1]), Step::Proven(_)));
}
