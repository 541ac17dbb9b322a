//! The dials of others.

use super::rig::{MILLISECOND, Rig, SECOND, boot, facts, peer, proof};
use x3dh_handshake::Role;

use crate::{Action, Cause, Config, EndCause, Error, HANDSHAKE_TIMEOUT, HandshakeCause, PathCause};

#[test]
fn a_session_counts_only_when_it_is_confirmed() {
    let mut rig = Rig::new();
    let path = rig.knock(2, 1, boot(1));
    let session = rig.expect_answer(path);
    rig.expect_none();
    assert_eq!(rig.endpoint.session_with(&peer(2)), None);
    assert_eq!(rig.endpoint.sessions().count(), 0);
    rig.endpoint.confirmed(rig.now, session);
    assert_eq!(rig.action(), Action::StoreCounter { peer: peer(2), counter: 1 });
    assert_eq!(rig.action(), Action::PeerUp { peer: peer(2), session, role: Role::Responder });
    assert_eq!(rig.endpoint.session_with(&peer(2)), Some(session));
    rig.endpoint.confirmed(rig.now, session);
    rig.expect_none();
}

#[test]
fn an_unconfirmed_session_expires_at_the_deadline_of_its_handshake() {
    let mut rig = Rig::new();
    let path = rig.endpoint.accept(rig.now, facts("in")).unwrap().path;
    rig.pass(4 * SECOND);
    rig.endpoint.admit(rig.now, path, proof(2, 1, boot(1)), &mut rig.rng);
    let session = rig.expect_answer(path);
    rig.pass(5_999 * MILLISECOND);
    rig.expect_none();
    rig.pass(MILLISECOND);
    assert_eq!(rig.action(), Action::ClosePath { path });
    rig.endpoint.confirmed(rig.now, session);
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn whatever_is_refused_is_silent_until_the_same_deadline() {
    let mut rig = Rig::new();
    let stranger = proof(99, 1, boot(1));
    let paths: Vec<_> = (0..4).map(|_| rig.endpoint.accept(rig.now, facts("in")).unwrap().path).collect();
    rig.pass(SECOND);
    rig.endpoint.handshake_failed(rig.now, paths[0], HandshakeCause::WrongDoor);
    rig.endpoint.handshake_failed(rig.now, paths[1], HandshakeCause::Unproven(peer(2).identity));
    rig.endpoint.admit(rig.now, paths[2], stranger, &mut rig.rng);
    // Nothing that comes later on a refused path changes that.
    rig.endpoint.admit(rig.now, paths[0], proof(2, 1, boot(1)), &mut rig.rng);
    rig.endpoint.handshake_failed(rig.now, paths[2], HandshakeCause::Malformed);
    rig.pass(HANDSHAKE_TIMEOUT - SECOND - MILLISECOND);
    rig.expect_none();
    rig.pass(MILLISECOND);
    for path in paths {
        assert_eq!(rig.action(), Action::ClosePath { path });
    }
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
    let causes = rig.endpoint.stranger_causes().into_iter().map(|noted| match noted.cause {
        Cause::Handshake { cause, .. } => cause,
        other => panic!("{other:?}"),
    });
    let expected = [
        HandshakeCause::WrongDoor,
        HandshakeCause::Unproven(peer(2).identity),
        HandshakeCause::NotAMember(peer(99).identity),
        HandshakeCause::TimedOut,
    ];
    assert_eq!(causes.collect::<Vec<_>>(), expected);
}

#[test]
fn a_crowd_pushes_out_the_oldest_that_has_proven_nothing() {
    let mut rig = Rig::with(Config { max_inbound_handshakes: 2, ..Config::default() }, super::rig::members());
    let proven = rig.knock(2, 1, boot(1));
    rig.expect_answer(proven);
    let silent = rig.knock(99, 1, boot(1));
    let knocking = rig.endpoint.accept(rig.now, facts("in")).unwrap().path;
    rig.expect_none();
    rig.endpoint.accept(rig.now, facts("in")).unwrap();
    assert_eq!(rig.action(), Action::ClosePath { path: silent });
    rig.endpoint.accept(rig.now, facts("in")).unwrap();
    assert_eq!(rig.action(), Action::ClosePath { path: knocking });
    rig.expect_none();
}

#[test]
fn a_counter_that_does_not_grow_is_a_replay() {
    let mut rig = Rig::new();
    let path = rig.knock(2, 5, boot(1));
    let session = rig.expect_answer(path);
    rig.knock(2, 5, boot(1));
    rig.knock(2, 4, boot(1));
    rig.expect_none();
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    rig.actions.clear();
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.pump();
    rig.actions.clear();
    rig.knock(2, 5, boot(1));
    rig.expect_none();
    let path = rig.knock(2, 6, boot(1));
    rig.expect_answer(path);
}

#[test]
fn a_first_packet_is_answered_once() {
    let mut rig = Rig::new();
    let path = rig.knock(2, 5, boot(1));
    rig.expect_answer(path);
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.knock(2, 5, boot(1));
    rig.expect_none();
    let path = rig.knock(2, 6, boot(1));
    rig.expect_answer(path);
}

#[test]
fn a_restored_counter_holds() {
    let mut rig = Rig::new();
    rig.endpoint.restore_counter(peer(2), 7);
    rig.endpoint.restore_counter(peer(2), 3);
    rig.knock(2, 7, boot(1));
    rig.expect_none();
    let path = rig.knock(2, 8, boot(1));
    rig.expect_answer(path);
}

#[test]
fn a_member_that_reconnects_a_thousand_times_a_second_is_answered_at_its_rate() {
    let rate = crate::MEMBER_RATE;
    let mut rig = Rig::new();
    let mut answered = 0;
    for counter in 1..=10_000 {
        let path = rig.knock(2, counter, boot(1));
        rig.pump();
        answered += rig.actions.drain(..).filter(|action| matches!(action, Action::Answer { .. })).count();
        assert!(rig.endpoint.sessions().count() <= 1);
        rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
        rig.pass(MILLISECOND);
    }
    let allowed = rate.burst + 10 * u32::try_from(SECOND.as_nanos() / rate.interval.as_nanos()).unwrap();
    assert!(answered <= usize::try_from(allowed).unwrap(), "{answered}");
    assert!(answered >= usize::try_from(allowed - 2).unwrap(), "{answered}");
    // Nobody else's, and not that of replays, which cost the member nothing.
    let path = rig.knock(3, 1, boot(1));
    rig.expect_answer(path);
    rig.pass(60 * SECOND);
    rig.pump();
    rig.actions.clear();
    for _ in 0..2 * rate.burst {
        rig.knock(2, 1, boot(1));
    }
    rig.pump();
    rig.actions.clear();
    let path = rig.knock(2, 20_000, boot(1));
    rig.expect_answer(path);
}

#[test]
fn there_is_one_unconfirmed_session_for_each_initiator() {
    let mut rig = Rig::new();
    let first = rig.knock(2, 1, boot(1));
    let old = rig.expect_answer(first);
    let second = rig.knock(2, 2, boot(1));
    assert_eq!(rig.action(), Action::ClosePath { path: first });
    let new = rig.expect_answer(second);
    rig.endpoint.confirmed(rig.now, old);
    rig.expect_none();
    rig.endpoint.confirmed(rig.now, new);
    assert_eq!(rig.endpoint.session_with(&peer(2)), Some(new));
}

#[test]
fn of_too_many_unconfirmed_sessions_the_oldest_gives_way() {
    let mut rig =
        Rig::with(Config { max_unconfirmed_sessions: 2, ..Config::default() }, super::rig::members());
    let first = rig.knock(1, 1, boot(1));
    rig.expect_answer(first);
    let second = rig.knock(2, 1, boot(1));
    rig.expect_answer(second);
    let third = rig.knock(3, 1, boot(1));
    assert_eq!(rig.action(), Action::ClosePath { path: first });
    let confirms = rig.expect_answer(third);
    let again = rig.knock(2, 2, boot(1));
    assert_eq!(rig.action(), Action::ClosePath { path: second });
    rig.expect_answer(again);
    rig.endpoint.confirmed(rig.now, confirms);
    rig.pump();
    rig.actions.clear();
    let fourth = rig.knock(4, 1, boot(1));
    rig.expect_answer(fourth);
    assert_eq!(rig.endpoint.session_with(&peer(3)), Some(confirms), "whoever has confirmed stays");
}

#[test]
fn a_first_packet_beside_a_session_displaces_it_only_when_confirmed() {
    let mut rig = Rig::new();
    let (_, old) = rig.dial(peer(2));
    let path = rig.knock(2, 1, boot(1));
    let new = rig.expect_answer(path);
    rig.expect_none();
    assert_eq!(rig.endpoint.session_with(&peer(2)), Some(old));
    rig.endpoint.confirmed(rig.now, new);
    rig.action();
    assert_eq!(rig.action(), Action::CloseSession { session: old, reason: crate::CloseReason::Superseded });
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session: old, cause: EndCause::Superseded });
    assert_eq!(rig.action(), Action::PeerUp { peer: peer(2), session: new, role: Role::Responder });
    assert_eq!(rig.endpoint.session_with(&peer(2)), Some(new));
}

#[test]
fn a_new_boot_id_voids_the_old_session_explicitly() {
    let mut rig = Rig::new();
    let (_, old) = rig.dial(peer(2));
    let path = rig.knock(2, 1, boot(2));
    let new = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, new);
    rig.action();
    assert_eq!(rig.action(), Action::PeerRestarted { peer: peer(2), boot: boot(2) });
    rig.action();
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session: old, cause: EndCause::Restarted });
    assert!(matches!(rig.action(), Action::PeerUp { session, .. } if session == new));
    rig.expect_none();
}

#[test]
fn a_new_boot_id_is_noticed_across_a_pause() {
    let mut rig = Rig::new();
    let (path, _) = rig.dial(peer(2));
    rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
    rig.pass(SECOND);
    rig.pump();
    rig.actions.clear();
    let (_, path) = rig.begin(peer(2));
    rig.endpoint.established(rig.now, path, boot(9));
    rig.expect_live(path);
    assert_eq!(rig.action(), Action::PeerRestarted { peer: peer(2), boot: boot(9) });
}

#[test]
fn an_answer_that_cannot_be_made_is_forgotten() {
    let mut rig = Rig::new();
    let path = rig.knock(2, 1, boot(1));
    rig.expect_answer(path);
    rig.endpoint.handshake_failed(rig.now, path, HandshakeCause::Local);
    assert_eq!(rig.action(), Action::ClosePath { path });
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn our_own_key_is_refused() {
    let mut rig = Rig::new();
    rig.knock(5, 1, boot(1));
    rig.expect_none();
}

#[test]
fn nothing_is_accepted_after_a_shutdown() {
    let mut rig = Rig::new();
    let path = rig.endpoint.accept(rig.now, facts("in")).unwrap().path;
    rig.endpoint.shutdown(rig.now);
    assert_eq!(rig.action(), Action::ClosePath { path });
    assert_eq!(rig.endpoint.accept(rig.now, facts("in")), Err(Error::ShuttingDown));
    assert!(rig.endpoint.is_quiet());
}
