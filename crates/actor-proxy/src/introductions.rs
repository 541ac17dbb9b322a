//! Nodes of which this one was only told, by whom, and how many of them it keeps.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Nodes that one member may have introduced without a session with them so far.
const MAX_INTRODUCED_NODES: usize = 256;

/// Runs of one device that may be known at the same time: of all but one it is only said that they are.
pub(crate) const MAX_RUNS_OF_DEVICE: usize = 4;

/// Counts the introduced nodes of each member.
#[derive(Default)]
pub(crate) struct Introductions {
    /// By the introducing member: its places, of which there are as many as references.
    places: HashMap<[u8; 32], Weak<()>>,
}

/// The place that an introduced node takes, until it is dropped.
pub(crate) struct Introduced {
    _place: Arc<()>,
}

impl Introductions {
    /// A place for one more node that this member introduces, if it has one left.
    pub(crate) fn admit(&mut self, member: [u8; 32]) -> Option<Introduced> {
        if let Some(place) = self.places.get(&member).and_then(Weak::upgrade) {
            // The one that is given out counts.
            return (Arc::strong_count(&place) <= MAX_INTRODUCED_NODES)
                .then_some(Introduced { _place: place });
        }
        self.places.retain(|_, place| place.strong_count() > 0);
        let place = Arc::new(());
        self.places.insert(member, Arc::downgrade(&place));
        Some(Introduced { _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_has_so_many_places_and_gets_them_back() {
        let mut introductions = Introductions::default();
        let (one, other) = ([1; 32], [2; 32]);
        let mut taken: Vec<_> =
            (0..MAX_INTRODUCED_NODES).map(|_| introductions.admit(one).unwrap()).collect();
        assert!(introductions.admit(one).is_none());
        let held = introductions.admit(other).unwrap();
        taken.pop();
        taken.push(introductions.admit(one).unwrap());
        assert!(introductions.admit(one).is_none());
        drop(taken);
        assert!(introductions.admit(one).is_some());
        // Who has introduced nobody takes no room.
        drop((introductions.admit(one), held));
        drop(introductions.admit([3; 32]));
        assert_eq!(introductions.places.len(), 1);
    }
}
