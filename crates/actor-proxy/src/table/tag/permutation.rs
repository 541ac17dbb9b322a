//! A keyed permutation of small numbers.

use std::fmt;

/// Four rounds of a good function make a permutation that looks random; the others make up for ours.
const ROUNDS: usize = 8;

/// A keyed bijection of the numbers of `bits` bits: a balanced Feistel network.
///
/// Whoever sees some of the results learns neither how many lie between them nor which came first. That holds for
/// casual observers; it is no cryptography, and nothing may depend on a result being hard to guess.
pub(super) struct Permutation {
    round_keys: [u64; ROUNDS],
    /// Half the width: at most 16.
    half_bits: u32,
}

impl Permutation {
    pub(super) fn new(key: [u64; 2], bits: u32) -> Self {
        debug_assert!(bits.is_multiple_of(2) && (2..=u32::BITS).contains(&bits), "a width of two halves");
        let mut word = key[0];
        let round_keys = [(); ROUNDS].map(|()| {
            word = mix(word).wrapping_add(key[1]);
            word
        });
        Self { round_keys, half_bits: bits / 2 }
    }

    /// The largest number of the width.
    pub(super) fn mask(&self) -> u32 {
        u32::MAX >> (u32::BITS - 2 * self.half_bits)
    }

    /// Where `number`, of the width, goes.
    pub(super) fn apply(&self, number: u32) -> u32 {
        let half_mask = self.mask() >> self.half_bits;
        let (mut left, mut right) = (number >> self.half_bits, number & half_mask);
        for key in &self.round_keys {
            // (L, R) ↦ (R, L ⊕ F(R, k)): a bijection whatever F is, because R stays known.
            let scrambled = high_half(mix(u64::from(right) ^ key));
            (left, right) = (right, left ^ (scrambled & half_mask));
        }
        left << self.half_bits | right
    }
}

impl fmt::Debug for Permutation {
    /// Without the keys: the order is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permutation").finish_non_exhaustive()
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014): a bijection in which every bit of the argument reaches every
/// bit of the result.
pub(super) fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn high_half(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
