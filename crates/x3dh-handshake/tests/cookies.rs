//! Cookies: who gets past them, and who does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;

use common::{SeededRng, World, variants};
use x3dh_handshake::{CookieSecret, Door, FirstFlight, Kind, Knock, Suite, cookie};

const SOURCE: &[u8] = b"192.0.2.1:4242";

fn challenged(world: &mut World, secret: &CookieSecret) -> (FirstFlight, Vec<u8>) {
    let (_, flight) = world.start();
    let first = flight.packets().next().unwrap();
    let challenge =
        Knock::check(&world.bob, first).unwrap().challenge(secret, SOURCE, &mut SeededRng::new(5));
    (flight.clone(), challenge.unwrap())
}

#[test]
fn a_cookie_carries_the_same_packet_through() {
    for mut world in variants() {
        let secret = CookieSecret::generate(&mut SeededRng::new(6));
        let newer = CookieSecret::generate(&mut SeededRng::new(7));
        let (flight, challenge) = challenged(&mut world, &secret);
        assert_eq!(Some(challenge.len()), Kind::Challenge.packet_bytes(world.suite));
        assert!(challenge.len() < flight.packets().next().unwrap().len(), "no amplification");

        let cookied = flight.with_cookie(&world.bob.door, &challenge).unwrap();
        let packets: Vec<&[u8]> = cookied.packets().collect();
        assert_eq!(Some(packets[0].len()), Kind::Cookied.packet_bytes(world.suite));
        assert_eq!(packets.get(1), flight.packets().nth(1).as_ref(), "the key share stays");
        // The secret rotates once on the way.
        let first = cookie::open(packets[0], [&newer, &secret], SOURCE).unwrap();
        assert_eq!(Some(first), flight.packets().next());
        assert!(world.accept(first).is_ok());
        // A second challenge, because the secret rotated twice, starts from the same packet.
        let first = Knock::check(&world.bob, first).unwrap();
        let again = first.challenge(&newer, SOURCE, &mut SeededRng::new(8)).unwrap();
        let again = cookied.with_cookie(&world.bob.door, &again).unwrap();
        assert!(cookie::open(again.packets().next().unwrap(), [&newer], SOURCE).is_ok());
    }
}

#[test]
fn a_cookie_is_good_for_one_source_one_packet_and_two_rotations() {
    let mut world = World::new(Suite::X3dhHybrid);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret);
    let cookied = flight.with_cookie(&world.bob.door, &challenge).unwrap();
    let packet = cookied.packets().next().unwrap();
    assert!(cookie::open(packet, [&secret], SOURCE).is_ok());
    assert!(cookie::open(packet, [&secret], b"192.0.2.1:4243").is_err());
    assert!(cookie::open(packet, [&CookieSecret::from_bytes([2; 32])], SOURCE).is_err());
    assert!(cookie::open(packet, [], SOURCE).is_err());
    // The same cookie in front of another attempt.
    let (_, other) = world.start();
    let moved = [&packet[..17], other.packets().next().unwrap()].concat();
    assert!(cookie::open(&moved, [&secret], SOURCE).is_err());
}

#[test]
fn every_changed_byte_is_rejected() {
    for mut world in variants() {
        let secret = CookieSecret::from_bytes([1; 32]);
        let (flight, challenge) = challenged(&mut world, &secret);
        for index in 0..challenge.len() {
            let mut changed = challenge.clone();
            changed[index] ^= 1;
            assert!(flight.with_cookie(&world.bob.door, &changed).is_err());
            assert!(flight.with_cookie(&world.bob.door, &challenge[..index]).is_err());
        }
        let cookied = flight.with_cookie(&world.bob.door, &challenge).unwrap();
        let packet = cookied.packets().next().unwrap();
        for index in 0..packet.len() {
            let mut changed = packet.to_vec();
            changed[index] ^= 1;
            assert!(cookie::open(&changed, [&secret], SOURCE).is_err());
            assert!(cookie::open(&packet[..index], [&secret], SOURCE).is_err());
        }
    }
}

#[test]
fn a_challenge_reads_only_behind_the_door_and_for_its_packet() {
    let mut world = World::new(Suite::X3dh);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret);
    assert!(flight.with_cookie(&Door::from_bytes([9; 32]), &challenge).is_err());
    let (_, other) = world.start();
    assert!(other.with_cookie(&world.bob.door, &challenge).is_err());
}

#[test]
fn a_cookied_packet_is_not_a_first_packet() {
    let mut world = World::new(Suite::X3dhHybrid);
    let secret = CookieSecret::from_bytes([1; 32]);
    let (flight, challenge) = challenged(&mut world, &secret);
    let cookied = flight.with_cookie(&world.bob.door, &challenge).unwrap();
    assert!(Knock::check(&world.bob, cookied.packets().next().unwrap()).is_err());
    assert!(cookie::open(flight.packets().next().unwrap(), [&secret], SOURCE).is_err());
}
