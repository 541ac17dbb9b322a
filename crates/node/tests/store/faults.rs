//! Operations of the storage that fail.

use std::time::{Duration, Instant};

use node::store::{Store, StoreError, Table};

use super::disk::{Disk, Fault};
use super::workload::{Model, Operation, after, batch, batches, contents, contents_in_the_end};

const BATCHES: usize = 12;

/// Opens the store; what is to fail may fail here.
fn open(disk: &Disk) -> Store {
    disk.store().or_else(|_| disk.store()).unwrap()
}

/// Runs the workload; returns what must be in the store then.
fn run(store: &Store, seed: u64, point: u64) -> (Model, usize) {
    let mut model = Model::new();
    let mut failures = 0;
    for (number, operations) in batches(BATCHES, seed).iter().enumerate() {
        let next = after(&model, operations);
        match store.commit_blocking(batch(operations)) {
            Ok(()) => model = next.expect("an expectation that does not hold was passed over"),
            Err(StoreError::Conflict { .. }) => assert_eq!(next, None),
            Err(error) => {
                assert!(!error.maybe_kept(), "point {point}, batch {number}: {error}");
                assert!(error.is_retryable(), "point {point}, batch {number}: {error}");
                failures += 1;
            }
        }
        assert_eq!(contents_in_the_end(store), model, "point {point}, after batch {number}");
    }
    (model, failures)
}

#[test]
fn any_one_operation_may_fail_and_only_its_batches_do() {
    for seed in [3, 4] {
        let all = {
            let disk = Disk::new(seed);
            run(&open(&disk), seed, 0);
            disk.operations()
        };
        let mut reported = 0;
        for point in 1..=all {
            let disk = Disk::new(seed ^ point << 8);
            disk.set_fault(Some(Fault::Once(point)));
            let store = open(&disk);
            let (model, failures) = run(&store, seed, point);
            reported += failures;
            assert!(failures <= 1, "point {point}: {failures} batches failed of one failure");
            drop(store);
            // The same after the end of the process, and after a power cut then.
            for image in [disk.seen(), disk.stable()] {
                let store = Disk::with_contents(image, 1).store().unwrap();
                assert_eq!(contents(&store).unwrap(), model, "point {point}, opened again");
            }
        }
        assert!(reported > 50, "only {reported} batches failed in {all} places");
    }
}

/// One put that fits in any model.
fn put(number: u8) -> [Operation; 1] {
    [Operation::Put(Table::Seen, vec![number; 32], vec![number; 100])]
}

#[test]
fn a_disk_that_stops_writing_is_read_on_and_written_to_when_it_works_again() {
    let start = {
        let disk = Disk::new(1);
        drop(open(&disk));
        disk.operations()
    };
    let mut maybe = 0;
    for point in start..start + 60 {
        let disk = Disk::new(point);
        let store = open(&disk);
        disk.set_fault(Some(Fault::WritesFrom(point)));
        let mut model = Model::new();
        let mut open_question = None;
        for number in 0..8 {
            let next = after(&model, &put(number)).unwrap();
            match store.commit_blocking(batch(&put(number))) {
                Ok(()) => model = next,
                Err(error) if error.maybe_kept() => {
                    assert!(open_question.is_none(), "only the first failure can leave a question open");
                    open_question = Some(next);
                    maybe += 1;
                }
                Err(error) => assert!(matches!(error, StoreError::Failed { .. }), "{error}"),
            }
            let found = contents_in_the_end(&store);
            assert!(found == model || Some(&found) == open_question.as_ref(), "point {point}");
        }
        disk.set_fault(None);
        store.commit_blocking(batch(&put(100))).unwrap();
        let found = contents(&store).unwrap();
        let answers = [Some(&model), open_question.as_ref()].map(|model| after(model?, &put(100)));
        assert!(answers.contains(&Some(found.clone())), "point {point}");
        drop(store);
        let store = Disk::with_contents(disk.stable(), 1).store().unwrap();
        assert_eq!(contents(&store).unwrap(), found);
    }
    assert!(maybe < 30, "the outcome was left open {maybe} times in 60");
}

#[test]
fn a_full_disk_is_told_read_on_and_forgiven() {
    for no_growth in [false, true] {
        let disk = Disk::new(9);
        let store = open(&disk);
        let mut model = Model::new();
        for number in 0..20 {
            store.commit_blocking(batch(&put(number))).unwrap();
            model = after(&model, &put(number)).unwrap();
        }
        disk.set_fault(Some(if no_growth { Fault::NoGrowth(disk.len_now()) } else { Fault::Full }));
        let large = [Operation::Put(Table::Statements, vec![1; 32], vec![1; 2_000_000])];
        for _ in 0..3 {
            let error = store.commit_blocking(batch(&large)).unwrap_err();
            assert!(matches!(error, StoreError::DiskFull { maybe_kept: false }), "{error:?}");
            assert!(error.is_retryable());
            assert_eq!(contents(&store).unwrap(), model, "what is durable can be read");
        }
        disk.set_fault(None);
        store.commit_blocking(batch(&large)).unwrap();
        model = after(&model, &large).unwrap();
        assert_eq!(contents(&store).unwrap(), model);
        drop(store);
        assert_eq!(contents(&Disk::with_contents(disk.stable(), 1).store().unwrap()).unwrap(), model);
    }
}

#[test]
fn a_full_disk_does_not_keep_a_store_from_being_read_after_a_power_cut() {
    let disk = Disk::new(10);
    let store = open(&disk);
    store.commit_blocking(batch(&put(1))).unwrap();
    let model = contents(&store).unwrap();
    disk.set_fault(Some(Fault::Full));
    let error = store.commit_blocking(batch(&put(2))).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    // Ends while nothing can be written, and what it would have tidied up stays as it is.
    drop(store);
    let store = Disk::with_contents(disk.stable(), 1).store().unwrap();
    assert_eq!(contents(&store).unwrap(), model);
}

#[test]
fn what_cannot_be_read_once_can_be_read_again() {
    let disk = Disk::new(11);
    let store = open(&disk);
    for number in 0..100 {
        let large = [Operation::Put(Table::Seen, vec![number; 32], vec![number; 200_000])];
        store.commit_blocking(batch(&large)).unwrap();
    }
    // More than a database keeps in memory: reading goes to the disk.
    let model = contents(&store).unwrap();
    disk.set_fault(Some(Fault::Once(disk.operations() + 20)));
    let error = contents(&store).unwrap_err();
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
    let start = Instant::now();
    while contents(&store).is_err() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(contents(&store).unwrap(), model);
    store.commit_blocking(batch(&put(200))).unwrap();
}
