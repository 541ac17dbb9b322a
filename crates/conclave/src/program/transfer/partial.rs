//! A file that is still arriving: hidden beside its place, hashed as it grows, named at the end.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use super::super::hex;
use super::content::RunningHash;
use super::limit::MemberTag;
use super::message::Refusal;
use super::name;

/// An unfinished file nobody asked for in this time is removed when `conclave up` starts.
pub(crate) const PARTIAL_LIFETIME: Duration = Duration::from_secs(14 * 24 * 3600);

const PREFIX: &str = ".conclave-";
const SUFFIX: &str = ".partial";

/// The name of an unfinished file: the same sender, file name and size find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartialName {
    pub(crate) member: MemberTag,
    pub(crate) key: [u8; 16],
}

impl PartialName {
    pub(crate) fn new(identity: &[u8; 32], file_name: &str, file_bytes: u64) -> PartialName {
        let mut member = RunningHash::new();
        member.update(identity);
        let mut key = member.clone();
        key.update(&file_bytes.to_le_bytes());
        key.update(file_name.as_bytes());
        PartialName { member: first(member.so_far().as_bytes()), key: first(key.so_far().as_bytes()) }
    }

    fn file_name(&self) -> String {
        format!("{PREFIX}{}-{}{SUFFIX}", hex::encode(&self.member), hex::encode(&self.key))
    }

    fn parse(file_name: &str) -> Option<PartialName> {
        let (member, key) = file_name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
        Some(PartialName { member: hex::decode(member)?, key: hex::decode(key)? })
    }
}

fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(hash).for_each(|(byte, of_hash)| *byte = *of_hash);
    bytes
}

/// The unfinished files of a folder with their sizes; those nobody will ask for any more are removed.
pub(crate) fn scan(folder: &Path, now: SystemTime) -> io::Result<Vec<(PartialName, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(PartialName::parse) else { continue };
        let facts = entry.metadata()?;
        let age = now.duration_since(facts.modified()?).unwrap_or_default();
        if age > PARTIAL_LIFETIME || facts.len() == 0 {
            fs::remove_file(entry.path())?;
        } else {
            found.push((name, facts.len()));
        }
    }
    // Oldest first would need another look at the disk; by name is at least the same every time.
    found.sort_unstable();
    Ok(found)
}

/// Removes an unfinished file.
pub(crate) fn remove(folder: &Path, name: PartialName) -> io::Result<()> {
    fs::remove_file(folder.join(name.file_name()))
}

/// An unfinished file in the hands of this process.
pub(crate) struct Partial {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    hash: RunningHash,
}

impl Partial {
    /// Opens the unfinished file of that name, or begins one; `None` while somebody else has it.
    pub(crate) fn open(folder: &Path, name: PartialName) -> io::Result<Option<Partial>> {
        let path = folder.join(name.file_name());
        let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
        let file = options.open(&path)?;
        // A file system without locks does not stop a transfer: the hash would show two writers.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !is_at(&file, &path)? {
            return Ok(None);
        }
        Ok(Some(Partial { folder: folder.to_owned(), path, file, hash: RunningHash::new() }))
    }

    /// Hashes what is there already, so that writing goes on behind it. More than `most` bytes are none.
    pub(crate) fn take_stock(&mut self, most: u64) -> io::Result<()> {
        let there = self.file.metadata()?.len();
        if there > most {
            return self.start_over();
        }
        self.hash = RunningHash::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.hash.read(&mut self.file, there)?;
        self.file.seek(SeekFrom::Start(self.hash.bytes())).map(drop)
    }

    /// What is there: its size and its hash.
    pub(crate) fn hash(&self) -> &RunningHash {
        &self.hash
    }

    /// Throws away what is there.
    pub(crate) fn start_over(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hash = RunningHash::new();
        Ok(())
    }

    /// Adds the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        Ok(())
    }

    /// Stops for now. The size of what stays on the disk; an empty file does not stay.
    pub(crate) fn rest(self) -> io::Result<u64> {
        let bytes = self.file.metadata()?.len();
        match bytes {
            0 => fs::remove_file(&self.path)?,
            _ => self.file.sync_all()?,
        }
        Ok(bytes)
    }

    /// Makes the content durable and gives the file the first free name; returns that name.
    ///
    /// `Ok(None)`: all numbered names are taken.
    pub(crate) fn finish(self, wanted: &str) -> io::Result<Option<String>> {
        self.file.sync_all()?;
        for candidate in name::candidates(wanted) {
            match rename_to_free(&self.path, &self.folder.join(&candidate)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                renamed => {
                    renamed?;
                    File::open(&self.folder)?.sync_all()?;
                    return Ok(Some(candidate));
                }
            }
        }
        Ok(None)
    }
}

/// Whether the file is still the one at its path: whoever held it before may have named or removed it just now.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames without ever replacing a file, in one step of the file system.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // This file system cannot; a second name for the file is as safe.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        renamed => return renamed.map_err(io::Error::from),
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// What the sender hears about trouble with this disk.
pub(crate) fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Refusal::NotPermitted,
        _ => Refusal::DiskFailed,
    }
}

/// Bytes that an ordinary user can still write below this folder, where the system says.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    facts.f_bavail.checked_mul(facts.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: PartialName = PartialName { member: [1; 8], key: [2; 16] };

    fn open(folder: &Path) -> Partial {
        let mut partial = Partial::open(folder, NAME).unwrap().unwrap();
        partial.take_stock(1_000).unwrap();
        partial
    }

    #[test]
    fn what_rests_is_found_and_hashed_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = open(folder.path());
        partial.write(b"first ").unwrap();
        let hash = partial.hash().so_far();
        assert_eq!(partial.rest().unwrap(), 6);
        assert_eq!(scan(folder.path(), SystemTime::now()).unwrap(), [(NAME, 6)]);

        let mut partial = open(folder.path());
        assert_eq!((partial.hash().bytes(), partial.hash().so_far()), (6, hash));
        partial.write(b"second").unwrap();
        assert_eq!(partial.finish("a.txt").unwrap().unwrap(), "a.txt");
        assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"first second");
        assert_eq!(fs::metadata(folder.path().join("a.txt")).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_that_exists_is_ever_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), b"mine").unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.path().join("a (1).txt")).unwrap();
        fs::create_dir(folder.path().join("a (2).txt")).unwrap();
        let mut partial = open(folder.path());
        partial.write(b"theirs").unwrap();
        assert_eq!(partial.finish("a.txt").unwrap().unwrap(), "a (3).txt");
        assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"mine");
        assert_eq!(fs::read(folder.path().join("a (3).txt")).unwrap(), b"theirs");
    }

    #[test]
    fn two_writers_of_one_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path());
        assert!(Partial::open(folder.path(), NAME).unwrap().is_none());
        assert_eq!(first.rest().unwrap(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an empty one does not stay");
    }

    #[test]
    fn more_than_the_whole_file_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = open(folder.path());
        partial.write(&[0; 100]).unwrap();
        partial.take_stock(99).unwrap();
        assert_eq!(partial.hash().bytes(), 0);
        partial.write(b"ab").unwrap();
        partial.start_over().unwrap();
        partial.write(b"c").unwrap();
        assert_eq!(partial.finish("c").unwrap().unwrap(), "c");
        assert_eq!(fs::read(folder.path().join("c")).unwrap(), b"c");
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, b"untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(NAME.file_name())).unwrap();
        assert!(Partial::open(folder.path(), NAME).is_err());
    }

    #[test]
    fn old_and_empty_ones_are_removed_and_other_files_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME.file_name()), b"old").unwrap();
        fs::write(folder.path().join(".conclave-x.partial"), b"not ours").unwrap();
        fs::write(folder.path().join(PartialName { key: [3; 16], ..NAME }.file_name()), b"").unwrap();
        let later = SystemTime::now() + PARTIAL_LIFETIME + Duration::from_secs(60);
        assert_eq!(scan(folder.path(), later).unwrap(), []);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_name_depends_on_sender_name_and_size() {
        let one = PartialName::new(&[1; 32], "a", 7);
        assert_eq!(PartialName::parse(&one.file_name()), Some(one));
        assert_eq!(one, PartialName::new(&[1; 32], "a", 7));
        for other in [
            PartialName::new(&[2; 32], "a", 7),
            PartialName::new(&[1; 32], "b", 7),
            PartialName::new(&[1; 32], "a", 8),
        ] {
            assert_ne!(one.key, other.key);
        }
        assert_eq!(one.member, PartialName::new(&[1; 32], "b", 9).member);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_apart_from_other_trouble() {
        let full = File::options().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
        assert_eq!(refusal(&full), Refusal::DiskFull);
        assert_eq!(refusal(&io::Error::from(io::ErrorKind::PermissionDenied)), Refusal::NotPermitted);
        assert_eq!(refusal(&io::Error::other("?")), Refusal::DiskFailed);
        assert!(free_bytes(Path::new("/")).is_some() && free_bytes(Path::new("/no such folder")).is_none());
    }
}
