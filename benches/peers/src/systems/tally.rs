//! How many messages of each session an accepting end has taken.

use std::collections::HashMap;
use std::hash::Hash;

/// The counts. Most messages come from the one from whom the last came, and cost no look into a table.
pub struct Tally<K> {
    others: HashMap<K, u64>,
    current: Option<(K, u64)>,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { others: HashMap::new(), current: None }
    }
}

impl<K: Copy + Eq + Hash> Tally<K> {
    /// One more.
    pub fn add(&mut self, of: K) {
        match &mut self.current {
            Some((current, count)) if *current == of => *count += 1,
            _ => {
                if let Some((before, count)) = self.current.take() {
                    self.others.insert(before, count);
                }
                self.current = Some((of, self.others.get(&of).copied().unwrap_or(0) + 1));
            }
        }
    }

    /// How many.
    pub fn of(&self, of: K) -> u64 {
        match self.current {
            Some((current, count)) if current == of => count,
            _ => self.others.get(&of).copied().unwrap_or(0),
        }
    }
}
