//! The slab against a map and a list of handles that must be dead.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Operation {
    Insert(u8),
    /// Removes one of the entries.
    Remove(prop::sample::Index),
    /// Removes every entry from an index on, which lets segments go.
    RemoveFrom(u32),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (1..100u8).prop_map(Operation::Insert),
        4 => any::<prop::sample::Index>().prop_map(Operation::Remove),
        1 => (0..300u32).prop_map(Operation::RemoveFrom),
    ]
}

/// What a slab must do.
#[derive(Default)]
struct Model {
    live: BTreeMap<u32, (Handle<u64>, u64)>,
    dead: Vec<Handle<u64>>,
    inserted: u64,
}

impl Model {
    fn insert(&mut self, slab: &mut Slab<u64>) {
        let lowest_free = (0..).find(|index| !self.live.contains_key(index)).unwrap();
        self.inserted += 1;
        let handle = slab.insert(self.inserted);
        assert_eq!(handle.index, lowest_free);
        self.live.insert(handle.index, (handle, self.inserted));
    }

    fn remove(&mut self, slab: &mut Slab<u64>, index: u32) {
        let (handle, value) = self.live.remove(&index).unwrap();
        assert_eq!(slab.remove(handle), Some(value));
        self.dead.push(handle);
    }

    fn check(&self, slab: &mut Slab<u64>) {
        assert_eq!((slab.len(), slab.is_empty()), (self.live.len(), self.live.is_empty()));
        assert!(slab.iter().map(|(handle, value)| (handle, *value)).eq(self.live.values().copied()));
        for (handle, value) in self.live.values() {
            assert_eq!(slab.get(*handle), Some(value));
        }
        for handle in &self.dead {
            assert_eq!(slab.get(*handle), None, "{handle:?}");
            assert_eq!(slab.get_mut(*handle), None, "{handle:?}");
            assert_eq!(slab.remove(*handle), None);
        }
        let segments = self.live.last_key_value().map_or(0, |(last, _)| to_index(last / SEGMENT_SLOTS) + 1);
        assert!((segments..=segments + 1).contains(&slab.segments.len()), "at most one to spare");
    }
}

proptest! {
    #[test]
    fn the_lowest_free_index_is_used_and_dead_handles_stay_dead(
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut slab = Slab::new();
        let mut model = Model::default();
        for operation in operations {
            match operation {
                Operation::Insert(count) => (0..count).for_each(|_| model.insert(&mut slab)),
                Operation::Remove(choice) if !model.live.is_empty() => {
                    let index = *model.live.keys().nth(choice.index(model.live.len())).unwrap();
                    model.remove(&mut slab, index);
                }
                Operation::Remove(_) => {}
                Operation::RemoveFrom(first) => {
                    let indices: Vec<u32> = model.live.range(first..).map(|(index, _)| *index).collect();
                    indices.into_iter().for_each(|index| model.remove(&mut slab, index));
                }
            }
            model.check(&mut slab);
        }
        let values: Vec<u64> = model.live.values().map(|(_, value)| *value).collect();
        prop_assert!(slab.into_values().eq(values));
    }
}

#[test]
fn a_handle_is_dead_even_when_its_segment_was_let_go_and_came_back() {
    let mut slab = Slab::new();
    let handles: Vec<_> = (0..200).map(|n| slab.insert(n)).collect();
    assert_eq!(slab.segments.len(), 4);
    handles.iter().for_each(|handle| assert!(slab.remove(*handle).is_some()));
    assert_eq!(slab.segments.len(), 1);
    let again: Vec<_> = (0..200).map(|n| slab.insert(n)).collect();
    assert!(again.iter().all(|handle| slab.get(*handle).is_some()));
    assert!(handles.iter().all(|handle| slab.get(*handle).is_none()));
}

#[test]
fn a_slot_out_of_generations_is_never_used_again() {
    let mut slab = Slab::new();
    slab.insert('a');
    let used_up = Handle::new(0, u32::MAX);
    slab.segments[0][0] = Slot::Occupied { generation: u32::MAX, value: 'b' };
    assert_eq!(slab.remove(used_up), Some('b'));
    let next = slab.insert('c');
    assert_eq!((next.index, slab.get(used_up), slab.len()), (1, None, 1));
}

#[test]
fn a_worn_segment_stays_so_that_generations_last() {
    let mut slab = Slab::new();
    let handles: Vec<_> = (0..3 * SEGMENT_SLOTS).map(|n| slab.insert(n)).collect();
    slab.segments[2][5] = Slot::Occupied { generation: u32::MAX - 1, value: 0 };
    slab.remove(Handle::new(2 * SEGMENT_SLOTS + 5, u32::MAX - 1)).unwrap();
    let removed = handles.iter().filter_map(|handle| slab.remove(*handle)).count();
    assert_eq!(removed, handles.len() - 1);
    assert_eq!((slab.len(), slab.segments.len(), slab.first_generation), (0, 3, 0));
}

#[test]
fn a_few_entries_take_the_memory_of_a_few() {
    let mut slab = Slab::new();
    for (entries, slots) in [(1, 1), (2, 2), (3, 4), (9, 16), (33, 64), (64, 64)] {
        while slab.len() < entries {
            slab.insert(0_u64);
        }
        assert_eq!((slab.segments.len(), slab.segments[0].capacity()), (1, slots), "{entries} entries");
    }
    slab.insert(0);
    assert_eq!((slab.segments.len(), slab.segments[1].capacity()), (2, 64));
}

#[test]
fn entries_stay_where_they_are() {
    let mut slab = Slab::new();
    let first = slab.insert(0);
    for n in 1..SEGMENT_SLOTS {
        slab.insert(n);
    }
    let place: *const u32 = slab.get(first).unwrap();
    for n in SEGMENT_SLOTS..100_000 {
        slab.insert(n);
    }
    assert!(std::ptr::eq(slab.get(first).unwrap(), place));
}

#[test]
fn an_entry_costs_eight_bytes_beside_itself() {
    assert_eq!(size_of::<Slot<u64>>(), 8 + 8);
    assert_eq!(size_of::<Slot<Box<u8>>>(), 8 + 8);
    assert_eq!(size_of::<Slot<[u64; 4]>>(), 32 + 8);
    assert_eq!(size_of::<Slot<u32>>(), 4 + 8);
    // The tag table's entries: a tag and a value.
    assert_eq!(size_of::<Slot<(u32, u64)>>(), 8 + 16);
    assert_eq!(size_of::<Handle<String>>(), 8);
}
