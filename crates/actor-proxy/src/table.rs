//! The local tables: entries found by a checked handle.
//!
//! A [`Handle`] is the cheap reference of this process: an index and a generation, never on the wire. It fails
//! explicitly once its entry is gone: it never finds the next one in its place.

mod slab;

pub(crate) use slab::{Handle, Slab};

/// A `u32` as an index. Where a `usize` is smaller it is an index that no vector has.
fn to_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
