//! Power cuts at every write and every sync.

use node::store::{StoreError, Table};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::disk::{Disk, Event, Fault, apply, some_of};
use super::workload::{Model, after, batch, batches, contents};

/// What a power cut leaves behind, in several ways, after each event of `log` from `from` on: how many marks there were,
/// and the image.
fn crashes(before: &[u8], log: &[Event], ways: u64, seed: u64) -> Vec<(usize, Vec<u8>)> {
    let mut stable = before.to_vec();
    let mut unsynced: Vec<Event> = Vec::new();
    let mut marks = 0;
    let mut images = Vec::new();
    for (point, event) in log.iter().enumerate() {
        match event {
            Event::Mark(mark) => {
                marks = *mark;
                continue;
            }
            Event::FailedSync(kept) => {
                kept.iter().for_each(|event| apply(&mut stable, event));
                unsynced.clear();
            }
            Event::Sync => unsynced.drain(..).for_each(|event| apply(&mut stable, &event)),
            event => unsynced.push(event.clone()),
        }
        images.push((marks, stable.clone()));
        let mut whole = stable.clone();
        unsynced.iter().for_each(|event| apply(&mut whole, event));
        images.push((marks, whole));
        for way in 0..ways {
            let mut rng = StdRng::seed_from_u64(seed ^ (point as u64) << 16 ^ way << 48);
            let mut image = stable.clone();
            some_of(&unsynced, &mut rng).iter().for_each(|event| apply(&mut image, event));
            images.push((marks, image));
        }
    }
    images
}

/// What the store holds after each number of batches.
struct History {
    disk: Disk,
    states: Vec<Model>,
}

fn history(count: usize, seed: u64) -> History {
    history_on(Disk::new(seed), count, seed)
}

fn history_on(disk: Disk, count: usize, seed: u64) -> History {
    let store = disk.store().or_else(|_| disk.store()).unwrap();
    let mut states = vec![Model::new()];
    for (number, operations) in batches(count, seed).iter().enumerate() {
        let model = states.last().unwrap();
        let next = after(model, operations);
        match (store.commit_blocking(batch(operations)), next) {
            (Ok(()), Some(next)) => states.push(next),
            (Err(StoreError::Conflict { .. }), None) => states.push(model.clone()),
            (Err(error @ StoreError::Failed { .. }), _) if !error.maybe_kept() => states.push(model.clone()),
            (outcome, next) => panic!("batch {number}: {outcome:?}, expected success: {}", next.is_some()),
        }
        assert_eq!(contents(&store).unwrap(), *states.last().unwrap());
        disk.mark(number + 1);
    }
    drop(store);
    History { disk, states }
}

/// Opens what a power cut left: what was acknowledged is there, and the batch under way as a whole or not at all.
fn check(states: &[Model], acknowledged: usize, image: Vec<u8>) -> (usize, Disk) {
    let disk = Disk::with_contents(image, 1);
    let store = disk.store().unwrap();
    let found = contents(&store).unwrap();
    let range = acknowledged..=(acknowledged + 1).min(states.len() - 1);
    let Some(at) = range.clone().find(|at| states[*at] == found) else {
        panic!("after {acknowledged} batches of {}, the store holds something else", states.len() - 1);
    };
    // A ticket that was consumed is gone for good, and what was reserved is not to be had again.
    for (key, value) in &states[acknowledged] {
        assert!(key.0 != Table::Tickets || at > acknowledged || found.get(key) == Some(value));
    }
    (at, disk)
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged_and_revives_no_ticket() {
    let mut points = 0;
    for seed in 0..10 {
        let History { disk, states } = history(25, seed);
        for (acknowledged, image) in crashes(&[], &disk.log(), 4, seed) {
            let (at, after_crash) = check(&states, acknowledged, image);
            points += 1;
            if points % 7 == 0 {
                // It goes on from there.
                let store = after_crash.store().unwrap();
                let operations = [super::workload::Operation::Put(Table::Seen, vec![9; 32], vec![9])];
                store.commit_blocking(batch(&operations)).unwrap();
                assert_eq!(contents(&store).unwrap(), after(&states[at], &operations).unwrap());
            }
        }
    }
    assert!(points > 5_000, "only {points} power cuts");
}

/// What a failed sync did not write is never written: what the system shows from its memory is not on the disk.
#[test]
fn a_power_cut_after_a_failed_sync_loses_nothing_that_was_acknowledged() {
    let syncs = history(7, 5).disk.syncs();
    for failing in 1..=syncs {
        let disk = Disk::new(failing);
        disk.set_fault(Some(Fault::Sync(failing)));
        let History { disk, states } = history_on(disk, 7, 5);
        for (acknowledged, image) in crashes(&[], &disk.log(), 1, failing) {
            check(&states, acknowledged, image);
        }
    }
}

#[test]
fn a_power_cut_in_the_middle_of_a_repair_loses_nothing_either() {
    let History { disk, states } = history(8, 77);
    let mut points = 0;
    for (number, (acknowledged, image)) in crashes(&[], &disk.log(), 1, 77).into_iter().enumerate() {
        if number % 3 != 0 {
            continue;
        }
        let (at, repaired) = check(&states, acknowledged, image.clone());
        for (_, again) in crashes(&image, &repaired.log(), 1, number as u64) {
            // What was found once stays.
            let (still, _) = check(&states, at, again);
            assert_eq!(still, at);
            points += 1;
        }
    }
    assert!(points > 500, "only {points} power cuts");
}
