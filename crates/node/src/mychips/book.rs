//! What connections know of each other: counters, and which of two is used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use endpoint::PeerId;
use membership::{IdentityKey, StaticKey};
use tokio::sync::Notify;
use x3dh_handshake::Role;
use x3dh_handshake::mychips::Agent;

use crate::sync::lock;

/// By X25519 key, for that is what is proven. Grows with members only: whoever is in none of the tables has shown
/// nothing.
#[derive(Default)]
pub(super) struct Book {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    /// The highest counter that was confirmed.
    confirmed: BTreeMap<StaticKey, u64>,
    unconfirmed: BTreeMap<StaticKey, Waiting>,
    open: BTreeMap<StaticKey, Pair>,
}

struct Waiting {
    counter: u64,
    displaced: Arc<Notify>,
}

/// The connections with one agent that are open.
#[derive(Default)]
struct Pair {
    dialed: Option<Arc<Notify>>,
    accepted: Option<Arc<Notify>>,
}

impl Book {
    /// With what was confirmed before this process began.
    pub(super) fn new(confirmed: impl IntoIterator<Item = (PeerId, u64)>) -> Arc<Self> {
        let confirmed = confirmed.into_iter().map(|(peer, counter)| (peer.device, counter)).collect();
        Arc::new(Self { tables: Mutex::new(Tables { confirmed, ..Tables::default() }) })
    }

    /// What a counter of this key must be above.
    pub(super) fn last_counter(&self, key: &StaticKey) -> Option<u64> {
        let tables = lock(&self.tables);
        let waiting = tables.unconfirmed.get(key).map(|waiting| waiting.counter);
        tables.confirmed.get(key).copied().max(waiting)
    }

    /// A place for a connection that is about to be answered. It takes that of one with a lower counter; `None` if there
    /// is one with a higher.
    pub(super) fn wait(self: &Arc<Self>, key: StaticKey, counter: u64) -> Option<Place> {
        let mut tables = lock(&self.tables);
        let confirmed = tables.confirmed.get(&key).copied();
        let waiting = tables.unconfirmed.get(&key);
        if confirmed.max(waiting.map(|waiting| waiting.counter)) >= Some(counter) {
            return None;
        }
        if let Some(waiting) = waiting {
            waiting.displaced.notify_one();
        }
        let displaced = Arc::new(Notify::new());
        tables.unconfirmed.insert(key, Waiting { counter, displaced: Arc::clone(&displaced) });
        Some(Place { book: Arc::clone(self), key, counter, displaced })
    }

    /// A connection counts. Says what asks it to make room for another one, and lets others know that they must.
    pub(super) fn open(self: &Arc<Self>, own: &IdentityKey, peer: &Agent, role: Role) -> Use {
        let replaced = Arc::new(Notify::new());
        let mut tables = lock(&self.tables);
        let pair = tables.open.entry(peer.static_key()).or_default();
        match role {
            // Whoever has dialed twice has given the first one up, or does not know of it any more.
            Role::Responder => {
                if let Some(former) = pair.accepted.replace(Arc::clone(&replaced)) {
                    former.notify_one();
                }
            }
            Role::Initiator => pair.dialed = Some(Arc::clone(&replaced)),
        }
        if let (Some(dialed), Some(_)) = (&pair.dialed, &pair.accepted)
            && *own > peer.id()
        {
            dialed.notify_one();
        }
        Use { book: Arc::clone(self), key: peer.static_key(), replaced }
    }
}

/// The place of an unconfirmed connection, given back when dropped.
pub(super) struct Place {
    book: Arc<Book>,
    key: StaticKey,
    counter: u64,
    displaced: Arc<Notify>,
}

impl Place {
    /// Resolves when another connection has taken it.
    pub(super) async fn displaced(&self) {
        self.displaced.notified().await;
    }

    /// The counter is the highest confirmed one from now on; `false` if another connection came first.
    pub(super) fn confirm(self) -> bool {
        let mut tables = lock(&self.book.tables);
        let mine = tables.unconfirmed.get(&self.key).is_some_and(|waiting| waiting.counter == self.counter);
        if mine {
            tables.confirmed.insert(self.key, self.counter);
        }
        mine
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tables = lock(&self.book.tables);
        if tables.unconfirmed.get(&self.key).is_some_and(|waiting| waiting.counter == self.counter) {
            tables.unconfirmed.remove(&self.key);
        }
    }
}

/// An open connection in the book, until dropped.
pub(super) struct Use {
    book: Arc<Book>,
    key: StaticKey,
    replaced: Arc<Notify>,
}

impl Use {
    /// Resolves when another connection is used in place of this one.
    pub(super) async fn replaced(&self) {
        self.replaced.notified().await;
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut tables = lock(&self.book.tables);
        let Some(pair) = tables.open.get_mut(&self.key) else { return };
        for place in [&mut pair.dialed, &mut pair.accepted] {
            if place.as_ref().is_some_and(|known| Arc::ptr_eq(known, &self.replaced)) {
                *place = None;
            }
        }
        if pair.dialed.is_none() && pair.accepted.is_none() {
            tables.open.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: StaticKey = StaticKey([7; 32]);

    fn book(confirmed: u64) -> Arc<Book> {
        let peer = PeerId { identity: IdentityKey([1; 32]), device: KEY };
        Book::new([(peer, confirmed)])
    }

    #[tokio::test]
    async fn a_counter_that_was_seen_is_refused_and_a_higher_one_takes_the_place() {
        let book = book(5);
        assert_eq!(book.last_counter(&KEY), Some(5));
        assert!(book.wait(KEY, 5).is_none(), "confirmed before this process began");
        let first = book.wait(KEY, 7).unwrap();
        assert_eq!(book.last_counter(&KEY), Some(7));
        assert!(book.wait(KEY, 7).is_none() && book.wait(KEY, 6).is_none());
        let second = book.wait(KEY, 8).unwrap();
        first.displaced().await;
        assert!(!first.confirm(), "displaced, it confirms nothing");
        assert_eq!(book.last_counter(&KEY), Some(8));
        assert!(second.confirm());
        assert!(book.wait(KEY, 8).is_none());
    }

    #[test]
    fn a_counter_that_was_never_confirmed_can_come_again() {
        let book = book(5);
        drop(book.wait(KEY, 9));
        assert_eq!(book.last_counter(&KEY), Some(5));
        assert!(book.wait(KEY, 9).is_some());
        assert!(lock(&book.tables).unconfirmed.is_empty());
    }
}
