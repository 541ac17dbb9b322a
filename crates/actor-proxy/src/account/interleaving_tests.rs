//! Readers of one mailbox on several threads: credit that is due is granted, whoever makes it due.

use std::sync::{Arc, Weak};

use loom::sync::Mutex;
use loom::thread;

use super::*;

const WINDOW: u64 = 4;

/// As [`Account::consume`] does it, with a lock in the place of the peer's.
fn consume(account: &Account, peer: &Mutex<()>, cost: u64) {
    if account.consumed_up_to_grant(cost) {
        let _held = peer.lock().unwrap();
        account.grant();
    }
}

#[test]
fn no_grant_is_lost() {
    loom::model(|| {
        let account = Arc::new(Account::new(Weak::new(), WINDOW));
        let peer = Arc::new(Mutex::new(()));
        account.begin(Tag(1));
        let other = {
            let (account, peer) = (Arc::clone(&account), Arc::clone(&peer));
            thread::spawn(move || consume(&account, &peer, 2))
        };
        consume(&account, &peer, 2);
        other.join().unwrap();
        assert_eq!(account.grant(), None, "one was due, and nobody made it");
        assert!(account.limit() > WINDOW);
    });
}

#[test]
fn a_session_that_begins_while_messages_are_read_grants_what_is_due() {
    loom::model(|| {
        let account = Arc::new(Account::new(Weak::new(), WINDOW));
        let peer = Arc::new(Mutex::new(()));
        account.begin(Tag(1));
        let reader = {
            let (account, peer) = (Arc::clone(&account), Arc::clone(&peer));
            thread::spawn(move || {
                consume(&account, &peer, 1);
                consume(&account, &peer, 2);
            })
        };
        {
            let _held = peer.lock().unwrap();
            assert!(account.begin(Tag(2)) >= WINDOW);
        }
        reader.join().unwrap();
        assert_eq!(account.grant(), None, "one was due, and nobody made it");
    });
}
