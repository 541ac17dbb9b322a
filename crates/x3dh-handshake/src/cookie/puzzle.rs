//! The work itself.

use std::{fmt, ops::Range};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    hash::{MAC_BYTES, hash},
    packet::SOLUTION_BYTES,
};

/// What a challenge asks of an initiator: a number whose hash begins with so many zero bits.
///
/// Nothing is computed before [`try_solve`](Self::try_solve) is called, and no more than it is told to.
#[derive(Clone)]
pub struct Puzzle {
    cookie: Zeroizing<[u8; MAC_BYTES]>,
    mac1: [u8; MAC_BYTES],
    bits: u8,
}

/// A solved puzzle, for [`FirstFlight::with_cookie`](crate::FirstFlight::with_cookie).
#[derive(Clone)]
pub struct Solved {
    pub(super) cookie: Zeroizing<[u8; MAC_BYTES]>,
    pub(super) mac1: [u8; MAC_BYTES],
    pub(super) solution: [u8; SOLUTION_BYTES],
}

impl Puzzle {
    pub(super) fn new(cookie: Zeroizing<[u8; MAC_BYTES]>, mac1: [u8; MAC_BYTES], bits: u8) -> Self {
        Self { cookie, mac1, bits }
    }

    /// How many zero bits are asked for: `2^bits` numbers have to be tried on average. At most
    /// [`MAX_PUZZLE_BITS`](super::MAX_PUZZLE_BITS).
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an earlier piece of work, done for a challenge of the same packet, is all that this one asks for.
    #[must_use]
    pub fn is_met_by(&self, solved: &Solved) -> bool {
        bool::from(self.cookie.ct_eq(&solved.cookie[..]) & self.mac1.ct_eq(&solved.mac1))
            && zero_bits(&self.cookie, &self.mac1, &solved.solution) >= u32::from(self.bits)
    }

    /// Tries the numbers of a range, one hash each, and stops at the first that is a solution. `None` if none is: go on
    /// with the next range, or give up. Ranges may be tried in any order and by several threads; with no bits every
    /// number is a solution.
    #[must_use]
    pub fn try_solve(&self, mut numbers: Range<u64>) -> Option<Solved> {
        let solves =
            |number: &u64| zero_bits(&self.cookie, &self.mac1, &number.to_le_bytes()) >= u32::from(self.bits);
        let solution = numbers.find(solves)?.to_le_bytes();
        Some(Solved { cookie: self.cookie.clone(), mac1: self.mac1, solution })
    }
}

/// The number of zero bits that `H("Conclave1 puzzle", cookie, mac1, solution)` begins with, of its first 64: the most
/// significant bit of the first byte is the first.
pub(super) fn zero_bits(
    cookie: &[u8; MAC_BYTES],
    mac1: &[u8; MAC_BYTES],
    solution: &[u8; SOLUTION_BYTES],
) -> u32 {
    let digest = hash("Conclave1 puzzle", &[cookie, mac1, solution]);
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first).leading_zeros())
}

impl fmt::Debug for Puzzle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Puzzle").field("bits", &self.bits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Solved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Solved(..)")
    }
}

#[cfg(test)]
mod tests;
