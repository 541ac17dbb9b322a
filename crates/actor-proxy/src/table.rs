//! The local tables: entries found by a checked handle, and entries found by a tag that travels.
//!
//! A [`Handle`] is the cheap reference of this process: an index and a generation, never on the wire. A [`Tag`] is
//! the same idea for the other side of a pipe: 32 bits that say where an answer belongs, and nothing about how many
//! there were before. Both fail explicitly once their entry is gone: they never find the next one in its place.
//!
//! ```text
//!  arriving message ──Tag──▶ TagTable ──Handle──▶ Slab ──▶ entry
//! ```
//!
//! A tag means something in one table only, and proves nothing: who may use it is decided elsewhere.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

mod slab;
mod tag;
mod tag_table;

pub(crate) use slab::{Handle, Slab};
pub(crate) use tag::Tag;
pub(crate) use tag_table::TagTable;

/// Maps of at most so many entries keep their room.
const MAX_KEPT_ENTRIES: usize = 64;

/// Gives the room of a map back that once held many more entries. Called after each removal it costs a constant amount
/// each, in the long run.
pub(crate) fn trim<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    if map.capacity() > MAX_KEPT_ENTRIES && map.capacity() / 8 >= map.len() {
        map.shrink_to(2 * map.len());
    }
}

/// A `u32` as an index. Where a `usize` is smaller it is an index that no vector has.
fn to_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
