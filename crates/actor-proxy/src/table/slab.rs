//! A vector whose free places are used again, the lowest first.

mod vacancies;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::mem;

use crate::table::to_index;
use vacancies::{Vacancies, WORD_BITS};

/// Slots that are let go together and, but for the first ones, allocated together: as many as one word of [`Vacancies`] has
/// bits.
const SEGMENT_SLOTS: u32 = WORD_BITS;

/// A segment stays once a generation in it is beyond this: slots that begin where others ended keep half of all
/// generations before them.
const WORN_GENERATION: u32 = u32::MAX / 2;

/// A reference to an entry of a [`Slab`], typed by what it points to.
///
/// Only numbers: copying and dropping it does nothing, and it is never encoded. The slab it came from checks it;
/// after its entry is gone it resolves to nothing, whoever lives there since. It means nothing to another slab.
pub(crate) struct Handle<T> {
    index: u32,
    generation: u32,
    target: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    fn new(index: u32, generation: u32) -> Self {
        Self { index, generation, target: PhantomData }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Handle<T> {}

impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.index, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}@{})", self.index, self.generation)
    }
}

/// ```text
/// Free(g) ──insert──▶ Occupied(g) ──remove──▶ Free(g + 1)
///                          └─────── g = MAX ──▶ retired: Free, but in no vacancy
/// ```
enum Slot<T> {
    /// The generation is that of the next entry.
    Free {
        generation: u32,
    },
    Occupied {
        generation: u32,
        value: T,
    },
}

impl<T> Slot<T> {
    fn generation(&self) -> u32 {
        match self {
            Self::Free { generation } | Self::Occupied { generation, .. } => *generation,
        }
    }
}

/// Entries under handles. The lowest free index is used first, so that a burst leaves its memory at the end, where
/// whole segments go back.
///
/// The first segment doubles until it is whole, since most slabs have an entry or two; once it is, entries never move. Beside `T` an entry costs 4 bytes and the flag that it is there, which together are 8 bytes
/// for a `T` aligned to 8; its share of the segments' bookkeeping is half a byte. All operations take constant time,
/// but for one step more of those that change the slab each time it is 64 times as large.
///
/// It has no limit of its own: its owner sets one. Beyond 2^32 entries it panics.
pub(crate) struct Slab<T> {
    /// All of [`SEGMENT_SLOTS`] slots, but the first while it is the only one. Beyond the last that has an entry there is at most one, so that an entry
    /// that comes and goes does not take its segment with it each time.
    segments: Vec<Vec<Slot<T>>>,
    vacancies: Vacancies,
    /// Where the generations of new segments begin: beyond those of all that were let go.
    first_generation: u32,
    len: usize,
}

impl<T> Slab<T> {
    /// Without entries, and without memory until there is one.
    pub(crate) const fn new() -> Self {
        Self { segments: Vec::new(), vacancies: Vacancies::new(), first_generation: 0, len: 0 }
    }

    /// Stores a value at the lowest free index.
    pub(crate) fn insert(&mut self, value: T) -> Handle<T> {
        let index = self.vacancies.first().unwrap_or_else(|| self.grow());
        let segment = &mut self.segments[to_index(index / SEGMENT_SLOTS)];
        let place = to_index(index % SEGMENT_SLOTS);
        if place == segment.len() {
            if place == segment.capacity() {
                segment.reserve_exact(place.max(1));
            }
            segment.push(Slot::Free { generation: self.first_generation });
        }
        let slot = &mut segment[place];
        let generation = slot.generation();
        *slot = Slot::Occupied { generation, value };
        self.vacancies.remove(index);
        self.len += 1;
        Handle::new(index, generation)
    }

    /// The entry, if it is still there.
    pub(crate) fn get(&self, handle: Handle<T>) -> Option<&T> {
        let segment = self.segments.get(to_index(handle.index / SEGMENT_SLOTS))?;
        match segment.get(to_index(handle.index % SEGMENT_SLOTS))? {
            Slot::Occupied { generation, value } if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The entry, if it is still there.
    pub(crate) fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        match self.slot_mut(handle.index)? {
            Slot::Occupied { generation, value } if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// Takes the entry out, if it is still there. Its index is free, its handle resolves to nothing from now on.
    pub(crate) fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        // A handle that resolves to nothing must leave its slot alone.
        self.get(handle)?;
        let next = handle.generation.checked_add(1);
        let free = Slot::Free { generation: next.unwrap_or(u32::MAX) };
        let Slot::Occupied { value, .. } = mem::replace(self.slot_mut(handle.index)?, free) else {
            return None;
        };
        self.len -= 1;
        if next.is_some() {
            self.vacancies.insert(handle.index);
            self.trim();
        }
        Some(value)
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Handle<T>, &T)> {
        (0..).zip(self.segments.iter().flatten()).filter_map(|(index, slot)| match slot {
            Slot::Occupied { generation, value } => Some((Handle::new(index, *generation), value)),
            Slot::Free { .. } => None,
        })
    }

    /// All values in the order of their indices.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.segments.into_iter().flatten().filter_map(|slot| match slot {
            Slot::Occupied { value, .. } => Some(value),
            Slot::Free { .. } => None,
        })
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        self.segments.get_mut(to_index(index / SEGMENT_SLOTS))?.get_mut(to_index(index % SEGMENT_SLOTS))
    }

    /// Adds a segment, and returns its first index.
    fn grow(&mut self) -> u32 {
        let generation = self.first_generation;
        let first = self.vacancies.grow();
        let slots = if self.segments.is_empty() { 0 } else { SEGMENT_SLOTS };
        if slots == 0 {
            self.segments.reserve_exact(1);
        }
        self.segments.push((0..slots).map(|_| Slot::Free { generation }).collect());
        first
    }

    /// Lets vacant segments at the end go, all but one.
    fn trim(&mut self) {
        while self.vacancies.ends_with_two_full_words() {
            let Some(last) = self.segments.last() else { return };
            let newest = last.iter().map(Slot::generation).max().unwrap_or(0);
            if newest > WORN_GENERATION {
                return;
            }
            // The generations of its free slots are those of entries that never were.
            self.first_generation = self.first_generation.max(newest);
            self.segments.pop();
            self.vacancies.shrink();
        }
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
