//! Our own dials.

use membership::TicketId;
use x3dh_handshake::{Psk, Role};

use super::rig::{MILLISECOND, Rig, SECOND, address, boot, facts, members_with_addresses, peer, with_device};
use crate::{
    Action, Cause, Config, ConnectError, DialCause, Error, HandshakeCause, PathCause, Target, Urgency,
};

#[test]
fn a_dial_becomes_a_session_and_all_waiters_share_it() {
    let mut rig = Rig::new();
    let first = rig.connect(peer(2));
    let attempt = rig.expect_dial();
    let second = rig.connect(peer(2));
    let path = rig.open(attempt);
    rig.expect_begin(path);
    rig.expect_none();
    rig.endpoint.established(rig.now, path, boot(7));
    let session = rig.expect_live(path);
    assert_eq!(rig.action(), Action::PeerUp { peer: peer(2), session, role: Role::Initiator });
    assert_eq!(rig.action(), Action::Resolved { waiter: first, result: Ok(session) });
    assert_eq!(rig.action(), Action::Resolved { waiter: second, result: Ok(session) });
    rig.expect_none();
    let third = rig.connect(peer(2));
    assert_eq!(rig.action(), Action::Resolved { waiter: third, result: Ok(session) });
}

#[test]
fn addresses_are_tried_with_a_stagger_and_at_once_after_a_failure() {
    let mut rig = Rig::new();
    let waiter = rig.connect(peer(2));
    let Action::Dial { attempt: first, address: tried, .. } = rig.action() else { panic!() };
    assert_eq!(tried, address("a"));
    rig.pass(249 * MILLISECOND);
    rig.expect_none();
    rig.pass(MILLISECOND);
    let Action::Dial { attempt: second, address: tried, .. } = rig.action() else { panic!() };
    assert_eq!(tried, address("b"));
    rig.endpoint.dial_failed(rig.now, second, DialCause::Unreachable);
    rig.expect_none();
    rig.endpoint.dial_failed(rig.now, first, DialCause::Refused);
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::Refused) });
    rig.expect_none();
    let causes = rig.endpoint.causes(&peer(2).identity);
    let expected = [
        Cause::Dial { address: address("b"), cause: DialCause::Unreachable },
        Cause::Dial { address: address("a"), cause: DialCause::Refused },
        Cause::Connect(ConnectError::Refused),
    ];
    assert_eq!(causes.into_iter().map(|noted| noted.cause).collect::<Vec<_>>(), expected);
    assert!(rig.endpoint.is_quiet());

    rig.pass(SECOND);
    rig.connect(peer(2));
    let first = rig.expect_dial();
    rig.endpoint.dial_failed(rig.now, first, DialCause::Refused);
    rig.expect_dial();
}

#[test]
fn the_first_path_gets_the_handshake_and_the_others_are_abandoned_when_it_succeeds() {
    let mut rig = Rig::new();
    rig.connect(peer(2));
    let first = rig.expect_dial();
    rig.pass(250 * MILLISECOND);
    let second = rig.expect_dial();
    let path = rig.open(second);
    rig.expect_begin(path);
    rig.endpoint.established(rig.now, path, boot(1));
    assert_eq!(rig.action(), Action::AbandonDial { attempt: first });
    rig.expect_live(path);
    let late = rig.endpoint.path_opened(rig.now, first, facts("a"), 99, &mut rig.rng);
    assert_eq!(late, Err(Error::Abandoned));
    rig.endpoint.dial_failed(rig.now, first, DialCause::Refused);
    assert_eq!(rig.endpoint.sessions().count(), 1);
}

#[test]
fn only_one_first_packet_is_in_flight_and_a_silent_path_loses_its_turn_to_another() {
    let mut rig = Rig::new();
    let (waiter, silent) = rig.begin(peer(2));
    rig.pass(250 * MILLISECOND);
    let second = rig.expect_dial();
    let other = rig.open(second);
    rig.expect_none();
    rig.pass(749 * MILLISECOND);
    rig.expect_none();
    rig.pass(MILLISECOND);
    assert_eq!(rig.action(), Action::ClosePath { path: silent });
    rig.expect_begin(other);
    rig.endpoint.established(rig.now, silent, boot(1));
    rig.expect_none();
    // With nothing else to try, the last handshake has until the deadline, unless the same address opens once more.
    rig.pass(1_999 * MILLISECOND);
    rig.expect_none();
    rig.pass(MILLISECOND);
    let again = rig.expect_dial();
    rig.pass(6_999 * MILLISECOND);
    rig.expect_none();
    rig.pass(MILLISECOND);
    assert_eq!(rig.action(), Action::ClosePath { path: other });
    assert_eq!(rig.action(), Action::AbandonDial { attempt: again });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::NoAnswer) });
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn a_peer_that_stays_silent_is_asked_anew_on_other_paths_and_ever_less_often() {
    let mut rig = Rig::with(Config::default(), members_with_addresses(2, &["a"]));
    let (waiter, mut path) = rig.begin(peer(2));
    for patience in [2, 4] {
        rig.pass(patience * SECOND - MILLISECOND);
        rig.expect_none();
        rig.pass(MILLISECOND);
        let attempt = rig.expect_dial();
        rig.expect_none();
        let next = rig.open(attempt);
        assert_eq!(rig.action(), Action::ClosePath { path }, "one first packet is in flight at any time");
        rig.expect_begin(next);
        path = next;
    }
    // It has heard of us meanwhile.
    rig.endpoint.established(rig.now, path, boot(1));
    let session = rig.expect_live(path);
    assert_eq!(rig.action(), Action::PeerUp { peer: peer(2), session, role: Role::Initiator });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Ok(session) });
}

#[test]
fn a_ticket_is_named_in_every_other_first_packet_to_a_silent_issuer() {
    let mut rig = Rig::with(Config::default(), members_with_addresses(2, &["a"]));
    rig.endpoint.present_ticket(peer(2).identity, Some((TicketId([1; 16]), Psk::from_bytes([2; 32]))));
    rig.connect(peer(2));
    let mut named = Vec::new();
    loop {
        rig.pump();
        match rig.actions.pop_front() {
            None => rig.pass(SECOND),
            Some(Action::Dial { attempt, .. }) => drop(rig.open(attempt)),
            Some(Action::Begin { order, .. }) => named.push(order.ticket.is_some()),
            Some(Action::Resolved { .. }) => break,
            Some(_) => {}
        }
    }
    assert_eq!(named, [true, false, true]);
}

#[test]
fn a_path_lost_or_refused_in_its_handshake_gives_the_next_address_its_chance() {
    let mut rig = Rig::new();
    let (waiter, path) = rig.begin(peer(2));
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    let second = rig.expect_dial();
    let path = rig.open(second);
    rig.expect_begin(path);
    rig.endpoint.handshake_failed(rig.now, path, HandshakeCause::BadAnswer);
    assert_eq!(rig.action(), Action::ClosePath { path });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::NoAnswer) });
    assert!(ConnectError::NoAnswer.is_retryable());
    assert!(!ConnectError::NoAnswer.possible_causes().is_empty());
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn a_dial_that_nothing_answers_ends_at_its_deadline() {
    let mut rig = Rig::new();
    let waiter = rig.connect(peer(2));
    let (first, _) = (rig.expect_dial(), rig.pass(9_999 * MILLISECOND));
    let second = rig.expect_dial();
    let late = rig.connect(peer(2));
    rig.expect_none();
    rig.pass(MILLISECOND);
    assert_eq!(rig.action(), Action::AbandonDial { attempt: first });
    assert_eq!(rig.action(), Action::AbandonDial { attempt: second });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::TimedOut) });
    assert_eq!(rig.action(), Action::Resolved { waiter: late, result: Err(ConnectError::TimedOut) });
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn an_address_that_answered_an_earlier_process_comes_first_while_it_is_known() {
    for (restored, first) in [("b", "b"), ("elsewhere", "a")] {
        let mut rig = Rig::new();
        rig.endpoint.restore_address(peer(2), address(restored));
        assert_eq!(rig.endpoint.good_address(&peer(2)), Some(&address(restored)));
        rig.connect(peer(2));
        assert!(matches!(rig.action(), Action::Dial { address: tried, .. } if tried == address(first)));
    }
    let mut rig = Rig::new();
    rig.endpoint.restore_address(with_device(2, 30), address("a"));
    assert_eq!(rig.endpoint.good_address(&with_device(2, 30)), None, "of a device that is not on the list");
}

#[test]
fn the_address_that_answered_comes_first_next_time() {
    let mut rig = Rig::new();
    rig.connect(peer(2));
    let first = rig.expect_dial();
    rig.endpoint.dial_failed(rig.now, first, DialCause::Unreachable);
    let second = rig.expect_dial();
    let path = rig.open(second);
    rig.expect_begin(path);
    rig.endpoint.established(rig.now, path, boot(1));
    rig.pass(2 * SECOND);
    rig.endpoint.path_lost(rig.now, path, PathCause::Broken);
    rig.pump();
    rig.actions.clear();
    rig.connect(peer(2));
    assert!(matches!(rig.action(), Action::Dial { address: tried, .. } if tried == address("b")));
}

#[test]
fn a_prompt_redial_waits_a_second_and_a_patient_one_backs_off_with_jitter() {
    let mut rig = Rig::with(Config::default(), members_with_addresses(2, &["a"]));
    let mut delays = Vec::new();
    for _ in 0..9 {
        rig.connect_as(peer(2), Urgency::Patient);
        let asked = rig.now.instant;
        let attempt = loop {
            rig.pump();
            match rig.actions.pop_front() {
                Some(Action::Dial { attempt, .. }) => break attempt,
                Some(other) => panic!("{other:?}"),
                None => rig.pass(MILLISECOND),
            }
        };
        delays.push(rig.now.instant - asked);
        rig.endpoint.dial_failed(rig.now, attempt, DialCause::Refused);
        assert!(matches!(rig.action(), Action::Resolved { .. }));
    }
    assert!(delays[0].is_zero());
    for (failures, delay) in delays.iter().enumerate().skip(1) {
        let whole = SECOND * (1 << (failures - 1)).min(60);
        assert!(*delay >= (whole / 2).max(SECOND) && *delay <= whole + MILLISECOND, "{failures}: {delay:?}");
    }
    // Somebody who waits hurries the dial that waits.
    rig.connect_as(peer(2), Urgency::Patient);
    rig.expect_none();
    rig.connect(peer(2));
    rig.pass(SECOND);
    rig.expect_dial();
}

#[test]
fn a_success_resets_the_backoff() {
    let mut rig = Rig::new();
    rig.connect(peer(2));
    for _ in 0..2 {
        let attempt = rig.expect_dial();
        rig.endpoint.dial_failed(rig.now, attempt, DialCause::Refused);
    }
    rig.pass(SECOND);
    rig.pump();
    rig.actions.clear();
    let (path, _) = rig.dial(peer(2));
    rig.pass(SECOND);
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.pump();
    rig.actions.clear();
    rig.connect_as(peer(2), Urgency::Patient);
    rig.expect_dial();
}

#[test]
fn a_peer_that_hangs_up_at_once_is_not_redialed_in_a_tight_loop() {
    let mut rig = Rig::new();
    let (path, _) = rig.dial(peer(2));
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.pump();
    rig.actions.clear();
    rig.connect(peer(2));
    rig.expect_none();
    rig.pass(SECOND);
    rig.expect_dial();
}

#[test]
fn a_cancelled_waiter_gets_nothing_and_the_dial_goes_on_for_the_others() {
    let mut rig = Rig::new();
    let (waiter, path) = rig.begin(peer(2));
    assert_eq!(
        rig.endpoint.connect(rig.now, Target::Device(peer(2)), Urgency::Prompt, waiter),
        Err(Error::WaiterInUse)
    );
    let other = rig.connect(peer(2));
    assert!(rig.endpoint.cancel(rig.now, waiter));
    assert!(!rig.endpoint.cancel(rig.now, waiter));
    rig.endpoint.established(rig.now, path, boot(1));
    let session = rig.expect_live(path);
    rig.action();
    assert_eq!(rig.action(), Action::Resolved { waiter: other, result: Ok(session) });
    rig.expect_none();
}

#[test]
fn a_dial_that_has_begun_outlives_its_waiters_and_one_that_waits_does_not() {
    let mut rig = Rig::new();
    let (waiter, path) = rig.begin(peer(2));
    assert!(rig.endpoint.cancel(rig.now, waiter));
    rig.endpoint.established(rig.now, path, boot(1));
    rig.expect_live(path);
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.pump();
    rig.actions.clear();
    let waiter = rig.connect(peer(2));
    assert!(rig.endpoint.cancel(rig.now, waiter));
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn counters_must_grow() {
    let mut rig = Rig::new();
    rig.connect(peer(2));
    let first = rig.expect_dial();
    rig.pass(250 * MILLISECOND);
    let second = rig.expect_dial();
    rig.endpoint.path_opened(rig.now, first, facts("a"), 10, &mut rig.rng).unwrap();
    let used = rig.endpoint.path_opened(rig.now, second, facts("b"), 10, &mut rig.rng);
    assert_eq!(used, Err(Error::CounterUsed));
    rig.endpoint.path_opened(rig.now, second, facts("b"), 11, &mut rig.rng).unwrap();
}

#[test]
fn what_cannot_be_dialed_fails_at_once() {
    let config = Config { max_waiters: 1, max_addresses: 1, ..Config::default() };
    let mut rig = Rig::with(config, members_with_addresses(3, &[]));
    for (to, error) in [
        (peer(77), ConnectError::UnknownMember),
        (peer(5), ConnectError::SelfDial),
        (peer(3), ConnectError::NoAddress),
        (with_device(2, 3), ConnectError::UnknownDevice),
    ] {
        let waiter = rig.connect(to);
        assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(error) });
        assert!(!error.is_retryable());
    }
    rig.connect(peer(2));
    rig.expect_dial();
    let waiter = rig.connect(peer(4));
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::TooManyWaiters) });
    rig.pass(SECOND);
    rig.expect_none();
}

#[test]
fn disconnect_ends_a_dial_and_its_waiters() {
    let mut rig = Rig::new();
    let (waiter, path) = rig.begin(peer(2));
    rig.pass(250 * MILLISECOND);
    let attempt = rig.expect_dial();
    rig.endpoint.disconnect(rig.now, peer(2).identity.into(), crate::CloseReason::Application);
    assert_eq!(rig.action(), Action::ClosePath { path });
    assert_eq!(rig.action(), Action::AbandonDial { attempt });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::Disconnected) });
    assert!(rig.endpoint.is_quiet());
}
