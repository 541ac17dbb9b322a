//! Cookies and puzzles: who gets past them, and who does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;

use common::{SeededRng, World, variants};
use x3dh_handshake::{
    CookieSecret, Door, Error, FirstFlight, Kind, Knock, Rejected, Suite,
    anonymous::AnonymousKnock,
    cookie::{self, MAX_PUZZLE_BITS, Refused},
};

const SOURCE: &[u8] = b"192.0.2.1:4242";
/// Work that a test can do many times over.
const BITS: u8 = 6;

fn challenged(world: &mut World, secret: &CookieSecret, bits: u8) -> (FirstFlight, Vec<u8>) {
    let (_, flight) = world.start();
    let first = flight.packets().next().unwrap();
    let challenge =
        Knock::check(&world.bob, first).unwrap().challenge(secret, SOURCE, bits, &mut SeededRng::new(5));
    (flight.clone(), challenge.unwrap())
}

fn solve(flight: &FirstFlight, door: &Door, challenge: &[u8]) -> Result<FirstFlight, Error> {
    let solved = flight.read_challenge(door, challenge)?.try_solve(0..u64::MAX).unwrap();
    Ok(flight.with_cookie(&solved)?)
}

fn first_of(flight: &FirstFlight) -> &[u8] {
    flight.packets().next().unwrap()
}

#[test]
fn a_cookie_carries_the_same_packet_through() {
    for (mut world, bits) in variants().into_iter().flat_map(|world| {
        let (suite, psk) = (world.suite, world.psk);
        [0, BITS].map(|bits| (World { psk: psk.clone(), ..World::new(suite) }, bits))
    }) {
        let secret = CookieSecret::generate(&mut SeededRng::new(6));
        let newer = CookieSecret::generate(&mut SeededRng::new(7));
        let (flight, challenge) = challenged(&mut world, &secret, bits);
        assert_eq!(Some(challenge.len()), Kind::Challenge.packet_bytes(world.suite));
        assert!(challenge.len() < first_of(&flight).len(), "no amplification");
        assert_eq!(flight.read_challenge(&world.bob.door, &challenge).unwrap().bits(), bits);

        let cookied = solve(&flight, &world.bob.door, &challenge).unwrap();
        let packets: Vec<&[u8]> = cookied.packets().collect();
        assert_eq!(Some(packets[0].len()), Kind::Cookied.packet_bytes(world.suite));
        assert_eq!(packets.get(1), flight.packets().nth(1).as_ref(), "the key share stays");
        // The secret rotates once on the way.
        let first = cookie::open(packets[0], [&newer, &secret], SOURCE, bits).unwrap();
        assert_eq!(Some(first), flight.packets().next());
        assert!(world.accept(first).is_ok());
        // A second challenge, because the secret rotated twice, starts from the same packet.
        let first = Knock::check(&world.bob, first).unwrap();
        let again = first.challenge(&newer, SOURCE, bits, &mut SeededRng::new(8)).unwrap();
        let again = solve(&cookied, &world.bob.door, &again).unwrap();
        assert!(cookie::open(first_of(&again), [&newer], SOURCE, bits).is_ok());
    }
}

#[test]
fn an_anonymous_caller_meets_a_challenge_too() {
    let mut world = World::new(Suite::NoiseNk);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (caller, flight) = world.call();
    let door = world.bob.anonymous_door.clone().unwrap();
    let knock = AnonymousKnock::check(&world.bob, first_of(&flight)).unwrap();
    let challenge = knock.challenge(&secret, SOURCE, BITS, &mut SeededRng::new(5)).unwrap();
    assert!(challenge.len() < first_of(&flight).len(), "no amplification");
    assert!(flight.read_challenge(&world.bob.door, &challenge).is_err(), "sealed under its own door");
    let cookied = solve(&flight, &door, &challenge).unwrap();
    assert_eq!(Some(first_of(&cookied).len()), Kind::Cookied.packet_bytes(Suite::NoiseNk));
    let first = cookie::open(first_of(&cookied), [&secret], SOURCE, BITS).unwrap();
    let (reply, _) = world.hear(first).unwrap().reply(&world.reply_config(), &mut world.rng).unwrap();
    assert!(caller.read_reply(&reply).is_ok());
}

#[test]
fn a_cookie_is_good_for_one_source_one_packet_and_two_rotations() {
    for bits in [0, BITS] {
        let mut world = World::new(Suite::X3dhHybrid);
        let secret = CookieSecret::from_bytes([1; 32]);
        let (flight, challenge) = challenged(&mut world, &secret, bits);
        let cookied = solve(&flight, &world.bob.door, &challenge).unwrap();
        let packet = first_of(&cookied);
        let refused = Err(Refused::Rejected(Rejected));
        assert!(cookie::open(packet, [&secret], SOURCE, bits).is_ok());
        assert_eq!(cookie::open(packet, [&secret], b"192.0.2.1:4243", bits), refused);
        assert_eq!(cookie::open(packet, [&CookieSecret::from_bytes([2; 32])], SOURCE, bits), refused);
        assert_eq!(cookie::open(packet, [], SOURCE, bits), refused);
        // The same cookie and the same work in front of another attempt.
        let (_, other) = world.start();
        let moved = [&packet[..25], first_of(&other)].concat();
        assert_eq!(cookie::open(&moved, [&secret], SOURCE, bits), refused);
    }
}

/// What a responder does with a cookied packet before any Diffie-Hellman.
fn passes(world: &World, secret: &CookieSecret, packet: &[u8]) -> bool {
    cookie::open(packet, [secret], SOURCE, BITS).is_ok_and(|first| Knock::check(&world.bob, first).is_ok())
}

#[test]
fn every_changed_byte_is_rejected() {
    for mut world in variants() {
        let secret = CookieSecret::from_bytes([1; 32]);
        let (flight, challenge) = challenged(&mut world, &secret, BITS);
        for index in 0..challenge.len() {
            let mut changed = challenge.clone();
            changed[index] ^= 1;
            assert!(flight.read_challenge(&world.bob.door, &changed).is_err());
            assert!(flight.read_challenge(&world.bob.door, &challenge[..index]).is_err());
        }
        assert!(flight.read_challenge(&world.bob.door, &[&challenge[..], &[0]].concat()).is_err());
        let cookied = solve(&flight, &world.bob.door, &challenge).unwrap();
        let packet = first_of(&cookied);
        assert!(passes(&world, &secret, packet));
        for index in 0..packet.len() {
            let mut changed = packet.to_vec();
            changed[index] ^= 1;
            assert!(!passes(&world, &secret, &changed), "byte {index}");
            assert!(cookie::open(&packet[..index], [&secret], SOURCE, BITS).is_err());
        }
        // The envelope alone gives away a change of all that it covers itself: `X`, and `mac1` for the rest.
        for index in (0..25).chain(33..65).chain(packet.len() - 16..packet.len()) {
            let mut changed = packet.to_vec();
            changed[index] ^= 1;
            assert!(cookie::open(&changed, [&secret], SOURCE, BITS).is_err(), "byte {index}");
        }
        assert!(cookie::open(&[packet, &[0]].concat(), [&secret], SOURCE, BITS).is_err());
    }
}

#[test]
fn too_little_work_is_told_apart_and_gives_the_packet_back() {
    let mut world = World::new(Suite::X3dh);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret, 0);
    let puzzle = flight.read_challenge(&world.bob.door, &challenge).unwrap();
    // Numbers as they come show as little work as chance has it: half of them none at all.
    let mut without = 0;
    for number in 0..64 {
        let lazy = flight.with_cookie(&puzzle.try_solve(number..number + 1).unwrap()).unwrap();
        let packet = first_of(&lazy);
        assert!(cookie::open(packet, [&secret], SOURCE, 0).is_ok());
        let shows = (0..=64).rev().find(|bits| cookie::open(packet, [&secret], SOURCE, *bits).is_ok());
        let asked = shows.unwrap() + 1;
        assert_eq!(
            cookie::open(packet, [&secret], SOURCE, asked),
            Err(Refused::TooLittleWork(first_of(&flight)))
        );
        without += usize::from(asked == 1);
    }
    assert!((16..48).contains(&without), "{without} of 64");
}

#[test]
fn a_solution_is_of_one_cookie_one_address_and_one_packet() {
    let mut world = World::new(Suite::X3dh);
    let secret = CookieSecret::from_bytes([1; 32]);
    let bits = 12;
    let (flight, challenge) = challenged(&mut world, &secret, bits);
    let cookied = solve(&flight, &world.bob.door, &challenge).unwrap();
    let number = u64::from_le_bytes(first_of(&cookied)[1..9].try_into().unwrap());

    // The same number under a cookie for another address, under another secret, and for another packet: the code is
    // right each time, the work is not.
    let knock = Knock::check(&world.bob, first_of(&flight)).unwrap();
    let elsewhere = knock.challenge(&secret, b"elsewhere", 0, &mut SeededRng::new(5)).unwrap();
    let other_secret = CookieSecret::from_bytes([2; 32]);
    let later = knock.challenge(&other_secret, SOURCE, 0, &mut SeededRng::new(5)).unwrap();
    let (other, unasked) = challenged(&mut world, &secret, 0);
    for (flight, challenge, secret, source) in [
        (&flight, &elsewhere, &secret, &b"elsewhere"[..]),
        (&flight, &later, &other_secret, SOURCE),
        (&other, &unasked, &secret, SOURCE),
    ] {
        let puzzle = flight.read_challenge(&world.bob.door, challenge).unwrap();
        let carried = flight.with_cookie(&puzzle.try_solve(number..number + 1).unwrap()).unwrap();
        let opened = cookie::open(first_of(&carried), [secret], source, bits);
        assert_eq!(opened, Err(Refused::TooLittleWork(first_of(flight))));
    }
    // And the solved puzzle itself is not taken by another flight.
    let solved =
        flight.read_challenge(&world.bob.door, &challenge).unwrap().try_solve(number..number + 1).unwrap();
    assert_eq!(other.with_cookie(&solved), Err(Rejected));
}

#[test]
fn solving_goes_in_chunks_and_no_further_than_it_is_told() {
    let mut world = World::new(Suite::X3dh);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret, 10);
    let puzzle = flight.read_challenge(&world.bob.door, &challenge).unwrap();
    assert!(puzzle.try_solve(0..0).is_none());
    let chunks = (0..).map(|chunk| chunk * 64..(chunk + 1) * 64);
    let solved = chunks.filter_map(|numbers| puzzle.try_solve(numbers)).next().unwrap();
    let chunked = flight.with_cookie(&solved).unwrap();
    assert_eq!(chunked, solve(&flight, &world.bob.door, &challenge).unwrap(), "the same first solution");
    let number = u64::from_le_bytes(first_of(&chunked)[1..9].try_into().unwrap());
    assert!(puzzle.try_solve(0..number).is_none());
}

#[test]
fn nobody_is_made_to_work_for_more_than_the_maximum() {
    let mut world = World::new(Suite::X3dh);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret, MAX_PUZZLE_BITS);
    assert!(flight.read_challenge(&world.bob.door, &challenge).is_ok());
    let knock = Knock::check(&world.bob, first_of(&flight)).unwrap();
    for bits in [MAX_PUZZLE_BITS + 1, u8::MAX] {
        let asked = knock.challenge(&secret, SOURCE, bits, &mut SeededRng::new(5));
        assert_eq!(asked.unwrap_err(), Error::PuzzleTooHard { bits });
        // Made by somebody who knows the door and keeps to no maximum.
        let hostile = hostile_challenge(&world, first_of(&flight), bits);
        let read = flight.read_challenge(&world.bob.door, &hostile);
        assert_eq!(read.unwrap_err(), Error::PuzzleTooHard { bits });
    }
    let fair = hostile_challenge(&world, first_of(&flight), 3);
    assert_eq!(flight.read_challenge(&world.bob.door, &fair).unwrap().bits(), 3, "the harness forges well");
}

/// `CHALLENGE = header | nonce | AEAD(kc, mac1, cookie | bits)` straight from the document.
fn hostile_challenge(world: &World, first: &[u8], bits: u8) -> Vec<u8> {
    use chacha20poly1305::{
        ChaCha20Poly1305, KeyInit,
        aead::{Aead, Payload},
    };
    let nonce = [9; 16];
    let mut key = [0; 32];
    x3dh_handshake::derive("Conclave1 challenge", &[world.bob.door.dangerous_bytes(), &nonce], &mut key);
    let payload = Payload { msg: &[&[7; 16][..], &[bits]].concat(), aad: &first[first.len() - 16..] };
    let sealed = ChaCha20Poly1305::new(&key.into()).encrypt(&[0; 12].into(), payload).unwrap();
    [&[4], &first[1..8], &nonce, &sealed[..]].concat()
}

#[test]
fn a_challenge_reads_only_behind_the_door_and_for_its_packet() {
    let mut world = World::new(Suite::X3dh);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret, BITS);
    assert!(flight.read_challenge(&Door::from_bytes([9; 32]), &challenge).is_err());
    let (_, other) = world.start();
    assert!(other.read_challenge(&world.bob.door, &challenge).is_err());
}

#[test]
fn a_cookied_packet_is_not_a_first_packet() {
    let mut world = World::new(Suite::X3dhHybrid);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret, 0);
    let cookied = solve(&flight, &world.bob.door, &challenge).unwrap();
    assert!(Knock::check(&world.bob, first_of(&cookied)).is_err());
    assert!(cookie::open(first_of(&flight), [&secret], SOURCE, 0).is_err());
}

#[test]
fn cookies_do_not_show_in_debug() {
    let mut world = World::new(Suite::X3dh);
    let (flight, challenge) = challenged(&mut world, &CookieSecret::from_bytes([1; 32]), BITS);
    let puzzle = flight.read_challenge(&world.bob.door, &challenge).unwrap();
    let solved = puzzle.try_solve(0..u64::MAX).unwrap();
    assert_eq!(format!("{puzzle:?} {solved:?}"), "Puzzle { bits: 6, .. } Solved(..)");
}
