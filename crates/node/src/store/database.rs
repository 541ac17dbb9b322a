//! A database as its readers see it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{ReadTransaction, ReadableDatabase, WriteTransaction};

use super::error::StoreError;
use super::opening;
use crate::sync::lock;

/// A database that is opened anew after a failure.
///
/// ```text
///              a write or read failed            room again, at the next commit
///   Writable ───────────────────────> Readable ────────────────────────────────> Writable
///      ^  └────────── opened anew at once ──┼──> Closed (not even that) ──────────────┘
///      └────────────────────────────────────┘
/// ```
pub(super) struct Database {
    state: Mutex<State>,
    /// A read has failed: nothing more may be written before the database was opened anew.
    suspect: AtomicBool,
}

pub(super) enum State {
    Writable(redb::Database),
    /// Opened with a layer in memory: what is durable can be read.
    Readable(redb::Database),
    /// Why it cannot be used.
    Closed(StoreError),
}

impl Database {
    pub(super) fn new(database: redb::Database) -> Self {
        Self { state: Mutex::new(State::Writable(database)), suspect: AtomicBool::new(false) }
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        match &*lock(&self.state) {
            State::Writable(database) | State::Readable(database) => Ok(database.begin_read()?),
            State::Closed(error) => Err(error.clone()),
        }
    }

    /// Begins to write. Only one does: see [`Scribe`](super::scribe::Scribe).
    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        match &*lock(&self.state) {
            State::Writable(database) => opening::begin(database),
            State::Readable(_) => Err(StoreError::Interrupted),
            State::Closed(error) => Err(error.clone()),
        }
    }

    /// Whether it can be written to as it is.
    pub(super) fn is_writable(&self) -> bool {
        !self.is_suspect() && matches!(&*lock(&self.state), State::Writable(_))
    }

    /// Closes what is open, and puts in place what `open` brings. Readers wait meanwhile.
    pub(super) fn replace(&self, open: impl FnOnce() -> State) {
        let mut state = lock(&self.state);
        // Closing releases the locks that opening takes.
        *state = State::Closed(StoreError::Stopped);
        *state = open();
        self.suspect.store(false, Ordering::Release);
    }

    /// Notes that something was read wrong or not at all.
    pub(super) fn suspect(&self) {
        self.suspect.store(true, Ordering::Release);
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Acquire)
    }
}
