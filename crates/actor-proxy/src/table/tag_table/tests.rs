//! The table against a model at widths where tags come round soon.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

const KEY: [u64; 2] = [11, 12];

#[derive(Debug, Clone)]
enum Operation {
    Insert(u8),
    /// Removes some of the entries.
    Remove(Vec<prop::sample::Index>),
    Drain,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        20 => (1..60u8).prop_map(Operation::Insert),
        20 => prop::collection::vec(any::<prop::sample::Index>(), 1..60).prop_map(Operation::Remove),
        1 => Just(Operation::Drain),
    ]
}

/// What a table must do.
struct Model {
    bits: u32,
    limit: usize,
    cycle: TagCycle,
    live: BTreeMap<Tag, u64>,
    released: Vec<Tag>,
    inserted: u64,
}

impl Model {
    fn insert(&mut self, table: &mut TagTable<u64>) {
        self.inserted += 1;
        if self.live.len() == self.limit {
            assert!(table.is_full());
            assert_eq!(table.insert(self.inserted), Err(self.inserted));
            return;
        }
        let expected = (0..).map(|_| self.cycle.advance()).find(|tag| !self.live.contains_key(tag)).unwrap();
        let tag = table.insert(self.inserted).unwrap();
        assert_eq!(tag, expected);
        self.live.insert(tag, self.inserted);
    }

    fn remove(&mut self, table: &mut TagTable<u64>, tag: Tag) {
        assert_eq!(table.remove(tag).ok(), self.live.remove(&tag));
        self.released.push(tag);
    }

    fn drain(&mut self, table: &mut TagTable<u64>) {
        let entries: Vec<_> = table.iter().map(|(tag, value)| (tag, *value)).collect();
        assert!(table.drain().eq(entries.iter().copied()));
        self.released.extend(entries.iter().map(|(tag, _)| *tag));
        self.live.clear();
    }

    fn check(&self, table: &mut TagTable<u64>) {
        assert_eq!((table.len(), table.is_empty()), (self.live.len(), self.live.is_empty()));
        assert_eq!(table.iter().map(|(tag, value)| (tag, *value)).collect::<BTreeMap<_, _>>(), self.live);
        let remembered = &self.released[self.released.len().saturating_sub(MAX_TOMBSTONES)..];
        // One tag more than there are.
        for tag in (0..=1 << self.bits).map(Tag) {
            let expected = match self.live.get(&tag) {
                Some(value) => Ok(*value),
                None if remembered.contains(&tag) => Err(TagError::Stale),
                None => Err(TagError::Unknown),
            };
            assert_eq!(table.get(tag).copied(), expected);
            assert_eq!(table.get_mut(tag).copied(), expected);
            if let Err(error) = expected {
                assert_eq!(table.remove(tag), Err(error));
            }
        }
    }
}

proptest! {
    #[test]
    fn tags_come_in_order_and_find_only_their_entry(
        key: [u64; 2],
        bits in prop_oneof![Just(8), Just(10)],
        limit in prop_oneof![1..200usize, Just(usize::MAX)],
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut table = TagTable::with_bits(key, limit, bits);
        let cycle = TagCycle::new(key, bits);
        let limit = limit.min(1 << (bits - 1));
        let mut model =
            Model { bits, limit, cycle, live: BTreeMap::new(), released: Vec::new(), inserted: 0 };
        for operation in operations {
            match operation {
                Operation::Insert(count) => (0..count).for_each(|_| model.insert(&mut table)),
                Operation::Remove(choices) => for choice in choices {
                    if model.live.is_empty() {
                        break;
                    }
                    let tag = *model.live.keys().nth(choice.index(model.live.len())).unwrap();
                    model.remove(&mut table, tag);
                },
                Operation::Drain => model.drain(&mut table),
            }
        }
        model.check(&mut table);
    }
}

#[test]
fn every_tag_has_its_turn_before_one_comes_again() {
    let mut table = TagTable::with_bits(KEY, usize::MAX, 8);
    let mut turns = BTreeMap::new();
    for round in 1..=3 {
        for _ in 0..1 << 8 {
            let tag = table.insert(()).unwrap();
            table.remove(tag).unwrap();
            *turns.entry(tag).or_insert(0) += 1;
        }
        assert_eq!((turns.len(), turns.values().all(|turns| *turns == round)), (256, true));
    }
}

#[test]
fn tags_that_live_long_are_passed_over() {
    let mut table = TagTable::with_bits(KEY, 128, 8);
    let old: Vec<Tag> = (0..127).map(|_| table.insert(0).unwrap()).collect();
    for n in 1..1_000 {
        let tag = table.insert(n).unwrap();
        assert!(!old.contains(&tag));
        assert_eq!(table.insert(n), Err(n));
        assert_eq!(table.remove(tag), Ok(n));
    }
    assert!(old.iter().all(|tag| table.get(*tag) == Ok(&0)));
}

#[test]
fn a_full_table_refuses_and_has_room_again_after_a_release() {
    let mut table = TagTable::new(KEY, 3);
    let tags = ['a', 'b', 'c'].map(|value| table.insert(value).unwrap());
    assert_eq!(table.insert('d'), Err('d'));
    assert_eq!((table.len(), table.remove(tags[1])), (3, Ok('b')));
    assert!(table.insert('d').is_ok());
    assert_eq!(TagTable::new(KEY, 0).insert('e'), Err('e'));
}

#[test]
fn released_is_told_from_never_issued_as_long_as_it_is_remembered() {
    let mut table = TagTable::new(KEY, 1_000);
    let tags: Vec<Tag> = (0..300).map(|n| table.insert(n).unwrap()).collect();
    for tag in &tags {
        assert!(table.remove(*tag).is_ok());
    }
    let (forgotten, remembered) = tags.split_at(300 - MAX_TOMBSTONES);
    assert!(forgotten.iter().all(|tag| table.get(*tag) == Err(TagError::Unknown)));
    assert!(remembered.iter().all(|tag| table.get(*tag) == Err(TagError::Stale)));
    assert_eq!(table.used.as_ref().unwrap().tombstones.len(), MAX_TOMBSTONES);
    assert!(table.used.as_ref().unwrap().tombstones.capacity() * size_of::<Tag>() <= 1024);
}

#[test]
fn the_same_calls_give_the_same_tags_in_the_same_order() {
    let run = |key| {
        let mut table = TagTable::new(key, 1_000);
        let tags: Vec<Tag> = (0..500).map(|n| table.insert(n).unwrap()).collect();
        for tag in tags.iter().step_by(3) {
            table.remove(*tag).unwrap();
        }
        assert!((0..50).all(|n| table.insert(n).is_ok()));
        table.iter().map(|(tag, n)| (tag, *n)).collect::<Vec<_>>()
    };
    assert_eq!(run(KEY), run(KEY));
    assert_ne!(run(KEY), run([12, 11]));
}

#[test]
fn clearing_drops_what_is_stored_and_goes_on_in_the_cycle() {
    let mut table = TagTable::new(KEY, 10);
    let shared = Rc::new(());
    let before: Vec<Tag> = (0..10).map(|_| table.insert(Rc::clone(&shared)).unwrap()).collect();
    drop(table.drain());
    assert_eq!((Rc::strong_count(&shared), table.len()), (1, 0));
    assert!(before.iter().all(|tag| table.get(*tag) == Err(TagError::Stale)));
    let after: Vec<Tag> = (0..10).map(|_| table.insert(Rc::clone(&shared)).unwrap()).collect();
    assert!(before.iter().all(|tag| !after.contains(tag)));
}

#[test]
fn an_entry_costs_30_to_48_bytes_beside_itself() {
    let in_slab = |count: usize| count.next_multiple_of(64) * 24;
    // Of each bucket a pair and a control byte; at most seven of eight are in use.
    let pair = size_of::<(Tag, Handle<Entry<u64>>)>();
    assert_eq!(pair, 12);
    for count in [897, 1_000, 1_792, 10_000] {
        let mut table = TagTable::new(KEY, count);
        assert!((0..count).all(|_| table.insert(0_u64).is_ok()));
        let buckets = (table.used.as_ref().unwrap().handles.capacity() * 8 / 7).next_power_of_two();
        let beside = in_slab(count) + buckets * (pair + 1) - count * size_of::<u64>();
        assert!((30 * count..48 * count).contains(&beside), "{} at {count}", beside / count);
    }
}

#[test]
fn the_buckets_of_the_map_fill_evenly() {
    use std::hash::BuildHasher as _;

    for key in [[0, 0], [0, 1], [1, 0], KEY] {
        let mut table = TagTable::new(key, 1_024);
        assert!((0..1_024).all(|_| table.insert(()).is_ok()));
        let mut buckets = [0_u32; 64];
        for (tag, ()) in table.iter() {
            let bucket = table.used.as_ref().unwrap().handles.hasher().hash_one(tag) % 64;
            buckets[usize::try_from(bucket).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|count| (1..=40).contains(count)), "{key:?}: {buckets:?}");
    }
}
