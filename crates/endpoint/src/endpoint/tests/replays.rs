//! First packets that come again, and those that somebody made up.

use std::sync::Arc;

use membership::{Grant, Psk, Scope, TicketTerms, UnixSeconds};
use x3dh_handshake::TicketId;

use super::rig::{Rig, SECOND, boot, members, peer, proof, record, with_device};
use crate::{Action, HANDSHAKE_TIMEOUT, HandshakeCause, PathCause, Proof};

/// What the `n`th person proves with the device of the `device`th.
fn with(n: u8, device: u8, counter: u64) -> Proof {
    let credential = record(n, device, UnixSeconds::MAX).to_credential();
    Proof { device: with_device(n, device).device, credential, ..proof(n, counter, boot(1)) }
}

/// Whoever has this node's own key can make a first packet in anybody's name, with the highest counter there is.
#[test]
fn a_counter_that_nobody_confirmed_keeps_out_itself_and_nothing_else() {
    let mut rig = Rig::new();
    for made_up in 0..100 {
        let counter = u64::MAX - made_up;
        let path = rig.knock(2, counter, boot(1));
        rig.expect_answer(path);
        rig.knock(2, 5, boot(1));
        rig.expect_none();
        rig.pass(HANDSHAKE_TIMEOUT);
        rig.pump();
        assert!(rig.actions.contains(&Action::ClosePath { path }));
        rig.actions.clear();
        if made_up < 60 {
            rig.knock(2, counter, boot(1));
            rig.expect_none();
        }
    }
    let path = rig.knock(2, 6, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    assert_eq!(rig.action(), Action::StoreCounter { peer: peer(2), counter: 6 });
}

#[test]
fn a_first_packet_of_a_device_that_is_not_on_the_list_is_answered_once() {
    let mut rig = Rig::new();
    for round in 0..3 {
        let path = rig.knock_with(with(2, 50, 7));
        if round == 0 {
            rig.expect_answer(path);
        }
        rig.endpoint.path_lost(rig.now, path, PathCause::Closed);
        rig.pass(20 * SECOND);
        rig.expect_none();
    }
    assert_eq!(rig.endpoint.known_peers(), 0, "and it is no peer for that");
    // What it has confirmed before this process counts as well.
    rig.endpoint.restore_counter(with_device(3, 51), 9);
    rig.knock_with(with(3, 51, 9));
    rig.expect_none();
    let path = rig.knock_with(with(3, 51, 10));
    rig.expect_answer(path);
}

#[test]
fn who_left_and_comes_back_has_not_been_forgotten() {
    let mut rig = Rig::new();
    let path = rig.knock(2, 7, boot(1));
    let session = rig.expect_answer(path);
    rig.endpoint.confirmed(rig.now, session);
    let mut without = members();
    without.remove(&peer(2).identity).unwrap();
    rig.endpoint.set_members(rig.now, Arc::new(without));
    rig.endpoint.set_members(rig.now, Arc::new(members()));
    rig.pump();
    rig.actions.clear();
    rig.knock(2, 7, boot(1));
    rig.expect_none();
    let path = rig.knock(2, 8, boot(1));
    rig.expect_answer(path);
}

#[test]
fn a_first_packet_by_a_ticket_reserves_it_once() {
    let mut rig = Rig::new();
    let ticket = TicketId([3; 16]);
    let grant = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
    let (secret, expires) = (Psk::from_bytes([4; 32]), UnixSeconds::MAX);
    let terms = TicketTerms { secret, expires, uses_left: 1, bound: None, grant };
    rig.endpoint.tickets_mut().issue(ticket, terms).unwrap();
    let first = Proof { ticket: Some(ticket), ..proof(60, 7, boot(1)) };
    let path = rig.knock_with(first);
    rig.expect_answer(path);
    rig.pass(HANDSHAKE_TIMEOUT);
    assert_eq!(rig.action(), Action::ClosePath { path });
    for _ in 0..3 {
        let path = rig.endpoint.accept(rig.now, super::rig::facts("in")).unwrap().path;
        let refused = rig.endpoint.admit(rig.now, path, first, &mut rig.rng);
        assert_eq!(refused, Some(HandshakeCause::Replayed));
        // Somebody else may have it at once.
        let mut book = rig.endpoint.tickets().clone();
        book.reserve(&ticket, &peer(61).identity, rig.now.date).unwrap();
        rig.pass(20 * SECOND);
        rig.pump();
        rig.actions.clear();
    }
}
