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
            assert_eq!(inbound.poll_transmit(), None, "half a flight is shorter than the reply");
            assert!(matches!(scene.receive(&mut inbound, &again[1]), Step::Wait));
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

/// A guard that is pressed more and more.
fn pressed(scene: &Scene) -> impl FnMut(fn(Level) -> bool) -> Demand + use<> {
    let mut rng = StdRng::seed_from_u64(3);
    let mut now = scene.now.instant;
    let mut guard = Guard::new(now, &GuardConfig::default(), &mut rng);
    move |enough| {
        while !enough(guard.report(now).level) {
            now += RISE_INTERVAL;
            guard.deferred(now);
        }
        guard.demand(now, &mut rng)
    }
}

#[test]
fn whoever_worked_before_the_difficulty_rose_is_challenged_again_and_gets_in() {
    let mut scene = Scene::new(false, at_puzzles);
    let mut press = pressed(&scene);
    scene.admittance.demand = press(at_puzzles);
    let (mut outbound, packets, again) = scene.meet(&mut scene.inbound());
    // To a node that has kept nothing of it, under the same secret, and asks for more now.
    scene.admittance.demand = press(|level| !level.admits_strangers());
    let mut inbound = scene.inbound();
    assert!(matches!(scene.receive(&mut inbound, &again[0]), Step::Challenge));
    let challenge = scene.challenge(&mut inbound, &again[0]);
    assert_eq!(challenge[1..8], packets[0][1..8], "of the packet inside");
    assert!(matches!(outbound.handle_packet(scene.now.instant, &challenge), Step::Wait));
    assert!(outbound.is_working());
    let third = flight(&mut outbound);
    assert_ne!(third[0], again[0]);
    // The same challenge once more asks for nothing that was not done.
    assert!(matches!(outbound.handle_packet(scene.now.instant, &challenge), Step::Wait));
    assert!(!outbound.is_working() && flight(&mut outbound).is_empty());
    assert!(matches!(scene.receive(&mut inbound, &third[0]), Step::Wait));
    assert!(matches!(scene.receive(&mut inbound, &third[1]), Step::Proven(_)));
}

#[test]
fn difficulty_that_rises_while_a_connection_works_is_not_asked_of_it() {
    let mut scene = Scene::new(true, at_puzzles);
    let mut press = pressed(&scene);
    scene.admittance.demand = press(at_puzzles);
    let mut inbound = scene.inbound();
    let (_, _, again) = scene.meet(&mut inbound);
    scene.admittance.demand = press(|level| !level.admits_strangers());
    assert!(matches!(scene.receive(&mut inbound, &again[0]), Step::Wait));
    assert!(matches!(scene.receive(&mut inbound, &again[1]), Step::Proven(_)));
}

#[test]
fn work_on_a_connection_is_of_no_use_on_another() {
    let mut scene = Scene::new(true, at_puzzles);
    let (_, packets, again) = scene.meet(&mut scene.inbound());
    // From the same address, unasked.
    assert_eq!(cause(&scene.receive(&mut scene.inbound(), &again[0])), HandshakeCause::BadCookie);
    // And asked, with what was done before in the place of what is asked for.
    let mut inbound = scene.inbound();
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Challenge));
    scene.challenge(&mut inbound, &packets[0]);
    assert_eq!(cause(&scene.receive(&mut inbound, &again[0])), HandshakeCause::BadCookie);
}

#[test]
fn a_dialer_works_for_a_bounded_number_of_challenges() {
    for (reliable, most) in [(true, 1), (false, MAX_CHALLENGES)] {
        let mut scene = Scene::new(reliable, at_puzzles);
        let mut outbound = scene.outbound();
        let packets = flight(&mut outbound);
        let mut met = 0;
        for round in 0..10 {
            // Each time with another secret.
            let mut rng = StdRng::seed_from_u64(round);
            let mut guard = Guard::new(scene.now.instant, &GuardConfig::default(), &mut rng);
            for step in 0..4 {
                guard.deferred(scene.now.instant + step * RISE_INTERVAL);
            }
            scene.admittance.demand = guard.demand(scene.now.instant + 4 * RISE_INTERVAL, &mut rng);
            let mut inbound = scene.inbound();
            assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Challenge));
            let challenge = scene.challenge(&mut inbound, &packets[0]);
            let step = outbound.handle_packet(scene.now.instant, &challenge);
            met += usize::from(!flight(&mut outbound).is_empty());
            assert_eq!(matches!(step, Step::Failed(HandshakeCause::BadAnswer)), reliable && round == 1);
        }
        assert_eq!(met, most);
    }
}

#[test]
fn a_dialer_refuses_to_work_for_more_than_the_maximum() {
    let mut scene = Scene::new(true, at_puzzles);
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    let challenge = hostile_challenge(&scene, &packets[0], x3dh_handshake::cookie::MAX_PUZZLE_BITS + 1);
    let step = outbound.handle_packet(scene.now.instant, &challenge);
    assert_eq!(cause(&step), HandshakeCause::PuzzleTooHard);
    assert!(!outbound.is_working());
    // And when its time is over it works no more, however far it has come.
    let mut outbound = scene.outbound();
    let packets = flight(&mut outbound);
    let hard = hostile_challenge(&scene, &packets[0], x3dh_handshake::cookie::MAX_PUZZLE_BITS);
    assert!(matches!(outbound.handle_packet(scene.now.instant, &hard), Step::Wait));
    assert!(outbound.is_working());
    let late = scene.now.instant + HANDSHAKE_TIMEOUT;
    assert_eq!(cause(&outbound.handle_timeout(late)), HandshakeCause::TimedOut);
    assert!(!outbound.is_working() && outbound.poll_transmit().is_none());
}

/// `CHALLENGE = header | nonce | AEAD(kc, mac1, cookie | bits)` straight from the document.
fn hostile_challenge(scene: &Scene, first: &[u8], bits: u8) -> Vec<u8> {
    use chacha20poly1305::aead::{Aead, Payload};
    use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
    let (nonce, mut key) = ([9; 16], [0; 32]);
    let door = scene.bob.responder.door.dangerous_bytes();
    x3dh_handshake::derive("Conclave1 challenge", &[door, &nonce], &mut key);
    let payload = Payload { msg: &[&[7; 16][..], &[bits]].concat(), aad: &first[first.len() - 16..] };
    let sealed = ChaCha20Poly1305::new(&key.into()).encrypt(&[0; 12].into(), payload).unwrap();
    [&[4], &first[1..8], &nonce, &sealed[..]].concat()
}

#[test]
fn a_reply_that_is_repeated_is_never_longer_than_what_asked_for_it() {
    let mut scene = Scene::new(false, |_| true);
    let mut inbound = scene.inbound();
    let packets = flight(&mut scene.outbound());
    assert!(matches!(scene.receive(&mut inbound, &packets[0]), Step::Wait));
    assert!(matches!(scene.receive(&mut inbound, &packets[1]), Step::Proven(_)));
    let admission = Admission { session: SessionId(1), tag: Tag(2) };
    inbound.answer(&admission, &scene.bob, &mut scene.rng).unwrap();
    let reply = inbound.poll_transmit().unwrap().len();
    assert!(reply > packets[0].len() && reply > packets[1].len(), "each packet alone would be an amplifier");
    let mut repeated = 0;
    for order in [[0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 1]] {
        let (mut heard, mut said) = (0, 0);
        for packet in order.map(|which| &packets[which]) {
            heard += packet.len();
            assert!(matches!(scene.receive(&mut inbound, packet), Step::Wait));
            said += inbound.poll_transmit().map_or(0, <[u8]>::len);
        }
        // One that came before may count for the next.
        assert!(said <= heard, "{order:?}");
        repeated += said / reply;
    }
    assert_eq!(repeated, 3, "whoever repeats the whole flight is answered");
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
