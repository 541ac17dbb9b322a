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

mod slab;
mod tag;
mod tag_table;

pub(crate) use slab::{Handle, Slab};
pub(crate) use tag::Tag;
pub(crate) use tag_table::TagTable;

/// A `u32` as an index. Where a `usize` is smaller it is an index that no vector has.
fn to_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
