//! A table of bounded size for what strangers can have made entries in.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

/// Entries that one key may be in the place of.
const WAYS: usize = 8;

/// What a table holds.
pub(crate) trait Entry: Copy {
    /// From when on it says no more than its absence would.
    fn stale_at(&self) -> Instant;
}

/// Entries by key, in sets of [`WAYS`], all allocated with the first of them. When the set of a key is full the entry that
/// is stale first gives way: whoever fills the table forgives others, and cannot have them refused.
///
/// Which set a key belongs to is drawn by a secret seed, so that nobody can aim at the set of another.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    seed: [u64; 2],
    sets: usize,
    slots: Vec<Option<(K, V)>>,
}

impl<K: Copy + Eq + Hash, V: Entry> Table<K, V> {
    /// A table of `capacity` entries, rounded up to whole sets.
    pub(crate) fn new(capacity: usize, seed: [u64; 2]) -> Self {
        Self { seed, sets: capacity.div_ceil(WAYS).max(1), slots: Vec::new() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let found = self.slots.get(self.range(key))?.iter().flatten().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    }

    /// The entry of `key`; `fresh` is put in if there is none.
    pub(crate) fn entry(&mut self, key: K, fresh: V) -> &mut V {
        if self.slots.is_empty() {
            self.slots = vec![None; self.sets * WAYS];
        }
        let start = self.range(&key).start;
        let set = &self.slots[start..start + WAYS];
        let known = set.iter().position(|slot| slot.is_some_and(|(known, _)| known == key));
        let place = known.or_else(|| set.iter().position(Option::is_none)).unwrap_or_else(|| {
            let stalest = (0..WAYS).min_by_key(|way| set[*way].map(|(_, value)| value.stale_at()));
            stalest.unwrap_or(0)
        });
        let slot = &mut self.slots[start + place];
        if known.is_none() {
            *slot = None;
        }
        &mut slot.get_or_insert((key, fresh)).1
    }

    /// Entries that still say something.
    pub(crate) fn live(&self, now: Instant) -> impl Iterator<Item = &V> {
        self.slots.iter().flatten().map(|(_, value)| value).filter(move |value| value.stale_at() > now)
    }

    fn range(&self, key: &K) -> std::ops::Range<usize> {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        key.hash(&mut hasher);
        let sets = u64::try_from(self.sets).unwrap_or(u64::MAX);
        // Below the number of sets, which was a `usize`.
        let set = usize::try_from(hasher.finish() % sets).unwrap_or(0);
        set * WAYS..(set + 1) * WAYS
    }
}
