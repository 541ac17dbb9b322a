//! Whatever is done to the bytes on the way, and whatever comes in whichever order.

use proptest::prelude::*;
use x3dh_handshake::mychips::{Event, LENGTH_BYTES, Phase, framed};

use crate::pair::{World, agent, sent, token, told};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One bit anywhere in N, K or I: nothing is answered.
    #[test]
    fn a_changed_call_is_never_answered(which in 0_usize..3, at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut world = World::new();
        let by_ticket = token();
        let mut caller = world.dial_as(agent(1), 7, b"early", (which == 2).then_some(&by_ticket));
        let mut packets = sent(&mut caller);
        let packet = &mut packets[which % 2];
        let index = at.index(packet.len());
        packet[index] ^= 1 << bit;
        let mut called = world.accept();
        for packet in &packets {
            // The first one may have ended it.
            if called.handle_packet(world.now, packet).is_err() {
                break;
            }
            if told(&mut called).iter().any(|event| matches!(event, Event::Asks(_))) {
                world.admit(&mut called, None);
            }
        }
        prop_assert!(sent(&mut called).is_empty());
        prop_assert_ne!(called.phase(), Phase::Unconfirmed);
    }

    /// One bit anywhere in A: the caller says nothing more.
    #[test]
    fn a_changed_answer_does_not_open(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut world = World::new();
        let (mut caller, _, mut answer) = world.unconfirmed();
        let index = at.index(answer.len());
        answer[index] ^= 1 << bit;
        caller.handle_packet(world.now, &answer).unwrap();
        prop_assert_eq!(caller.phase(), Phase::Closed);
        prop_assert!(sent(&mut caller).is_empty());
    }

    /// A packet that was cut anywhere, or has something behind it, is nothing.
    #[test]
    fn a_cut_or_lengthened_message_delivers_nothing(
        message in prop::collection::vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut world = World::new();
        for lengthen in [false, true] {
            let (mut caller, mut called) = world.open();
            caller.send(world.now, &message).unwrap();
            let mut packet = sent(&mut caller).remove(0);
            if lengthen {
                packet.extend(&more);
            } else {
                packet.truncate(cut.index(packet.len()));
            }
            called.handle_packet(world.now, &packet).unwrap();
            prop_assert!(!told(&mut called).iter().any(|event| matches!(event, Event::Message(_))));
            prop_assert_eq!(called.phase(), Phase::Closed);
        }
    }

    /// Messages of both directions, in their order, whatever they hold.
    #[test]
    fn messages_arrive_as_they_were_sent(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20),
    ) {
        let mut world = World::new();
        let (mut caller, mut called) = world.open();
        for (to_called, message) in messages {
            let (from, to) = if to_called { (&mut caller, &mut called) } else { (&mut called, &mut caller) };
            from.send(world.now, &message).unwrap();
            prop_assert_eq!(world.carry(from, to), [Event::Message(message)]);
        }
    }

    /// Any bytes at all: no panic, no answer, and never open.
    #[test]
    fn strangers_get_silence(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5)) {
        let mut world = World::new();
        let mut called = world.accept();
        for packet in packets {
            called.handle_packet(world.now, &packet).ok();
            if told(&mut called).iter().any(|event| matches!(event, Event::Asks(_))) {
                world.admit(&mut called, None);
            }
        }
        prop_assert!(sent(&mut called).is_empty());
        prop_assert!(matches!(called.phase(), Phase::Accepted | Phase::Closed));
    }

    #[test]
    fn a_framed_packet_has_its_length_in_front(packet in prop::collection::vec(any::<u8>(), 1..2_000)) {
        let bytes = framed(&packet).unwrap();
        let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().unwrap();
        prop_assert_eq!(World::new().accept().handle_length(*length), Some(packet.len()));
        prop_assert_eq!(rest, packet);
    }
}
