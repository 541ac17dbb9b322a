//! What a node keeps on a disk: an embedded store of two databases.
//!
//! The **person's** database, `person.redb`, holds what belongs to the person: what members have signed, cards, names,
//! tickets, doors, counters, what went wrong. Only its owner may read it; looser permissions are refused. The
//! **machine's**, `machine.redb`, holds where devices were found: no secret, and nothing derived from one.
//!
//! ```text
//!   Batch ──commit──> queue ──> one thread ──> one transaction for all that wait ──> durable ──> one outcome each
//!   Snapshot <──────────────────────────────── what is durable
//! ```
//!
//! * **Acknowledged is durable.** A [`commit`](Store::commit) that succeeds survives a power cut; one that fails has
//!   changed nothing, but for the one case in which nobody can know, [`StoreError::maybe_kept`].
//! * **Writes are grouped.** Whatever waits while the disk works goes into the next transaction together: a thousand
//!   commits at once wait for the disk a few times, not a thousand.
//! * **Failures pass.** After a failed operation the transaction is given up and the database opened anew. When a full
//!   disk does not even allow that, what is durable can still be read, and each further commit tries again.
//! * **A batch is all or nothing**, and may [`expect`](Batch::expect) that what it builds upon has not changed: of a
//!   thousand who redeem one ticket at once, one succeeds.
//!
//! What is in the tables, byte by byte, is in section 3.10 of `docs/PROTOCOL.md`. Each kind of thing has its own few
//! methods on [`Batch`], [`Snapshot`] and [`Store`].
//!
//! ```
//! use node::store::{Batch, Store, StoreError};
//!
//! # fn main() -> Result<(), StoreError> {
//! let store = Store::in_memory()?; // Store::open(folder)? for one that stays
//! let mut batch = Batch::new();
//! batch.put_ticket(&[7; 16], b"opaque");
//! store.commit_blocking(batch)?; // .commit(batch).await in a task
//! assert_eq!(store.snapshot().ticket(&[7; 16])?.as_deref(), Some(&b"opaque".to_vec()));
//! # Ok(())
//! # }
//! ```

mod addresses;
mod backend;
mod batch;
mod causes;
mod counters;
mod database;
mod directory;
mod doors;
mod error;
mod introductions;
mod medium;
mod opening;
mod scribe;
mod snapshot;
mod table;
mod tickets;
mod value;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use addresses::MAX_KEPT_ADDRESSES;
pub use batch::{Batch, MAX_BATCH_BYTES, OPERATION_BYTES};
pub use causes::{KeptCause, MAX_KEPT_CAUSES, MAX_KEPT_TEXT_BYTES};
pub use doors::{DOOR_OVERLAP_SECONDS, KeptDoor, KeptDoors, MAX_PREVIOUS_DOORS};
pub use error::StoreError;
pub use medium::Medium;
pub use redb::StorageBackend;
pub use snapshot::{Entries, Entry, Items, Snapshot};
pub use table::Table;

use medium::{Folder, Memory};
use table::Home;
use writer::{Writer, block_on};

/// What a node keeps. Cheap to clone.
///
/// Dropping the last clone waits until what was handed over is written, and releases the files. Snapshots end with it.
#[derive(Clone)]
pub struct Store {
    databases: Arc<Databases>,
}

struct Databases {
    person: Writer,
    machine: Writer,
}

impl Store {
    /// Opens the store in a folder, or makes it. Waits for the disk: every page is verified.
    ///
    /// The folder is made with mode 0700 if it is not there, the files with 0600.
    ///
    /// # Errors
    /// [`StoreError`], among them [`InUse`](StoreError::InUse) while another process has it open,
    /// [`Exposed`](StoreError::Exposed) if others may read `person.redb` or change `machine.redb`.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = Folder::open(folder)?;
        Self::on(folder.medium(Home::Person), folder.medium(Home::Machine))
    }

    /// A store that is gone when its last clone is.
    ///
    /// # Errors
    /// [`StoreError`], if there is no thread to be had.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::on(Memory::default(), Memory::default())
    }

    /// A store whose databases are kept somewhere else.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn on(person: impl Medium, machine: impl Medium) -> Result<Self, StoreError> {
        let person = Writer::start(Home::Person, Box::new(person))?;
        let machine = Writer::start(Home::Machine, Box::new(machine))?;
        Ok(Self { databases: Arc::new(Databases { person, machine }) })
    }

    /// As [`on`](Self::on), written to by whoever commits and at once: see [`simulation`](crate::simulation).
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg(feature = "simulation")]
    pub fn simulated(person: impl Medium, machine: impl Medium) -> Result<Self, StoreError> {
        let person = Writer::without_thread(Home::Person, Box::new(person))?;
        let machine = Writer::without_thread(Home::Machine, Box::new(machine))?;
        Ok(Self { databases: Arc::new(Databases { person, machine }) })
    }

    /// Does all that is in a batch, or nothing; resolves when it is durable.
    ///
    /// Cancelled: the batch is written as if waited for, or not at all.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing has changed then, unless [`maybe_kept`](StoreError::maybe_kept).
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let writer = match batch.home()? {
            Home::Person => &self.databases.person,
            Home::Machine => &self.databases.machine,
        };
        writer.commit(batch).await
    }

    /// [`commit`](Self::commit) for those who may wait: it blocks the thread.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        block_on(self.commit(batch))
    }

    /// Everything that is durable now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.databases.person, &self.databases.machine)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
