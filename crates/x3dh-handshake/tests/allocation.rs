//! What packets of others can make us allocate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;

use allocation_counter::measure;
use common::{SeededRng, variants};
use x3dh_handshake::{Knock, anonymous::AnonymousKnock, rekey};

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
