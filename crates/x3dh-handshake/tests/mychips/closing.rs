//! How connections end.

use std::time::Duration;

use x3dh_handshake::Error;
use x3dh_handshake::mychips::{
    CLOSE_TIMEOUT, End, Event, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, INITIATOR_IDLE_TIMEOUT, Phase, Reason,
};

use crate::pair::{World, sent, told};

const MOMENT: Duration = Duration::from_nanos(1);

#[test]
fn the_responder_decides_when_an_idle_connection_ends() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    world.pass(IDLE_TIMEOUT - MOMENT);
    caller.handle_timeout(world.now);
    called.handle_timeout(world.now);
    assert_eq!((caller.phase(), called.phase()), (Phase::Open, Phase::Open));

    world.pass(MOMENT);
    caller.handle_timeout(world.now);
    assert_eq!(caller.phase(), Phase::Open, "an initiator leaves it to the responder");
    called.handle_timeout(world.now);
    assert_eq!(called.phase(), Phase::Closing);
    assert_eq!(world.carry(&mut called, &mut caller), [Event::Closed(End::ByPeer(Reason::Idle))]);
    assert_eq!(world.carry(&mut caller, &mut called), [Event::Closed(End::ByUs(Reason::Idle))]);
}

#[test]
fn an_initiator_does_not_hang_on_a_responder_that_is_gone() {
    let mut world = World::new();
    let (mut caller, _) = world.open();
    world.pass(INITIATOR_IDLE_TIMEOUT - MOMENT);
    caller.handle_timeout(world.now);
    assert_eq!(caller.phase(), Phase::Open);
    world.pass(MOMENT);
    caller.handle_timeout(world.now);
    assert_eq!(caller.phase(), Phase::Closing);
    world.pass(CLOSE_TIMEOUT);
    caller.handle_timeout(world.now);
    assert_eq!(told(&mut caller), [Event::Closed(End::TimedOut)]);
}

#[test]
fn every_packet_in_either_direction_is_use() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    for _ in 0..4 {
        world.pass(IDLE_TIMEOUT / 2);
        caller.send(world.now, b"a").unwrap();
        world.carry(&mut caller, &mut called);
        world.pass(IDLE_TIMEOUT / 2);
        called.send(world.now, b"b").unwrap();
        world.carry(&mut called, &mut caller);
        called.handle_timeout(world.now + IDLE_TIMEOUT - MOMENT);
        assert_eq!(called.phase(), Phase::Open);
    }
    assert_eq!(called.poll_timeout(), Some(world.now + IDLE_TIMEOUT));
}

#[test]
fn what_was_sent_before_a_close_arrives_in_both_directions() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    caller.send(world.now, b"first").unwrap();
    caller.close(world.now, Reason::Done);
    assert_eq!(caller.send(world.now, b"too late"), Err(Error::NotOpen));
    called.send(world.now, b"crossing").unwrap();
    assert_eq!(world.carry(&mut called, &mut caller), [Event::Message(b"crossing".to_vec())]);
    let events = world.carry(&mut caller, &mut called);
    assert_eq!(events, [Event::Message(b"first".to_vec()), Event::Closed(End::ByPeer(Reason::Done))]);
    assert_eq!(world.carry(&mut called, &mut caller), [Event::Closed(End::ByUs(Reason::Done))]);
    assert!(sent(&mut caller).is_empty());
}

#[test]
fn two_that_close_at_once_both_end_well() {
    let mut world = World::new();
    let (mut caller, mut called) = world.open();
    caller.close(world.now, Reason::Done);
    called.close(world.now, Reason::Idle);
    assert_eq!(world.carry(&mut called, &mut caller), [Event::Closed(End::ByUs(Reason::Done))]);
    assert_eq!(world.carry(&mut caller, &mut called), [Event::Closed(End::ByUs(Reason::Idle))]);
}

#[test]
fn a_stream_that_ends_without_a_close_is_a_truncation() {
    let mut world = World::new();
    for closing in [false, true] {
        let (mut caller, _) = world.open();
        if closing {
            caller.close(world.now, Reason::Done);
        }
        caller.handle_end();
        assert_eq!(told(&mut caller), [Event::Closed(End::Truncated)]);
    }
}

/// A caller whose call is never answered is told so, and only once.
#[test]
fn nobody_waits_for_an_answer_for_ever() {
    let mut world = World::new();
    let mut caller = world.dial(7);
    let (_, mut unconfirmed, _) = world.unconfirmed();
    let mut silent = world.accept();
    world.pass(HANDSHAKE_TIMEOUT);
    for end in [&mut caller, &mut unconfirmed, &mut silent] {
        end.handle_timeout(world.now);
        end.handle_timeout(world.now);
        assert_eq!(told(end), [Event::Closed(End::TimedOut)]);
        assert!(sent(end).is_empty());
    }
}

/// Neither N nor K nor A gives the deadline of the handshake back.
#[test]
fn packets_do_not_put_the_deadline_off() {
    let mut world = World::new();
    let mut caller = world.dial(7);
    let mut called = world.accept();
    let deadline = called.poll_timeout();
    for packet in sent(&mut caller) {
        world.pass(HANDSHAKE_TIMEOUT / 3);
        called.handle_packet(world.now, &packet).unwrap();
        assert_eq!(called.poll_timeout(), deadline);
    }
    told(&mut called);
    world.admit(&mut called, None);
    assert_eq!(called.poll_timeout(), deadline);
}

#[test]
fn the_keys_are_not_used_beyond_their_limit() {
    let mut world = World::new();
    world.limits.max_sent_packets = 4;
    let (mut caller, mut called) = world.open();
    caller.send(world.now, b"one").unwrap();
    caller.send(world.now, b"two").unwrap();
    assert_eq!(caller.send(world.now, b"three"), Err(Error::NotOpen));
    assert_eq!(caller.phase(), Phase::Closing);
    assert_eq!(world.carry(&mut caller, &mut called).pop(), Some(Event::Closed(End::ByPeer(Reason::Done))));
}

#[test]
fn every_reason_is_told_at_both_ends() {
    for reason in [Reason::Done, Reason::Idle, Reason::Replaced, Reason::Removed] {
        let mut world = World::new();
        let (mut caller, mut called) = world.open();
        called.close(world.now, reason);
        assert_eq!(world.carry(&mut called, &mut caller), [Event::Closed(End::ByPeer(reason))]);
        assert_eq!(world.carry(&mut caller, &mut called), [Event::Closed(End::ByUs(reason))]);
    }
}

#[test]
fn deadlines_are_neither_early_nor_late() {
    let mut world = World::new();
    let mut silent = world.accept();
    world.pass(HANDSHAKE_TIMEOUT - MOMENT);
    silent.handle_timeout(world.now);
    assert_eq!((silent.phase(), silent.poll_timeout()), (Phase::Accepted, Some(world.now + MOMENT)));

    // Of a connection that closes: from its CLOSE on, whatever still comes.
    let (mut caller, mut called) = world.open();
    world.pass(IDLE_TIMEOUT / 2);
    caller.send(world.now, b"crossing").unwrap();
    called.close(world.now, Reason::Done);
    let end = world.now + CLOSE_TIMEOUT;
    assert_eq!(called.poll_timeout(), Some(end));
    world.pass(CLOSE_TIMEOUT - MOMENT);
    world.carry(&mut caller, &mut called);
    called.handle_timeout(world.now);
    assert_eq!((called.phase(), called.poll_timeout()), (Phase::Closing, Some(end)));
    called.handle_timeout(end);
    assert_eq!(told(&mut called), [Event::Closed(End::TimedOut)]);
}
