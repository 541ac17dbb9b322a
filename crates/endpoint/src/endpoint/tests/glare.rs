//! Simultaneous dials: the one by the smaller peer survives, and neither is given up before the other counts.

use super::rig::{MILLISECOND, Rig, SECOND, boot, facts, peer, proof};
use x3dh_handshake::Role;

use crate::{Action, HANDSHAKE_TIMEOUT, PathCause};

const SMALLER: u8 = 2;
const LARGER: u8 = 8;

#[test]
fn the_smaller_does_not_answer_while_its_own_first_packet_is_in_flight() {
    let mut rig = Rig::new();
    let (waiter, ours) = rig.begin(peer(LARGER));
    let theirs = rig.knock(LARGER, 1, boot(1));
    rig.expect_none();
    rig.endpoint.established(rig.now, ours, boot(1));
    let session = rig.expect_live(ours);
    rig.action();
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Ok(session) });
    // Theirs is refused like a stranger's.
    rig.expect_none();
    rig.pass(HANDSHAKE_TIMEOUT);
    assert_eq!(rig.action(), Action::ClosePath { path: theirs });
}

#[test]
fn the_smaller_answers_when_its_own_dial_fails() {
    let mut rig = Rig::new();
    let (waiter, ours) = rig.begin(peer(LARGER));
    let theirs = rig.knock(LARGER, 1, boot(1));
    rig.expect_none();
    rig.endpoint.path_lost(rig.now, ours, PathCause::Closed);
    let session = rig.expect_answer(theirs);
    rig.expect_dial();
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    assert!(rig.actions.contains(&Action::Resolved { waiter, result: Ok(session) }));
    assert_eq!(rig.endpoint.session_with(&peer(LARGER)), Some(session));
}

#[test]
fn the_smaller_answers_when_its_own_handshake_has_had_its_turn() {
    let mut rig = Rig::new();
    let (_, ours) = rig.begin(peer(LARGER));
    let theirs = rig.knock(LARGER, 1, boot(1));
    rig.pass(SECOND);
    rig.expect_dial();
    assert_eq!(rig.action(), Action::ClosePath { path: ours });
    rig.expect_answer(theirs);
}

#[test]
fn what_waits_does_not_outlive_its_own_deadline() {
    let mut rig = Rig::new();
    let theirs = rig.endpoint.accept(rig.now, facts("in")).unwrap().path;
    rig.pass(HANDSHAKE_TIMEOUT - 100 * MILLISECOND);
    let (_, ours) = rig.begin(peer(LARGER));
    rig.endpoint.admit(rig.now, theirs, proof(LARGER, 1, boot(1)), &mut rig.rng);
    rig.pass(100 * MILLISECOND);
    assert_eq!(rig.action(), Action::ClosePath { path: theirs });
    rig.endpoint.path_lost(rig.now, ours, PathCause::Closed);
    rig.expect_dial();
    rig.expect_none();
    rig.endpoint.shutdown(rig.now);
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn only_the_latest_first_packet_waits() {
    let mut rig = Rig::new();
    let (_, ours) = rig.begin(peer(LARGER));
    rig.knock(LARGER, 1, boot(1));
    let later = rig.knock(LARGER, 2, boot(1));
    rig.knock(LARGER, 2, boot(1));
    rig.endpoint.path_lost(rig.now, ours, PathCause::Closed);
    rig.expect_answer(later);
}

#[test]
fn the_larger_answers_and_takes_whichever_counts_first() {
    let mut rig = Rig::new();
    let (waiter, ours) = rig.begin(peer(SMALLER));
    let theirs = rig.knock(SMALLER, 1, boot(1));
    let session = rig.expect_answer(theirs);
    rig.endpoint.confirmed(rig.now, session);
    rig.action();
    assert_eq!(rig.endpoint.session_with(&peer(SMALLER)), Some(session));
    rig.pump();
    assert!(rig.actions.contains(&Action::Resolved { waiter, result: Ok(session) }));
    rig.endpoint.established(rig.now, ours, boot(1));
    assert_eq!(rig.endpoint.session_with(&peer(SMALLER)), Some(session));
    assert_eq!(rig.endpoint.sessions().count(), 1);
}

#[test]
fn the_larger_abandons_its_dial_when_theirs_is_confirmed() {
    let mut rig = Rig::new();
    let (_, ours) = rig.begin(peer(SMALLER));
    let theirs = rig.knock(SMALLER, 1, boot(1));
    let session = rig.expect_answer(theirs);
    rig.endpoint.confirmed(rig.now, session);
    assert_eq!(rig.action(), Action::ClosePath { path: ours });
    assert_eq!(rig.action(), Action::StoreCounter { peer: peer(SMALLER), counter: 1 });
    assert_eq!(rig.action(), Action::PeerUp { peer: peer(SMALLER), session, role: Role::Responder });
}

#[test]
fn an_answer_to_the_larger_waits_for_the_session_of_the_smaller() {
    let mut rig = Rig::new();
    let (waiter, ours) = rig.begin(peer(SMALLER));
    let theirs = rig.knock(SMALLER, 1, boot(1));
    let session = rig.expect_answer(theirs);
    rig.endpoint.established(rig.now, ours, boot(1));
    rig.expect_none();
    rig.endpoint.confirmed(rig.now, session);
    assert_eq!(rig.action(), Action::ClosePath { path: ours });
    rig.action();
    rig.action();
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Ok(session) });
    rig.expect_none();
}

#[test]
fn an_answer_to_the_larger_counts_when_the_session_of_the_smaller_is_lost_or_late() {
    for lost in [true, false] {
        let mut rig = Rig::new();
        let (_, ours) = rig.begin(peer(SMALLER));
        let theirs = rig.knock(SMALLER, 1, boot(1));
        rig.expect_answer(theirs);
        rig.endpoint.established(rig.now, ours, boot(1));
        rig.expect_none();
        if lost {
            rig.endpoint.path_lost(rig.now, theirs, PathCause::Closed);
        } else {
            rig.pass(999 * MILLISECOND);
            rig.expect_none();
            rig.pass(MILLISECOND);
            assert_eq!(rig.action(), Action::ClosePath { path: theirs });
        }
        rig.expect_live(ours);
    }
}

#[test]
fn our_first_packet_waits_for_a_peer_that_was_here_a_moment_ago() {
    let mut rig = Rig::new();
    let theirs = rig.knock(SMALLER, 1, boot(1));
    let session = rig.expect_answer(theirs);
    let waiter = rig.connect(peer(SMALLER));
    let attempt = rig.expect_dial();
    let ours = rig.open(attempt);
    rig.expect_none();
    rig.endpoint.confirmed(rig.now, session);
    assert_eq!(rig.action(), Action::ClosePath { path: ours });
    rig.pump();
    assert!(rig.actions.contains(&Action::Resolved { waiter, result: Ok(session) }));
}

#[test]
fn a_replay_holds_our_first_packet_back_for_a_second_at_most() {
    let mut rig = Rig::new();
    let theirs = rig.knock(SMALLER, 1, boot(1));
    rig.expect_answer(theirs);
    rig.connect(peer(SMALLER));
    let attempt = rig.expect_dial();
    let ours = rig.open(attempt);
    rig.pass(SECOND);
    rig.expect_dial();
    assert_eq!(rig.action(), Action::ClosePath { path: theirs });
    rig.expect_begin(ours);
}

#[test]
fn whoever_has_no_address_waits_for_the_peer_that_is_here() {
    let members = super::rig::members_with_addresses(SMALLER, &[]);
    let mut rig = Rig::with(crate::Config::default(), members);
    let theirs = rig.knock(SMALLER, 1, boot(1));
    let session = rig.expect_answer(theirs);
    let waiter = rig.connect(peer(SMALLER));
    rig.expect_none();
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    assert!(rig.actions.contains(&Action::Resolved { waiter, result: Ok(session) }));
}
