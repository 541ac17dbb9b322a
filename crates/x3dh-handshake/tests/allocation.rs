//! What packets of others can make us allocate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;

use allocation_counter::measure;
use common::{SeededRng, World, variants};
use x3dh_handshake::{CookieSecret, Knock, Suite, anonymous::AnonymousKnock, cookie, rekey};

/// All that is held at once, which no single allocation can exceed.
const MAX_HELD_BYTES: u64 = 4096;

#[test]
fn a_stranger_makes_us_allocate_nothing() {
    for mut world in variants() {
        let (_, flight) = world.start();
        let mut first = flight.packets().next().unwrap().to_vec();
        *first.last_mut().unwrap() ^= 1;
        let garbage = vec![1; 1200];
        let info = measure(|| {
            for packet in [&first[..], &garbage, &[], &first[..20]] {
                assert!(Knock::check(&world.bob, packet).is_err());
                assert!(AnonymousKnock::check(&world.bob, packet).is_err());
            }
        });
        assert_eq!(info.count_total, 0);
    }
}

#[test]
fn nobody_makes_us_hold_more_than_the_limit() {
    for mut world in variants() {
        let (initiator, flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let reply_config = world.reply_config();
        let wrong_part = vec![0; 1192];
        let mut reply = None;
        let info = measure(|| {
            let mut accepted = common::accept(&world.bob, world.psk.as_ref(), packets[0]).unwrap();
            if let Some(part) = packets.get(1) {
                accepted = accepted.key_share(&wrong_part).unwrap_err().0;
                accepted = accepted.key_share(part).unwrap();
            }
            reply = Some(accepted.reply(&reply_config, &mut SeededRng::new(3)).unwrap());
        });
        println!(
            "{:?} responder: {} bytes held, {} allocations",
            world.suite, info.bytes_max, info.count_total
        );
        assert!(info.bytes_max <= MAX_HELD_BYTES, "{info:?}");

        let (reply, _) = reply.unwrap();
        let mut forged = reply.clone();
        *forged.last_mut().unwrap() ^= 1;
        let mut initiator = Some(initiator);
        let info = measure(|| {
            let (back, _) = initiator.take().unwrap().read_reply(&forged).unwrap_err();
            assert!(back.read_reply(&reply).is_ok());
        });
        println!(
            "{:?} initiator: {} bytes held, {} allocations",
            world.suite, info.bytes_max, info.count_total
        );
        assert!(info.bytes_max <= MAX_HELD_BYTES, "{info:?}");

        let offer = rekey::Offer::new(world.suite, &mut SeededRng::new(1)).unwrap();
        let info = measure(|| {
            let (response, _) = rekey::answer(world.suite, offer.request(), &mut SeededRng::new(3)).unwrap();
            assert!(
                rekey::answer(world.suite, &response, &mut SeededRng::new(3)).is_err()
                    || response.len() == 32
            );
        });
        assert!(info.bytes_max <= MAX_HELD_BYTES, "{info:?}");
    }
}

#[test]
fn what_is_refused_before_a_diffie_hellman_allocates_nothing() {
    let (source, bits) = (&b"192.0.2.1:4242"[..], 4);
    for mut world in variants() {
        let (_, flight) = world.start();
        let secrets = [1, 2].map(|byte| CookieSecret::from_bytes([byte; 32]));
        let knock = Knock::check(&world.bob, flight.packets().next().unwrap()).unwrap();
        let challenge = knock.challenge(&secrets[1], source, bits, &mut SeededRng::new(5)).unwrap();
        let puzzle = flight.read_challenge(&world.bob.door, &challenge).unwrap();
        let solved = flight.with_cookie(&puzzle.try_solve(0..u64::MAX).unwrap()).unwrap();
        let cookied = solved.packets().next().unwrap();
        let mut forged = cookied.to_vec();
        forged[9] ^= 1;
        let info = measure(|| {
            assert!(cookie::open(&forged, &secrets, source, bits).is_err());
            assert!(cookie::open(cookied, &secrets, b"elsewhere", bits).is_err());
            assert!(cookie::open(cookied, &secrets, source, 64).is_err(), "too little work");
            assert!(cookie::open(&cookied[..24], &secrets, source, bits).is_err());
        });
        assert_eq!(info.count_total, 0, "{:?}", world.suite);
    }
}

#[test]
fn an_anonymous_caller_makes_us_hold_no_more_than_the_limit() {
    let mut world = World::new(Suite::NoiseNk);
    let (caller, flight) = world.call();
    let first = flight.packets().next().unwrap().to_vec();
    let config = world.reply_config();
    let mut strange = first.clone();
    *strange.last_mut().unwrap() ^= 1;
    let info = measure(|| assert!(AnonymousKnock::check(&world.bob, &strange).is_err()));
    assert_eq!(info.count_total, 0);
    let mut answered = None;
    let info = measure(|| {
        answered = Some(world.hear(&first).unwrap().reply(&config, &mut SeededRng::new(3)).unwrap());
    });
    println!("{:?} responder: {} bytes held, {} allocations", world.suite, info.bytes_max, info.count_total);
    assert!(info.bytes_max <= MAX_HELD_BYTES, "{info:?}");
    let (reply, _) = answered.unwrap();
    let mut caller = Some(caller);
    let info = measure(|| assert!(caller.take().unwrap().read_reply(&reply).is_ok()));
    assert!(info.bytes_max <= MAX_HELD_BYTES, "{info:?}");
}
