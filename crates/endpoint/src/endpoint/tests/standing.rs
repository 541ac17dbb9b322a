//! Members that come and go.

use std::sync::Arc;

use super::rig::{Rig, SECOND, boot, members, peer};
use crate::seam::{Record, UnixSeconds};
use crate::{Action, CloseReason, ConnectError, EndCause, IDLE_TIMEOUT, PeerId, Target, Urgency, WaiterId};

#[test]
fn a_removed_member_is_told_once_and_meets_silence_afterwards() {
    let mut rig = Rig::new();
    let (_, session) = rig.dial(peer(2));
    let (waiter, ours) = rig.begin(peer(3));
    let theirs = rig.knock(peer(4), 1, boot(1));
    rig.expect_answer(theirs);
    let mut fewer = members();
    for byte in [2, 3, 4] {
        fewer.0.remove(&peer(byte).identity);
    }
    rig.endpoint.set_members(rig.now, Arc::new(fewer));
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Removed });
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause: EndCause::Removed });
    assert_eq!(rig.action(), Action::ClosePath { path: ours });
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::Removed) });
    assert_eq!(rig.action(), Action::ClosePath { path: theirs });
    rig.expect_none();
    assert!(rig.endpoint.is_quiet());
    rig.knock(peer(2), 9, boot(1));
    rig.expect_none();
    let waiter = rig.connect(peer(2));
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::UnknownMember) });
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
    let mut soon = members();
    for member in soon.0.values_mut() {
        member.records[0].expires = UnixSeconds(1_000_005);
    }
    let mut rig = Rig::with(crate::Config::default(), soon);
    let path = rig.knock(peer(2), 1, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    rig.actions.clear();
    rig.pass(IDLE_TIMEOUT);
    assert_eq!(rig.action(), Action::CloseSession { session, reason: CloseReason::Removed });
    assert_eq!(rig.action(), Action::PeerDown { peer: peer(2), session, cause: EndCause::Expired });
    let waiter = rig.connect(peer(2));
    assert_eq!(rig.action(), Action::Resolved { waiter, result: Err(ConnectError::ExpiredRecord) });
    rig.knock(peer(2), 2, boot(1));
    rig.expect_none();
}

#[test]
fn of_several_devices_the_nearest_is_taken() {
    let mut several = members();
    let second = PeerId { identity: peer(2).identity, device: peer(22).device };
    let records = &mut several.0.get_mut(&peer(2).identity).unwrap().records;
    records[0].expires = UnixSeconds(2_000_000);
    records.push(Record { static_key: second.device, expires: UnixSeconds(3_000_000) });
    let mut rig = Rig::with(crate::Config::default(), several);
    let mut waiters = 100;
    let mut dialed = |rig: &mut Rig| {
        waiters += 1;
        let target = Target::Member(peer(2).identity);
        rig.endpoint.connect(rig.now, target, Urgency::Prompt, WaiterId(waiters)).unwrap();
        match rig.action() {
            Action::Dial { peer, attempt, .. } => Ok((peer, attempt)),
            other => Err(other),
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
    let path = rig.knock(second, 1, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    rig.pump();
    rig.actions.clear();
    let resolved = dialed(&mut rig).unwrap_err();
    assert!(matches!(resolved, Action::Resolved { result: Ok(live), .. } if live == session));
}
