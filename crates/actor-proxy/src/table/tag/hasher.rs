//! How the hash map spreads tags.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use super::permutation::mix;

/// Multiplies by a secret odd number, which is enough where SipHash would be slow.
///
/// Flooding a bucket takes keys of the attacker's choice, and no key of this map is anybody's choice: tags come out
/// of our own permutation, a peer can only look them up. A peer that gives up all entries but those it would like
/// to see in one bucket does not know which those are, since multiplying by a secret is universal hashing
/// (Dietzfelbinger et al., 1997); and the limit of the table bounds what it could gain.
#[derive(Clone, Copy)]
pub(in crate::table) struct TagHasher {
    multiplier: u64,
    hash: u64,
}

impl TagHasher {
    pub(in crate::table) fn new(key: [u64; 2]) -> Self {
        Self { multiplier: mix(key[0] ^ mix(key[1])) | 1, hash: 0 }
    }
}

impl BuildHasher for TagHasher {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for TagHasher {
    fn write_u32(&mut self, tag: u32) {
        // The low bits of a product know only the low bits of its factors, and the map takes its bucket from them.
        self.hash = u64::from(tag).wrapping_mul(self.multiplier).rotate_left(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not on any path: a tag is a `u32`.
        for byte in bytes {
            self.hash = mix(self.hash ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

impl fmt::Debug for TagHasher {
    /// Without the multiplier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TagHasher").finish_non_exhaustive()
    }
}
