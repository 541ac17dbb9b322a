//! Members that come and go.

use std::sync::Arc;

use super::rig::{
    Rig, SECOND, START, add, boot, date, members, members_until, peer, proof, record, with_device,
};
use crate::{
    Action, CloseReason, Config, ConnectError, EndCause, IDLE_TIMEOUT, PathCause, Proof, Target, Urgency,
    WaiterId,
};
use membership::{Grant, Members, Scope, TicketTerms, UnixSeconds};
use x3dh_handshake::{Psk, TicketId};

#[test]
fn a_removed_member_is_told_once_and_meets_silence_afterwards() {
    let mut rig = Rig::new();
    let (_, session) = rig.dial(peer(2));
    let (waiter, ours) = rig.begin(peer(3));
    let theirs = rig.knock(4, 1, boot(1));
    rig.expect_answer(theirs);
    let mut fewer = members();
    for n in [2, 3, 4] {
        fewer.remove(&peer(n).identity);
    }
    rig.endpoint.set_members(rig.now, Arc::new(fewer));
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Removed });
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause: EndCause::Removed });
    assert_eq!(rig.action(), Action::ClosePath { path: ours });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::Removed) });
    assert_eq!(rig.action(), Action::ClosePath { path: theirs });
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
    rig.knock(2, 9, boot(1));
    rig.expect_none();
    let waiter = rig.connect(peer(2));
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::UnknownMember) });
}

/// What the `n`th person proves who comes by a ticket, which is entered here.
fn by_ticket(rig: &mut Rig, n: u8, counter: u64) -> Proof {
    let ticket = TicketId([n; 16]);
    let grant = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
    let secret = Psk::from_bytes([7; 32]);
    let terms = TicketTerms { secret, expires: UnixSeconds::MAX, uses_left: 1, bound: None, grant };
    rig.endpoint.tickets_mut().issue(ticket, terms).unwrap();
    Proof { ticket: Some(ticket), ..proof(n, counter, boot(1)) }
}

#[test]
fn a_removed_member_does_not_stay_for_coming_by_a_ticket_as_well() {
    let mut rig = Rig::new();
    let (_, session) = rig.dial(peer(2));
    let again = by_ticket(&mut rig, 2, 1);
    let path = rig.knock_with(again);
    rig.expect_answer(path);
    let mut fewer = members();
    fewer.remove(&peer(2).identity);
    rig.endpoint.set_members(rig.now, Arc::new(fewer));
    assert_eq!(rig.action(), Action::ClosePath { path });
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Removed });
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause: EndCause::Removed });
    rig.expect_none();
}

#[test]
fn whoever_is_kept_out_while_their_ticket_is_stored_has_no_session() {
    let mut rig = Rig::new();
    let newcomer = by_ticket(&mut rig, 20, 1);
    let path = rig.knock_with(newcomer);
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    let Action::Redeem { redemption, .. } = rig.action() else { panic!("expected to be asked to redeem") };
    rig.endpoint.redeemed(rig.now, session, &redemption, Some(Arc::new(members())));
    assert_eq!(rig.action(), Action::ClosePath { path });
    rig.expect_none();
    assert!(rig.endpoint.tickets().open().is_empty(), "it is consumed all the same");
    assert!(rig.endpoint.is_quiet());
}

#[test]
fn members_that_stay_notice_nothing() {
    let mut rig = Rig::new();
    rig.dial(peer(2));
    rig.begin(peer(3));
    rig.endpoint.set_members(rig.now, Arc::new(members()));
    rig.expect_none();
}

#[test]
fn a_record_that_expires_ends_the_session_at_the_next_look() {
    let soon = date(START + 5);
    let mut rig = Rig::with(Config::default(), members_until(soon));
    let expiring = Proof { credential: record(2, 2, soon).to_credential(), ..proof(2, 1, boot(1)) };
    let path = rig.knock_with(expiring);
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    rig.actions.clear();
    rig.pass(IDLE_TIMEOUT);
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Removed });
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause: EndCause::Expired });
    let waiter = rig.connect(peer(2));
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::ExpiredRecord) });
    rig.knock_with(Proof { counter: 2, ..expiring });
    rig.expect_none();
}

#[test]
fn of_several_devices_the_nearest_is_taken() {
    let second = with_device(2, 22);
    let mut several = Members::new();
    add(&mut several, vec![record(2, 2, date(2_000_000)), record(2, 22, date(3_000_000))], &["a", "b"]);
    let mut rig = Rig::with(Config::default(), several);
    let mut waiters = 100;
    let mut dialed = |rig: &mut Rig| {
        waiters += 1;
        let target = Target::Member(peer(2).identity);
        rig.endpoint.connect(rig.now, target, Urgency::Prompt, WaiterId(waiters)).unwrap();
        match rig.action() {
            Action::Dial { peer, attempt, .. } => Ok((peer, attempt)),
            other => Err(Box::new(other)),
        }
    };
    // The newest record first; after a failure the other device.
    let (first, attempt) = dialed(&mut rig).unwrap();
    assert_eq!(first, second);
    rig.endpoint.dial_failed(rig.now, attempt, crate::DialCause::Refused);
    let next = rig.expect_dial();
    rig.endpoint.dial_failed(rig.now, next, crate::DialCause::Refused);
    assert!(matches!(rig.action(), Action::Resolved { .. }));
    rig.pass(SECOND);
    let (other, _) = dialed(&mut rig).unwrap();
    assert_eq!(other, peer(2));
    // A session with either is the session with the member.
    let credential = record(2, 22, date(3_000_000)).to_credential();
    let path = rig.knock_with(Proof { device: second.device, credential, ..proof(2, 1, boot(1)) });
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    rig.actions.clear();
    let resolved = dialed(&mut rig).unwrap_err();
    assert!(matches!(*resolved, Action::Resolved { result: Ok(live), .. } if live == session));
}

#[test]
fn a_renewed_record_counts_as_soon_as_it_is_shown() {
    let soon = date(START + 5);
    let mut rig = Rig::with(Config::default(), members_until(soon));
    rig.pass(10 * SECOND);
    let path = rig.knock(2, 1, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    rig.endpoint.set_members(rig.now, Arc::new(members_until(soon)));
    assert_eq!(rig.endpoint.session_with(&peer(2)), Some(session));
}

#[test]
fn an_older_record_that_is_replayed_does_not_end_a_session() {
    let soon = date(START + 5);
    let mut rig = Rig::with(Config::default(), members_until(soon));
    let path = rig.knock(2, 1, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    let older = Proof { credential: record(2, 2, soon).to_credential(), ..proof(2, 2, boot(1)) };
    rig.knock_with(older);
    rig.pass(10 * SECOND);
    rig.endpoint.set_members(rig.now, Arc::new(members_until(soon)));
    assert_eq!(rig.endpoint.session_with(&peer(2)), Some(session));
}

#[test]
fn a_member_may_come_with_a_new_device_and_with_so_many_at_once() {
    let config = Config { max_devices_per_member: 2, ..Config::default() };
    let mut rig = Rig::with(config, members());
    let new_device = |device: u8| Proof {
        device: peer(device).device,
        credential: record(2, device, UnixSeconds::MAX).to_credential(),
        ..proof(2, 1, boot(1))
    };
    let first = rig.knock_with(new_device(30));
    let session = rig.expect_answer(first);
    rig.endpoint.confirmed(rig.now, session);
    rig.endpoint.set_members(rig.now, Arc::new(members()));
    rig.pump();
    rig.actions.clear();
    let second = rig.knock_with(new_device(31));
    rig.expect_answer(second);
    rig.knock_with(new_device(32));
    rig.expect_none();
    // Nothing is remembered of a device that is on no list once it is gone.
    rig.endpoint.path_lost(rig.now, second, PathCause::Closed);
    let third = rig.knock_with(new_device(32));
    rig.expect_answer(third);
    assert_eq!(rig.endpoint.known_peers(), 2);
    rig.endpoint.path_lost(rig.now, third, PathCause::Closed);
    rig.endpoint.path_lost(rig.now, first, PathCause::Closed);
    assert_eq!(rig.endpoint.known_peers(), 0);
    // A record that another identity signed is no record of this one.
    let mut forged = record(3, 33, UnixSeconds::MAX).to_credential();
    forged.0[..32].copy_from_slice(peer(2).identity.as_bytes());
    rig.pump();
    rig.actions.clear();
    rig.knock_with(Proof { credential: forged, ..new_device(33) });
    rig.expect_none();
}
