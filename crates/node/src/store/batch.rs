//! What is to change, all of it or nothing.

use std::fmt;

use zeroize::Zeroizing;

use super::error::StoreError;
use super::table::{Home, Table};

/// The largest batch, keys and values together with [`OPERATION_BYTES`] for each operation.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// What an operation counts besides its key and value.
pub const OPERATION_BYTES: usize = 64;

/// Changes that happen together or not at all, on the condition that what they build upon has not changed.
///
/// All expectations are looked at first, against the store as it is before this batch; then the changes happen in
/// their order. A batch touches tables of one database only.
///
/// ```
/// use node::store::{Batch, Store, StoreError, Table};
///
/// # fn main() -> Result<(), StoreError> {
/// let store = Store::in_memory()?;
/// let mut first = Batch::new();
/// first.put(Table::Statements, b"digest", b"signed");
/// store.commit_blocking(first)?;
///
/// let mut second = Batch::new();
/// second.expect(Table::Statements, b"digest", None).remove(Table::Statements, b"digest");
/// assert!(matches!(store.commit_blocking(second), Err(StoreError::Conflict { .. })));
/// assert_eq!(store.snapshot().get(Table::Statements, b"digest")?.as_deref(), Some(&b"signed".to_vec()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Batch {
    pub(super) expectations: Vec<Expectation>,
    pub(super) changes: Vec<Change>,
    bytes: usize,
    home: Option<Home>,
    mixed: bool,
}

/// What must be in the store.
#[derive(Clone)]
pub(super) struct Expectation {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Zeroizing<Vec<u8>>>,
}

/// What shall be in the store.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    /// `None`: nothing.
    pub(super) value: Option<Zeroizing<Vec<u8>>>,
}

impl Batch {
    /// A batch that changes nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a value in, in place of what was there.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> &mut Self {
        self.count(table, key, value.len());
        let value = Some(Zeroizing::new(value.to_vec()));
        self.changes.push(Change { table, key: key.to_vec(), value });
        self
    }

    /// Takes a value out, if there is one.
    pub fn remove(&mut self, table: Table, key: &[u8]) -> &mut Self {
        self.count(table, key, 0);
        self.changes.push(Change { table, key: key.to_vec(), value: None });
        self
    }

    /// Has the whole batch fail with [`StoreError::Conflict`] unless exactly this value, or none, is in the store.
    pub fn expect(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> &mut Self {
        self.count(table, key, value.map_or(0, <[u8]>::len));
        let value = value.map(|value| Zeroizing::new(value.to_vec()));
        self.expectations.push(Expectation { table, key: key.to_vec(), value });
        self
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.expectations.is_empty()
    }

    /// What it counts towards [`MAX_BATCH_BYTES`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn count(&mut self, table: Table, key: &[u8], value_bytes: usize) {
        self.bytes = self.bytes.saturating_add(OPERATION_BYTES + key.len()).saturating_add(value_bytes);
        self.mixed |= self.home.is_some_and(|home| home != table.home());
        self.home = Some(table.home());
    }

    /// Which database it goes to.
    pub(super) fn home(&self) -> Result<Home, StoreError> {
        if self.mixed {
            return Err(StoreError::Mixed);
        }
        if self.bytes > MAX_BATCH_BYTES {
            return Err(StoreError::TooLarge { bytes: self.bytes, limit: MAX_BATCH_BYTES });
        }
        Ok(self.home.unwrap_or(Home::Person))
    }
}

/// Shows no keys and no values.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("expectations", &self.expectations.len())
            .field("changes", &self.changes.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
