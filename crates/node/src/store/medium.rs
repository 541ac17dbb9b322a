//! Where a database is kept.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use redb::backends::FileBackend;
use rustix::fs::OFlags;

use super::error::StoreError;
use super::table::Home;
use crate::sync::lock;

/// Whoever holds the lock of this file has both databases.
const LOCK_FILE: &str = "store.lock";

/// Where a database is kept. A store opens it at the start, and anew after a failure: what was written before must be
/// there again then. Tests implement this to break what is under a store.
pub trait Medium: Send + 'static {
    /// Opens it. The one opened before has been closed.
    ///
    /// # Errors
    /// [`StoreError`]; one of `std::io` becomes the fitting kind.
    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError>;
}

impl<F> Medium for F
where
    F: Fn() -> Result<Box<dyn StorageBackend>, StoreError> + Send + 'static,
{
    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError> {
        self()
    }
}

/// A folder, and the right to the databases in it.
pub(super) struct Folder {
    path: PathBuf,
    lock: Arc<File>,
}

/// One database in a file of a folder.
struct InFolder {
    path: PathBuf,
    home: Home,
    /// Held for as long as the database may be opened: redb's own lock is open to others while a file is opened anew.
    _lock: Arc<File>,
}

impl Folder {
    /// Opens a folder, or makes it, and takes the lock in it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let lock = open_private(&path.join(LOCK_FILE), OTHERS)?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => StoreError::InUse,
            std::fs::TryLockError::Error(error) => error.into(),
        })?;
        Ok(Self { path: path.to_owned(), lock: Arc::new(lock) })
    }

    /// The database of this folder that holds what belongs to `home`.
    pub(super) fn medium(&self, home: Home) -> impl Medium {
        let name = match home {
            Home::Person => "person.redb",
            Home::Machine => "machine.redb",
        };
        InFolder { path: self.path.join(name), home, _lock: Arc::clone(&self.lock) }
    }
}

impl Medium for InFolder {
    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError> {
        let forbidden = match self.home {
            Home::Person => OTHERS,
            Home::Machine => OTHERS_WRITE,
        };
        let file = open_private(&self.path, forbidden)?;
        if let Some(folder) = self.path.parent() {
            // A file that was just made is there after a power cut only when its folder says so.
            File::open(folder)?.sync_all()?;
        }
        let backend = FileBackend::new(file).map_err(redb::Error::from)?;
        Ok(Box::new(backend))
    }
}

/// The bits of a mode that let anybody but the owner in.
const OTHERS: u32 = 0o077;
/// Those that let anybody but the owner change it.
const OTHERS_WRITE: u32 = 0o022;

/// Opens a file, or makes it with mode 0600; refuses one that somebody else owns or that `forbidden` bits open.
fn open_private(path: &Path, forbidden: u32) -> Result<File, StoreError> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() || facts.uid() != rustix::process::geteuid().as_raw() {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let mode = facts.mode() & 0o777;
    if mode & forbidden != 0 {
        return Err(StoreError::Exposed { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// A database in memory: gone with its store, but not with a failure.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Medium for Memory {
    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

impl Memory {
    /// Works on the bytes from `offset` on, `length` of them.
    fn with<T>(&self, offset: u64, length: usize, work: impl FnOnce(&mut [u8]) -> T) -> io::Result<T> {
        let mut bytes = lock(&self.bytes);
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(length)?));
        let part = range.and_then(|range| bytes.get_mut(range));
        part.map(work).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        u64::try_from(lock(&self.bytes).len()).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(offset, out.len(), |part| out.copy_from_slice(part))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        lock(&self.bytes).resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(offset, data.len(), |part| part.copy_from_slice(data))
    }
}
