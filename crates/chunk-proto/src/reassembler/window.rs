//! Which messages were begun.

use crate::MessageId;

/// How far back from the highest message begun a receiver remembers which ones were, in message ids.
///
/// A message this far or further behind cannot begin any more (PROTOCOL §7.4).
pub const MESSAGE_WINDOW: u64 = 2048;

/// Words of the bitmap.
const WORDS: usize = 32;
const _: () = assert!(MESSAGE_WINDOW == 64 * 32);

/// The ids begun among the last [`MESSAGE_WINDOW`]; all before them count as begun.
#[derive(Debug, Default)]
pub(super) struct IdWindow {
    /// The highest id begun; 0 at the start, when no bit is set.
    highest: u64,
    /// Bit `id % MESSAGE_WINDOW` for the ids of the window.
    begun: [u64; WORDS],
}

impl IdWindow {
    /// Whether `message` was begun or is too old to begin.
    pub(super) fn contains(&self, MessageId(id): MessageId) -> bool {
        match self.highest.checked_sub(id) {
            None => false,
            Some(age) if age >= MESSAGE_WINDOW => true,
            Some(_) => {
                let (word, bit) = place(id);
                self.begun.get(word).is_some_and(|begun| begun & bit != 0)
            }
        }
    }

    /// Notes that `message` was begun, and moves the window up to it.
    pub(super) fn insert(&mut self, MessageId(id): MessageId) {
        if let Some(step) = id.checked_sub(self.highest) {
            if step >= MESSAGE_WINDOW {
                self.begun = [0; WORDS];
            } else {
                for before in self.highest..id {
                    let (word, bit) = place(before + 1);
                    if let Some(begun) = self.begun.get_mut(word) {
                        *begun &= !bit;
                    }
                }
            }
            self.highest = id;
        }
        let (word, bit) = place(id);
        if let Some(begun) = self.begun.get_mut(word) {
            *begun |= bit;
        }
    }
}

/// Where the bit of `id` is.
fn place(id: u64) -> (usize, u64) {
    let slot = id % MESSAGE_WINDOW;
    (usize::try_from(slot / 64).unwrap_or(usize::MAX), 1 << (slot % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Near each other, near the window's edge, and far apart.
    fn id() -> impl Strategy<Value = u64> {
        prop_oneof![0..300u64, 0..5_000u64, (u64::MAX - 3_000)..=u64::MAX]
    }

    #[test]
    fn the_last_id_is_begun_twice() {
        let mut window = IdWindow::default();
        window.insert(MessageId(u64::MAX));
        window.insert(MessageId(u64::MAX));
        assert!(window.contains(MessageId(u64::MAX)));
        assert!(!window.contains(MessageId(u64::MAX - 1)));
    }

    proptest! {
        #[test]
        fn agrees_with_a_set(ids in prop::collection::vec(id(), 0..if cfg!(miri) { 40 } else { 300 })) {
            let mut window = IdWindow::default();
            let mut begun = BTreeSet::new();
            for id in ids {
                let highest = begun.last().copied().unwrap_or(0);
                let too_old = id <= highest && highest - id >= MESSAGE_WINDOW;
                prop_assert_eq!(window.contains(MessageId(id)), begun.contains(&id) || too_old);
                if !too_old {
                    window.insert(MessageId(id));
                    begun.insert(id);
                }
            }
        }
    }
}
