//! Writing: groups of batches, each group one transaction.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use redb::{ReadableTable, WriteTransaction};

use super::backend::Backend;
use super::batch::Batch;
use super::database::{Database, State};
use super::error::StoreError;
use super::medium::Medium;
use super::opening::{self, Opened};
use super::table::{Home, Table};

/// What became of a batch.
pub(super) type Outcome = Result<(), StoreError>;

/// The only one who writes to a database.
///
/// After any failure the transaction is given up, never committed, and the database opened anew: redb does not promise
/// that a failed operation leaves the transaction whole, nor that a failed commit has not happened.
pub(super) struct Scribe {
    home: Home,
    medium: Box<dyn Medium>,
    database: Arc<Database>,
    /// The number of the last group in the database, by which a group is found again after a failure.
    sequence: u64,
}

/// A group that was written.
struct Written {
    outcomes: Vec<Outcome>,
    /// Whether anything is in the database that was not.
    changed: bool,
}

/// A group that could not be written.
struct Failure {
    error: StoreError,
    /// What the batches come to if the group is in the database all the same: only a failed commit leaves that open.
    if_kept: Option<Vec<Outcome>>,
}

type Tables<'t> = BTreeMap<Table, redb::Table<'t, &'static [u8], &'static [u8]>>;

impl Scribe {
    pub(super) fn open(home: Home, medium: Box<dyn Medium>) -> Result<Self, StoreError> {
        let Opened { database, sequence } = opening::open(Backend::direct(medium.open()?), home)?;
        Ok(Self { home, medium, database: Arc::new(Database::new(database)), sequence })
    }

    pub(super) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Writes a group, and says what became of each batch. What is said to be in the database is durable.
    pub(super) fn commit(&mut self, batches: &[Batch]) -> Vec<Outcome> {
        if !self.database.is_writable()
            && let Err(error) = self.open_anew()
        {
            return all(batches, &error);
        }
        let next = self.sequence.wrapping_add(1);
        let begun = self.database.begin_write().map_err(Failure::before_the_commit);
        match begun.and_then(|transaction| write(transaction, batches, next)) {
            Ok(Written { outcomes, changed }) => {
                self.sequence = if changed { next } else { self.sequence };
                outcomes
            }
            Err(failure) => self.settle(batches, next, failure),
        }
    }

    /// Finds out what became of a group that failed.
    fn settle(&mut self, batches: &[Batch], next: u64, failure: Failure) -> Vec<Outcome> {
        let Failure { error, if_kept } = failure;
        tracing::warn!(database = ?self.home, %error, "a write failed: opening the database anew");
        // Until it is found that it is not.
        self.sequence = next;
        let opened = self.open_anew();
        match (if_kept, opened) {
            // The commit had happened, and is durable now.
            (Some(outcomes), Ok(())) if self.sequence == next => outcomes,
            (if_kept, opened) => {
                let maybe_kept = if_kept.is_some() && opened.is_err() && self.sequence == next;
                all(batches, &error.with_maybe_kept(maybe_kept))
            }
        }
    }

    /// Closes the database and opens it again: for writing if that works, else for reading, with the error that speaks
    /// against writing.
    fn open_anew(&mut self) -> Result<(), StoreError> {
        let Self { home, medium, database, sequence } = self;
        let mut result = Ok(());
        database.replace(|| {
            let error = match for_writing(&**medium, *home) {
                Ok(opened) => {
                    *sequence = opened.sequence;
                    return State::Writable(opened.database);
                }
                Err(error) => error,
            };
            result = Err(error.clone());
            match for_reading(&**medium, *home) {
                Ok(opened) => {
                    *sequence = opened.sequence;
                    State::Readable(opened.database)
                }
                Err(_) => State::Closed(error),
            }
        });
        match &result {
            Ok(()) => tracing::info!(database = ?home, "the database is open for writing again"),
            Err(error) => tracing::warn!(database = ?home, %error, "the database cannot be written to"),
        }
        result
    }

    /// Closes the database: whoever still reads is interrupted.
    pub(super) fn close(self) {
        self.database.replace(|| State::Closed(StoreError::Stopped));
    }
}

fn for_writing(medium: &dyn Medium, home: Home) -> Result<Opened, StoreError> {
    opening::open(Backend::direct(medium.open()?), home)
}

fn for_reading(medium: &dyn Medium, home: Home) -> Result<Opened, StoreError> {
    opening::open(Backend::layered(medium.open()?)?, home)
}

fn all(batches: &[Batch], error: &StoreError) -> Vec<Outcome> {
    batches.iter().map(|_| Err(error.clone())).collect()
}

impl Failure {
    fn before_the_commit(error: StoreError) -> Self {
        Self { error, if_kept: None }
    }
}

/// Writes a group in a transaction of its own.
fn write(transaction: WriteTransaction, batches: &[Batch], sequence: u64) -> Result<Written, Failure> {
    let written = apply_all(&transaction, batches).and_then(|written| {
        if written.changed {
            opening::put_sequence(&transaction, sequence)?;
        }
        Ok(written)
    });
    let written = match written {
        Ok(written) => written,
        Err(error) => {
            // The first failure is the one that matters.
            transaction.abort().ok();
            return Err(Failure::before_the_commit(error));
        }
    };
    if !written.changed {
        let aborted = transaction.abort().map_err(StoreError::from);
        return aborted.map(|()| written).map_err(Failure::before_the_commit);
    }
    match transaction.commit() {
        Ok(()) => Ok(written),
        Err(error) => Err(Failure { error: error.into(), if_kept: Some(written.outcomes) }),
    }
}

/// Applies one batch after the other, each to what those before it left. A batch whose expectations do not hold changes
/// nothing; any other error spoils the transaction.
fn apply_all(transaction: &WriteTransaction, batches: &[Batch]) -> Result<Written, StoreError> {
    let mut tables = Tables::new();
    let mut written = Written { outcomes: Vec::with_capacity(batches.len()), changed: false };
    for batch in batches {
        let outcome = check(transaction, &mut tables, batch)?;
        if outcome.is_ok() {
            apply(transaction, &mut tables, batch)?;
            written.changed |= !batch.changes.is_empty();
        }
        written.outcomes.push(outcome);
    }
    Ok(written)
}

fn check<'t>(
    transaction: &'t WriteTransaction,
    tables: &mut Tables<'t>,
    batch: &Batch,
) -> Result<Outcome, StoreError> {
    for expectation in &batch.expectations {
        let table = open(transaction, tables, expectation.table)?;
        let found = table.get(expectation.key.as_slice())?;
        let found = found.as_ref().map(|value| value.value());
        if found != expectation.value.as_ref().map(|value| value.as_slice()) {
            return Ok(Err(StoreError::Conflict { table: expectation.table }));
        }
    }
    Ok(Ok(()))
}

fn apply<'t>(
    transaction: &'t WriteTransaction,
    tables: &mut Tables<'t>,
    batch: &Batch,
) -> Result<(), StoreError> {
    for change in &batch.changes {
        let table = open(transaction, tables, change.table)?;
        match &change.value {
            Some(value) => drop(table.insert(change.key.as_slice(), value.as_slice())?),
            None => drop(table.remove(change.key.as_slice())?),
        }
    }
    Ok(())
}

fn open<'t, 'a>(
    transaction: &'t WriteTransaction,
    tables: &'a mut Tables<'t>,
    table: Table,
) -> Result<&'a mut redb::Table<'t, &'static [u8], &'static [u8]>, StoreError> {
    match tables.entry(table) {
        Entry::Occupied(entry) => Ok(entry.into_mut()),
        Entry::Vacant(entry) => Ok(entry.insert(transaction.open_table(table.definition())?)),
    }
}
