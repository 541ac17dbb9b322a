//! Reading: everything as it was at one moment.

use std::fmt;
use std::sync::Arc;

use redb::{OwnedRange, ReadTransaction};
use zeroize::Zeroizing;

use super::database::Database;
use super::error::StoreError;
use super::table::{Home, Table};
use super::writer::Writer;

/// A store as it was at one moment, each of its two databases for itself. What is in it is durable.
///
/// Reading may wait for the disk, as reading a file does. Keep a snapshot for as long as one piece of work: old versions
/// of what changes stay in the file meanwhile.
pub struct Snapshot {
    person: View,
    machine: View,
}

/// One database as it was.
struct View {
    database: Arc<Database>,
    /// Why it cannot be read is told to whoever reads.
    transaction: Result<ReadTransaction, StoreError>,
}

/// A key, and what is under it.
pub type Entry = (Vec<u8>, Zeroizing<Vec<u8>>);

impl View {
    fn of(writer: &Writer) -> Self {
        Self { database: Arc::clone(writer.database()), transaction: writer.begin_read() }
    }

    fn table(&self, table: Table) -> Result<ReadOnly, StoreError> {
        let transaction = self.transaction.as_ref().map_err(Clone::clone)?;
        self.checked(transaction.open_table(table.definition()))
    }

    fn checked<T, E: Into<StoreError>>(&self, result: Result<T, E>) -> Result<T, StoreError> {
        checked(&self.database, result)
    }
}

type ReadOnly = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Has the database opened anew if something is wrong with it.
fn checked<T, E: Into<StoreError>>(database: &Database, result: Result<T, E>) -> Result<T, StoreError> {
    result.map_err(|error| {
        let error = error.into();
        if !matches!(error, StoreError::Interrupted) {
            database.suspect();
        }
        error
    })
}

impl Snapshot {
    pub(super) fn new(person: &Writer, machine: &Writer) -> Self {
        Self { person: View::of(person), machine: View::of(machine) }
    }

    /// The value under a key.
    ///
    /// # Errors
    /// [`StoreError::Interrupted`] if the database was opened anew since the snapshot was taken: take another one. What
    /// else is wrong with the storage.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let view = self.view(table);
        let value = view.checked(view.table(table)?.get_owned(key))?;
        Ok(value.map(|value| Zeroizing::new(value.value().to_vec())))
    }

    /// What is in a table under keys that begin with `prefix`, in the order of the keys.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn entries(&self, table: Table, prefix: &[u8]) -> Result<Entries, StoreError> {
        let view = self.view(table);
        let range = view.checked(view.table(table)?.range_owned(prefix..))?;
        let database = Arc::clone(&view.database);
        Ok(Entries { range: Some(range), prefix: prefix.to_vec(), database })
    }

    /// The things that a table holds, each made of its entry by `read`.
    pub(super) fn items<K, V>(
        &self,
        table: Table,
        prefix: &[u8],
        read: fn(Entry) -> Result<(K, V), StoreError>,
    ) -> Result<Items<K, V>, StoreError> {
        Ok(Items { entries: self.entries(table, prefix)?, read })
    }

    fn view(&self, table: Table) -> &View {
        match table.home() {
            Home::Person => &self.person,
            Home::Machine => &self.machine,
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// The entries of a table, from [`Snapshot::entries`]. The first error is the last item.
pub struct Entries {
    /// `None` when it is over.
    range: Option<OwnedRange<&'static [u8], &'static [u8]>>,
    prefix: Vec<u8>,
    database: Arc<Database>,
}

impl Iterator for Entries {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.range.as_mut()?.next().map(|item| checked(&self.database, item));
        let entry = item.map(|item| {
            item.map(|(key, value)| (key.value().to_vec(), Zeroizing::new(value.value().to_vec())))
        });
        // After an error redb may leave out what it could not read.
        let goes_on = matches!(&entry, Some(Ok((key, _))) if key.starts_with(&self.prefix));
        if !goes_on {
            self.range = None;
        }
        entry.filter(|entry| goes_on || entry.is_err())
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").finish_non_exhaustive()
    }
}

/// The things that a table holds, in the order of their keys. What cannot be read is an item of its own; after an error
/// of the storage there are no more.
pub struct Items<K, V> {
    entries: Entries,
    read: fn(Entry) -> Result<(K, V), StoreError>,
}

impl<K, V> Iterator for Items<K, V> {
    type Item = Result<(K, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|entry| (self.read)(entry?))
    }
}

impl<K, V> fmt::Debug for Items<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").finish_non_exhaustive()
    }
}
