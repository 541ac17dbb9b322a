//! Sessions that carry traffic.

use super::rig::{MILLISECOND, Rig, SECOND, boot, peer};
use crate::{
    Action, Cause, CloseReason, ConnectError, EndCause, IDLE_TIMEOUT, INITIATOR_IDLE_TIMEOUT, PathCause,
    PathId, SessionId,
};

/// A session that the peer dialed.
fn dialed_by_them(rig: &mut Rig) -> (PathId, SessionId) {
    let path = rig.knock(2, 1, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    rig.actions.clear();
    (path, session)
}

#[test]
fn the_responder_closes_first_when_nobody_uses_the_session() {
    for (dialed, timeout) in [(false, IDLE_TIMEOUT), (true, INITIATOR_IDLE_TIMEOUT)] {
        let mut rig = Rig::new();
        let (_, session) = if dialed { rig.dial(peer(2)) } else { dialed_by_them(&mut rig) };
        let used = rig.now.instant + 3 * SECOND;
        rig.pass(timeout - MILLISECOND);
        rig.expect_none();
        rig.pass(MILLISECOND);
        assert_eq!(rig.action(), Action::CheckIdle { session });
        rig.endpoint.session_used(rig.now, session, used);
        rig.pass(3 * SECOND - MILLISECOND);
        rig.expect_none();
        rig.pass(MILLISECOND);
        assert_eq!(rig.action(), Action::CheckIdle { session });
        rig.endpoint.session_used(rig.now, session, used);
        assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Idle });
        assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause: EndCause::Idle });
        rig.expect_none();
        assert!(rig.endpoint.is_quiet());
    }
}

#[test]
fn an_unanswered_question_is_asked_again() {
    let mut rig = Rig::new();
    let (_, session) = dialed_by_them(&mut rig);
    for _ in 0..3 {
        rig.pass(IDLE_TIMEOUT);
        assert_eq!(rig.action(), Action::CheckIdle { session });
    }
}

#[test]
fn losing_the_path_loses_the_session_with_its_cause() {
    let mut rig = Rig::new();
    let (path, session) = rig.dial(peer(2));
    rig.endpoint.path_lost(rig.now, path, PathCause::Broken);
    let cause = EndCause::PathLost(PathCause::Broken);
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause });
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
    let last = rig.endpoint.causes(&peer(2).identity).pop().unwrap();
    assert_eq!((last.at, last.cause), (rig.now.date, Cause::Ended(cause)));
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.expect_none();
}

#[test]
fn a_word_of_the_peer_ends_the_session_and_closes_its_path() {
    let mut rig = Rig::new();
    let (path, session) = rig.dial(peer(2));
    rig.endpoint.closed_by_peer(rig.now, session, CloseReason::Shutdown);
    assert_eq!(rig.action(), Action::ClosePath { path });
    let cause = EndCause::ClosedByPeer(CloseReason::Shutdown);
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause });
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn a_fault_of_the_peer_closes_the_session_with_a_word() {
    let mut rig = Rig::new();
    let (_, session) = rig.dial(peer(2));
    rig.endpoint.close(rig.now, session, CloseReason::Protocol);
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Protocol });
    assert!(matches!(rig.action(), Action::PeerDown { .. }));
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn an_unconfirmed_session_ends_without_a_word() {
    let mut rig = Rig::new();
    let path = rig.knock(2, 1, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.session_used(rig.now, session, rig.now.instant);
    rig.endpoint.close(rig.now, session, CloseReason::Protocol);
    assert_eq!(rig.action(), Action::ClosePath { path });
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn disconnect_says_the_reason_and_the_next_connect_dials_again() {
    let mut rig = Rig::new();
    let (_, session) = rig.dial(peer(2));
    rig.endpoint.disconnect(rig.now, peer(2).into(), CloseReason::Application);
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Application });
    let cause = EndCause::ClosedHere(CloseReason::Application);
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause });
    assert!(rig.endpoint.is_quiet());
    rig.connect(peer(2));
    rig.expect_dial();
}

#[test]
fn a_shutdown_ends_everything_and_tells_everybody() {
    let mut rig = Rig::new();
    let (_, session) = rig.dial(peer(2));
    let (waiter, ours) = rig.begin(peer(3));
    let unconfirmed = rig.knock(4, 1, boot(1));
    rig.expect_answer(unconfirmed);
    let parked = rig.knock(3, 1, boot(1));
    rig.pump();
    rig.actions.clear();
    rig.endpoint.shutdown(rig.now);
    rig.pump();
    for expected in [
        Action::CloseSession { session, reason: CloseReason::Shutdown },
        Action::PeerDown { peer: peer(2), session, cause: EndCause::ShuttingDown },
        Action::ClosePath { path: ours },
        Action::Resolved { waiter, result: Err(ConnectError::ShuttingDown) },
        Action::ClosePath { path: unconfirmed },
        Action::ClosePath { path: parked },
    ] {
        let count = rig.actions.iter().filter(|action| **action == expected).count();
        assert_eq!(count, 1, "{expected:?}");
    }
    assert_eq!(rig.actions.len(), 6);
    assert!(rig.endpoint.is_quiet());
    rig.actions.clear();
    let waiter = rig.connect(peer(2));
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::ShuttingDown) });
}
