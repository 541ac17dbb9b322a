//! From a medium to a database that can be used.

use redb::{ReadableDatabase, StorageBackend, TableDefinition, TableHandle, WriteTransaction};

use super::backend::Backend;
use super::error::StoreError;
use super::table::{Home, Table};

/// How a table stands in a database.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// What a database says about itself.
const META: Definition = TableDefinition::new("meta");
/// Under it stands the version of the tables.
const FORMAT: &[u8] = b"format";
/// Under it stands the number of the last group of batches that was written.
const SEQUENCE: &[u8] = b"sequence";
/// The version of the tables that this crate writes.
const FORMAT_VERSION: u8 = 1;

/// What a database keeps in memory of its file.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The first page of a database, and where its first data can be.
const HEADER_BYTES: usize = 4096;
/// A database that was never finished is not larger than this.
const MAX_UNFINISHED_BYTES: u64 = 256 * 1024;
/// What a finished one begins with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

impl Table {
    pub(super) const fn definition(self) -> Definition {
        TableDefinition::new(self.name())
    }
}

/// A database, and the number of the last group that is in it.
pub(super) struct Opened {
    pub(super) database: redb::Database,
    pub(super) sequence: u64,
}

/// Opens the database of `home`, or makes it. Every page that is reachable is verified.
pub(super) fn open(backend: Backend, home: Home) -> Result<Opened, StoreError> {
    start_over_if_unfinished(&backend)?;
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let database = builder.create_with_backend(backend)?;
    if !is_prepared(&database, home)? {
        prepare(&database, home)?;
    }
    let sequence = sequence(&database)?;
    Ok(Opened { database, sequence })
}

/// Begins a transaction as all of this crate are: durable when it is over, and in two phases. So an unfinished one is told
/// from a finished one without trust in checksums, which whoever chooses the values could aim at; and nothing that counts
/// refers to what a failed sync has lost, though the system may go on to show it.
pub(super) fn begin(database: &redb::Database) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Puts in the number of the group that `transaction` writes.
pub(super) fn put_sequence(transaction: &WriteTransaction, sequence: u64) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(SEQUENCE, sequence.to_be_bytes().as_slice())?;
    Ok(())
}

fn sequence(database: &redb::Database) -> Result<u64, StoreError> {
    let meta = database.begin_read()?.open_table(META)?;
    let Some(value) = meta.get_owned(SEQUENCE)? else { return Ok(0) };
    value.value().try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Newer)
}

/// Whether all tables are there.
fn is_prepared(database: &redb::Database, home: Home) -> Result<bool, StoreError> {
    let transaction = database.begin_read()?;
    let names: Vec<_> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    if !names.iter().any(|name| name == META.name()) {
        return Ok(false);
    }
    let meta = transaction.open_table(META)?;
    let known = meta.get_owned(FORMAT)?.is_some_and(|value| value.value() == [FORMAT_VERSION]);
    if !known {
        return Err(StoreError::Newer);
    }
    Ok(Table::of(home).all(|table| names.iter().any(|name| name == table.name())))
}

fn prepare(database: &redb::Database, home: Home) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    let prepared = prepare_in(&transaction, home);
    match prepared {
        Ok(()) => Ok(transaction.commit()?),
        Err(error) => {
            // What is not committed is not there; the failure that matters is the first.
            transaction.abort().ok();
            Err(error)
        }
    }
}

fn prepare_in(transaction: &WriteTransaction, home: Home) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(FORMAT, [FORMAT_VERSION].as_slice())?;
    for table in Table::of(home) {
        transaction.open_table(table.definition())?;
    }
    Ok(())
}

/// Empties a file that a crash left in the middle of its making, which redb takes for one that is not its own.
///
/// The mark of a database is written last, and data only after it: a small file without mark and without data holds
/// nothing.
fn start_over_if_unfinished(backend: &Backend) -> Result<(), StoreError> {
    let len = backend.len()?;
    if len == 0 || len > MAX_UNFINISHED_BYTES {
        return Ok(());
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    backend.read(0, &mut bytes)?;
    let has_data = bytes.iter().skip(HEADER_BYTES).any(|byte| *byte != 0);
    if !bytes.starts_with(MAGIC) && !has_data {
        backend.set_len(0)?;
        backend.sync_data()?;
    }
    Ok(())
}
