//! Entries under tags that travel.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::mem;

use super::slab::{Handle, Slab};
use super::tag::{TAG_BITS, Tag, TagCycle, TagHasher};
use super::trim;

/// How many released tags a table remembers, only to say [`TagError::Stale`] instead of [`TagError::Unknown`].
const MAX_TOMBSTONES: usize = 256;

/// Why a tag finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagError {
    /// Its entry was released not long ago: most likely an answer that came too late.
    #[error("the tag was released")]
    Stale,
    /// Never handed out, or released long ago.
    #[error("unknown tag")]
    Unknown,
}

struct Entry<T> {
    tag: Tag,
    value: T,
}

/// Entries under tags of this side's choice.
///
/// Tags come out of a permutation of all tags, one after the other, round and round: none comes again before all
/// others had their turn, and none while its entry lives. The same key and the same calls give the same tags.
///
/// Beside `T` an entry costs 16 bytes in the slab (for a `T` aligned to 8) and 15 to 30 in the hash map, by how
/// full that is; 1 KiB at the most remembers released tags. A lookup is one
/// probe of the map and one checked access to the slab.
pub(crate) struct TagTable<T> {
    key: [u64; 2],
    bits: u32,
    limit: usize,
    /// Since the first entry: most peers never have one.
    used: Option<Box<Used<T>>>,
}

struct Used<T> {
    cycle: TagCycle,
    /// Its order is never seen: all that iterates asks `entries`.
    handles: HashMap<Tag, Handle<Entry<T>>, TagHasher>,
    entries: Slab<Entry<T>>,
    /// The tags that were released last, the oldest first; some of them may live again.
    tombstones: VecDeque<Tag>,
}

impl<T> TagTable<T> {
    /// At most `limit` entries, and at most half of all tags. `key` is random, and the table's own: two tables
    /// with one key hand out the same tags.
    pub(crate) fn new(key: [u64; 2], limit: usize) -> Self {
        Self::with_bits(key, limit, TAG_BITS)
    }

    fn with_bits(key: [u64; 2], limit: usize, bits: u32) -> Self {
        // In one round of the cycle at most half the tags are passed over, so at least half are handed out: one
        // step in vain for each insertion, in the long run, and never an endless search.
        let half_of_all = 1 << (bits - 1);
        Self { key, bits, limit: limit.min(half_of_all), used: None }
    }

    /// Stores a value under a fresh tag.
    ///
    /// # Errors
    /// The value, when the table is full.
    pub(crate) fn insert(&mut self, value: T) -> Result<Tag, T> {
        if self.is_full() {
            return Err(value);
        }
        let Self { key, bits, used, .. } = self;
        let used = used.get_or_insert_with(|| Box::new(Used::new(*key, *bits)));
        let tag = used.fresh_tag();
        used.store(tag, value);
        Ok(tag)
    }

    /// The entry under a tag.
    ///
    /// # Errors
    /// [`TagError`] says why there is none.
    pub(crate) fn get(&self, tag: Tag) -> Result<&T, TagError> {
        let Some(used) = &self.used else { return Err(TagError::Unknown) };
        match used.handles.get(&tag).and_then(|handle| used.entries.get(*handle)) {
            Some(entry) => Ok(&entry.value),
            None => Err(used.why_missing(tag)),
        }
    }

    /// The entry under a tag.
    ///
    /// # Errors
    /// [`TagError`] says why there is none.
    pub(crate) fn get_mut(&mut self, tag: Tag) -> Result<&mut T, TagError> {
        let Some(used) = &mut self.used else { return Err(TagError::Unknown) };
        let Some(handle) = used.handles.get(&tag) else { return Err(used.why_missing(tag)) };
        used.entries.get_mut(*handle).map(|entry| &mut entry.value).ok_or(TagError::Unknown)
    }

    /// Takes the entry under a tag out: the tag is stale from now on.
    ///
    /// # Errors
    /// [`TagError`] says why there is none.
    pub(crate) fn remove(&mut self, tag: Tag) -> Result<T, TagError> {
        let Some(used) = &mut self.used else { return Err(TagError::Unknown) };
        let Some(entry) = used.handles.remove(&tag).and_then(|handle| used.entries.remove(handle)) else {
            return Err(used.why_missing(tag));
        };
        trim(&mut used.handles);
        used.bury(tag);
        Ok(entry.value)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.used.as_ref().map_or(0, |used| used.entries.len())
    }

    /// Whether there is no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an insertion would fail.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// All entries, in an order that the calls before decide, not chance.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Tag, &T)> {
        let entries = self.used.iter().flat_map(|used| used.entries.iter());
        entries.map(|(_, entry)| (entry.tag, &entry.value))
    }

    /// Takes all entries out, in the order of [`iter`](Self::iter): at once, however far the result is read.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Tag, T)> + use<T> {
        let entries = self.used.as_mut().map_or_else(Slab::new, |used| used.drain());
        entries.into_values().map(|entry| (entry.tag, entry.value))
    }
}

impl<T> Used<T> {
    fn new(key: [u64; 2], bits: u32) -> Self {
        Self {
            cycle: TagCycle::new(key, bits),
            handles: HashMap::with_hasher(TagHasher::new(key)),
            entries: Slab::new(),
            tombstones: VecDeque::new(),
        }
    }

    fn drain(&mut self) -> Slab<Entry<T>> {
        self.handles.clear();
        trim(&mut self.handles);
        let entries = mem::replace(&mut self.entries, Slab::new());
        entries.iter().for_each(|(_, entry)| self.bury(entry.tag));
        entries
    }

    fn fresh_tag(&mut self) -> Tag {
        loop {
            let tag = self.cycle.advance();
            if !self.handles.contains_key(&tag) {
                return tag;
            }
        }
    }

    fn store(&mut self, tag: Tag, value: T) {
        let handle = self.entries.insert(Entry { tag, value });
        self.handles.insert(tag, handle);
    }

    fn bury(&mut self, tag: Tag) {
        if self.tombstones.len() >= MAX_TOMBSTONES {
            self.tombstones.pop_front();
        }
        self.tombstones.push_back(tag);
    }

    #[cold]
    fn why_missing(&self, tag: Tag) -> TagError {
        // Without an early exit the compiler compares many at a time: a peer can ask for this as often as it likes.
        let released = self.tombstones.iter().fold(false, |found, buried| found | (*buried == tag));
        if released { TagError::Stale } else { TagError::Unknown }
    }
}

impl<T> fmt::Debug for TagTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TagTable");
        debug.field("len", &self.len()).field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
