//! Tags, and the order in which they are handed out.

mod hasher;
mod permutation;

use std::fmt;

pub(super) use hasher::TagHasher;
use permutation::Permutation;

/// How wide a tag is.
pub(super) const TAG_BITS: u32 = 32;

/// 32 bits chosen by the receiver: a locator, never an authenticator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tag(pub(crate) u32);

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({:08x})", self.0)
    }
}

/// Every tag of a width once, then all of them again, in an order that the key decides.
#[derive(Debug)]
pub(super) struct TagCycle {
    permutation: Permutation,
    /// The place in the cycle of the tag that comes next.
    position: u32,
}

impl TagCycle {
    /// Tags of `bits` bits: an even number from 2 to [`TAG_BITS`].
    pub(super) fn new(key: [u64; 2], bits: u32) -> Self {
        Self { permutation: Permutation::new(key, bits), position: 0 }
    }

    /// The next tag, whether or not it is in use.
    pub(super) fn advance(&mut self) -> Tag {
        let tag = Tag(self.permutation.apply(self.position));
        self.position = self.position.wrapping_add(1) & self.permutation.mask();
        tag
    }
}

#[cfg(test)]
mod tests;
