//! The set against a plain one.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Operation {
    Grow(u8),
    Shrink(u8),
    Insert(prop::sample::Index),
    Remove(prop::sample::Index),
    RemoveFirst(u16),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        (1..80u8).prop_map(Operation::Grow),
        (1..80u8).prop_map(Operation::Shrink),
        any::<prop::sample::Index>().prop_map(Operation::Insert),
        any::<prop::sample::Index>().prop_map(Operation::Remove),
        (1..5_000u16).prop_map(Operation::RemoveFirst),
    ]
}

proptest! {
    #[test]
    fn the_smallest_is_known(operations in prop::collection::vec(operation(), 1..40)) {
        let mut set = Vacancies::new();
        let mut model = BTreeSet::new();
        let mut end = 0;
        for operation in operations {
            match operation {
                Operation::Grow(words) => for _ in 0..words {
                    prop_assert_eq!(set.grow(), end);
                    model.extend(end..end + WORD_BITS);
                    end += WORD_BITS;
                },
                Operation::Shrink(words) => for _ in 0..words {
                    set.shrink();
                    end = end.saturating_sub(WORD_BITS);
                    model.split_off(&end);
                },
                Operation::Insert(index) if end > 0 => {
                    let number = u32::try_from(index.index(to_index(end))).unwrap();
                    set.insert(number);
                    model.insert(number);
                }
                Operation::Remove(index) if end > 0 => {
                    let number = u32::try_from(index.index(to_index(end))).unwrap();
                    set.remove(number);
                    model.remove(&number);
                }
                Operation::RemoveFirst(count) => for _ in 0..count {
                    prop_assert_eq!(set.first(), model.first().copied());
                    let Some(first) = model.pop_first() else { break };
                    set.remove(first);
                },
                _ => {}
            }
            prop_assert_eq!(set.first(), model.first().copied());
            prop_assert!(set.levels.last().is_none_or(|top| top.len() == 1));
        }
    }
}
