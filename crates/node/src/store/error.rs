//! Why the store did not do what it was asked for.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::table::Table;

/// Why the store did not do what it was asked for. No key and no value stands in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Others than the owner may open the file: they may have read or changed what is in it.
    #[error("{} has mode {mode:03o}: others may have read or changed it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file belongs to another user, or is no plain file.
    #[error("{} is not a file of this user", path.display())]
    Foreign {
        /// What is not a file of this user.
        path: PathBuf,
    },
    /// Another process, or another store of this one, has the database open.
    #[error("another process has the store open")]
    InUse,
    /// What is in the file is not what this crate wrote.
    #[error("the store is damaged")]
    Damaged(#[source] Arc<dyn Error + Send + Sync>),
    /// A newer version of this program wrote it.
    #[error("a newer version wrote the store")]
    Newer,
    /// A value is not one of those that this version writes.
    #[error("a value of the table {} cannot be read", table.name())]
    Unreadable {
        /// The table that it is in.
        table: Table,
    },
    /// Something is not as the batch expects. Nothing has changed.
    #[error("the table {} has changed meanwhile", table.name())]
    Conflict {
        /// The table in which it is.
        table: Table,
    },
    /// Misuse: the batch is larger than any may be. Nothing has changed.
    #[error("the batch has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size, with [`OPERATION_BYTES`](super::OPERATION_BYTES) for each operation.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
    /// Misuse: the batch touches tables of both databases, which do not change together. Nothing has changed.
    #[error("a batch cannot touch both databases")]
    Mixed,
    /// There is no room on the disk. Reading goes on, and the next commit tries again.
    #[error("there is no room on the disk")]
    DiskFull {
        /// Whether the batch may be in the store all the same.
        maybe_kept: bool,
    },
    /// The storage failed. Reading goes on where it can, and the next commit tries again.
    #[error("the storage failed")]
    Failed {
        /// How.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
        /// Whether the batch may be in the store all the same.
        maybe_kept: bool,
    },
    /// The database was opened anew, or closed, under this operation. Nothing has changed.
    #[error("the database was opened anew meanwhile")]
    Interrupted,
    /// The thread that writes has ended.
    #[error("the store has stopped")]
    Stopped,
}

impl StoreError {
    /// Whether the same may succeed without anybody changing a configuration.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::InUse | Self::DiskFull { .. } | Self::Failed { .. } | Self::Interrupted)
    }

    /// Whether the batch may be in the store although it failed: the storage failed in the last step, and could not be
    /// asked since. It is in there as a whole or not at all.
    #[must_use]
    pub fn maybe_kept(&self) -> bool {
        matches!(self, Self::DiskFull { maybe_kept: true } | Self::Failed { maybe_kept: true, .. })
    }

    /// The same failure, with what was found out about the batch.
    pub(super) fn with_maybe_kept(self, maybe_kept: bool) -> Self {
        match self {
            Self::DiskFull { .. } => Self::DiskFull { maybe_kept },
            Self::Failed { source, .. } => Self::Failed { source, maybe_kept },
            // Found out before or after the last step, but it must not sound better than it is.
            other if maybe_kept => Self::Failed { source: Arc::new(other), maybe_kept },
            other => other,
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { maybe_kept: false }
            }
            // What redb says of a file that is not its own.
            io::ErrorKind::InvalidData => Self::Damaged(Arc::new(error)),
            _ => Self::Failed { source: Arc::new(error), maybe_kept: false },
        }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::from(error),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => Self::Interrupted,
            redb::Error::Corrupted(_) | redb::Error::RepairAborted => Self::Damaged(Arc::new(error)),
            redb::Error::UpgradeRequired(_) => Self::Newer,
            error => Self::Failed { source: Arc::new(error), maybe_kept: false },
        }
    }
}

/// Through redb's own sum of its errors.
macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::from(redb::Error::from(error))
            }
        }
    )*};
}

from_redb!(DatabaseError, TransactionError, TableError, StorageError, CommitError);
