//! A set of numbers that knows its smallest.

use crate::table::to_index;

/// Numbers per word.
pub(super) const WORD_BITS: u32 = u64::BITS;

/// Which indices of a slab are free: a bit for each, and above them bits that say which words have any.
///
/// ```text
///                              bit 2 1 0
/// levels[1]                    …0  1 0 1    one word on top; bit n: word n below is not zero
///                 ┌───────────────┘ │ └───────────────┐
/// levels[0]   word 2: …1000   word 1: …0000   word 0: …0010    one bit for each index
/// ```
///
/// A level has a 64th of the words of that below it: six are enough for all of 2^32.
#[derive(Debug)]
pub(super) struct Vacancies {
    levels: Vec<Vec<u64>>,
}

impl Vacancies {
    pub(super) const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// The smallest number in the set.
    pub(super) fn first(&self) -> Option<u32> {
        let mut position = 0;
        for level in self.levels.iter().rev() {
            let word = *level.get(to_index(position))?;
            if word == 0 {
                return None;
            }
            position = position * WORD_BITS + word.trailing_zeros();
        }
        (!self.levels.is_empty()).then_some(position)
    }

    pub(super) fn insert(&mut self, number: u32) {
        self.change(number, |word, bit| word | bit);
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.change(number, |word, bit| word & !bit);
    }

    /// Adds the numbers of one more word, and returns the first of them.
    ///
    /// # Panics
    /// Beyond the last `u32`.
    pub(super) fn grow(&mut self) -> u32 {
        let words = self.levels.first().map_or(0, Vec::len);
        let first = u32::try_from(words).ok().and_then(|words| words.checked_mul(WORD_BITS));
        let Some(first) = first else { panic!("a slab of 2^32 entries is full") };
        self.resize(words + 1);
        (first..=first + (WORD_BITS - 1)).for_each(|number| self.insert(number));
        first
    }

    /// Takes the last word away, with all its numbers.
    pub(super) fn shrink(&mut self) {
        let words = self.levels.first().map_or(0, Vec::len);
        let Some(last) = words.checked_sub(1) else { return };
        if let Some(first) = u32::try_from(last).ok().and_then(|last| last.checked_mul(WORD_BITS)) {
            (first..=first + (WORD_BITS - 1)).for_each(|number| self.remove(number));
        }
        self.resize(last);
    }

    /// Whether the set has all numbers of the last two words.
    pub(super) fn ends_with_two_full_words(&self) -> bool {
        self.levels.first().is_some_and(|level| level.ends_with(&[u64::MAX, u64::MAX]))
    }

    /// Changes the bit of `number`, and above it those whose word became zero or ceased to be.
    fn change(&mut self, number: u32, change: impl Fn(u64, u64) -> u64) {
        let mut position = number;
        for level in &mut self.levels {
            let word = &mut level[to_index(position / WORD_BITS)];
            let before = *word;
            *word = change(before, 1 << (position % WORD_BITS));
            if (before == 0) == (*word == 0) {
                return;
            }
            position /= WORD_BITS;
        }
    }

    /// Gives the lowest level that many words, and as many levels above as it takes to end in one word. Words that
    /// go away are zero.
    fn resize(&mut self, words: usize) {
        let mut height = 0;
        let mut words = words;
        while words > 0 {
            if height == self.levels.len() {
                // The word below was the top until now.
                let below_has_any = self.levels.last().is_some_and(|below| below.first() != Some(&0));
                self.levels.reserve_exact(1);
                self.levels.push(vec![u64::from(below_has_any)]);
            }
            self.levels[height].resize(words, 0);
            height += 1;
            words = if words == 1 { 0 } else { words.div_ceil(to_index(WORD_BITS)) };
        }
        self.levels.truncate(height);
    }
}

#[cfg(test)]
mod tests;
