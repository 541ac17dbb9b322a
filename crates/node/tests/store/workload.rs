//! What is written in the tests, and what must be there after.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use node::store::{Batch, Store, StoreError, Table};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What a store holds.
pub type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// The tables of the workload.
const TABLES: [Table; 3] = [Table::Statements, Table::Seen, Table::Tickets];

/// One operation of a batch.
#[derive(Debug, Clone)]
pub enum Operation {
    Put(Table, Vec<u8>, Vec<u8>),
    Remove(Table, Vec<u8>),
    Expect(Table, Vec<u8>, Option<Vec<u8>>),
}

/// The operations of one batch.
pub type Operations = Vec<Operation>;

pub fn batch(operations: &[Operation]) -> Batch {
    let mut batch = Batch::new();
    for operation in operations {
        match operation {
            Operation::Put(table, key, value) => batch.put(*table, key, value),
            Operation::Remove(table, key) => batch.remove(*table, key),
            Operation::Expect(table, key, value) => batch.expect(*table, key, value.as_deref()),
        };
    }
    batch
}

/// The model after a batch; `None` if an expectation does not hold.
pub fn after(model: &Model, operations: &[Operation]) -> Option<Model> {
    let mut next = model.clone();
    for operation in operations {
        match operation {
            Operation::Expect(table, key, value) => {
                (model.get(&(*table, key.clone())) == value.as_ref()).then_some(())?;
            }
            Operation::Put(table, key, value) => drop(next.insert((*table, key.clone()), value.clone())),
            Operation::Remove(table, key) => drop(next.remove(&(*table, key.clone()))),
        }
    }
    Some(next)
}

/// Batches of all sorts, among them the lives of tickets, and some whose expectations do not hold.
pub fn batches(count: usize, seed: u64) -> Vec<Operations> {
    let mut rng = StdRng::seed_from_u64(seed);
    let ticket = |number: usize| (Table::Tickets, (number as u128).to_be_bytes().to_vec());
    (0..count)
        .map(|number| {
            let mut operations = Vec::new();
            for _ in 0..rng.random_range(1..4) {
                let table = TABLES[rng.random_range(0..2)];
                let key = vec![rng.random_range(0..40); 32];
                let length = if rng.random_range(0..8) == 0 { 9_000 } else { rng.random_range(0..300) };
                operations.push(match rng.random_range(0..4) {
                    0 => Operation::Remove(table, key),
                    _ => Operation::Put(table, key, vec![number as u8; length]),
                });
            }
            // Each ticket is issued, three batches later reserved, three later consumed, and once more tried.
            let (table, issued) = ticket(number);
            operations.push(Operation::Expect(table, issued.clone(), None));
            operations.push(Operation::Put(table, issued, b"issued".to_vec()));
            if let Some(earlier) = number.checked_sub(3) {
                let (table, key) = ticket(earlier);
                operations.push(Operation::Expect(table, key.clone(), Some(b"issued".to_vec())));
                operations.push(Operation::Put(table, key, b"reserved".to_vec()));
            }
            if let Some(earlier) = number.checked_sub(6) {
                let (table, key) = ticket(earlier);
                operations.push(Operation::Expect(table, key.clone(), Some(b"reserved".to_vec())));
                operations.push(Operation::Remove(table, key));
            }
            if number % 5 == 4 {
                let (table, key) = ticket(number);
                operations = vec![
                    Operation::Put(Table::Seen, vec![0; 32], b"must not be there".to_vec()),
                    Operation::Expect(table, key, Some(b"issued".to_vec())),
                ];
            }
            operations
        })
        .collect()
}

/// Everything that is in the tables of the workload.
pub fn contents(store: &Store) -> Result<Model, StoreError> {
    let snapshot = store.snapshot();
    let mut model = Model::new();
    for table in TABLES {
        for entry in snapshot.entries(table, &[])? {
            let (key, value) = entry?;
            model.insert((table, key), value.to_vec());
        }
    }
    Ok(model)
}

/// The same, with patience for a database that is being opened anew.
pub fn contents_in_the_end(store: &Store) -> Model {
    let start = Instant::now();
    loop {
        match contents(store) {
            Ok(model) => return model,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "cannot be read: {error}"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
