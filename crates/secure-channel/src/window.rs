//! The replay window: which of the last 1,024 numbers were seen.

use crate::Error;

/// How many numbers, counted from the highest one seen, may still arrive.
pub const WINDOW_PACKETS: u64 = 1_024;

#[cfg(test)]
mod tests;

const WORDS: usize = 16;

/// A ring of one bit per number. The highest number seen is its front.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// One above the highest number seen; zero when none was.
    end: u64,
    bits: [u64; WORDS],
}

impl Window {
    pub(crate) const fn new() -> Self {
        Self { end: 0, bits: [0; WORDS] }
    }

    /// `Ok` when `number` may still be accepted. Changes nothing.
    pub(crate) fn check(&self, number: u64) -> Result<(), Error> {
        if number >= self.end {
            return Ok(());
        }
        if self.end - number > WINDOW_PACKETS {
            return Err(Error::TooOld);
        }
        let (word, bit) = Self::place(number);
        if self.bits[word] & bit == 0 { Ok(()) } else { Err(Error::Replayed) }
    }

    /// Marks `number`, which [`check`](Self::check) has just let pass.
    pub(crate) fn mark(&mut self, number: u64) {
        if number >= self.end {
            // A jump of a whole window or more leaves nothing of the old one.
            let skipped = (number - self.end).min(WINDOW_PACKETS);
            for stale in number - skipped..number {
                let (word, bit) = Self::place(stale);
                self.bits[word] &= !bit;
            }
            self.end = number + 1;
        }
        let (word, bit) = Self::place(number);
        self.bits[word] |= bit;
    }

    fn place(number: u64) -> (usize, u64) {
        let [low, high, ..] = (number % WINDOW_PACKETS).to_le_bytes();
        let bit = usize::from(u16::from_le_bytes([low, high]));
        (bit / 64, 1 << (bit % 64))
    }
}
