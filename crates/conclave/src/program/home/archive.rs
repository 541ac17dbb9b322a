//! The store of a home: who said what about whom, tickets, counters, doors, and what went wrong.

use std::path::Path;
use std::time::Instant;

use node::store::{Store, StoreError};

use super::super::failure::{Failure, Kind};
use super::{Home, HomeLock, LOCK_PATIENCE, LOCK_POLL, file};

/// What versions before the store kept of members.
const OLD_FILES: [&str; 2] = ["roster", "members.json"];

impl Home {
    /// Opens the store, or makes it. One process has it at a time: the one that holds the lock of the home.
    pub(crate) fn store(&self, _lock: &HomeLock) -> Result<Store, Failure> {
        self.check_version()?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match Store::open(self.folder()) {
                // The process that had the home before is not quite gone.
                Err(StoreError::InUse) if Instant::now() < deadline => std::thread::sleep(LOCK_POLL),
                opened => return opened.map_err(|error| self.unopened(&error)),
            }
        }
    }

    /// What an earlier version kept is not read, and is not passed over either: revocations stand in it.
    fn check_version(&self) -> Result<(), Failure> {
        let old = OLD_FILES.map(|name| self.path(name)).into_iter().find(|path| path.exists());
        let Some(old) = old else { return Ok(()) };
        let old = file::quoted(&old);
        Err(Failure::new(Kind::LocalIo, format!("{old} is of an earlier version of this program"))
            .meaning("who is a member, and who is kept out, stands in it, and this version does not read it")
            .advice("take the version that wrote it")
            .advice(format!(
                "begin with your identity and without members: `mv {old} {old}.old`, and exchange tickets or cards anew"
            )))
    }

    /// The store did not open, or cannot be read.
    pub(crate) fn unopened(&self, error: &StoreError) -> Failure {
        match error {
            StoreError::InUse => self.locked(),
            StoreError::Exposed { path, mode } => {
                Failure::new(Kind::HomeUnsafe, format!("{} has mode {mode:03o}", path.display()))
                    .meaning("other users of this machine may have read or changed what is in it")
                    .advice(format!(
                        "run `chmod 600 {}`, and make a new home if somebody did",
                        file::quoted(path)
                    ))
            }
            StoreError::Foreign { path } => {
                Failure::new(Kind::HomeUnsafe, format!("{} is not a file of yours", path.display()))
                    .meaning("somebody else could read and replace it, or it points elsewhere")
                    .advice("use a home of your own: `conclave --home FOLDER init`")
            }
            StoreError::Newer => {
                Failure::new(Kind::LocalIo, "a newer version of this program wrote the store of this home")
                    .advice("use that version")
            }
            StoreError::Damaged(_) | StoreError::Unreadable { .. } => damaged(self.folder(), error),
            StoreError::DiskFull { .. } => {
                Failure::new(Kind::LocalIo, "the disk of the home is full").advice("make room, and try again")
            }
            other => Failure::new(Kind::LocalIo, format!("the store of this home: {}", chain(other)))
                .advice("look at the disk of the home, and try again"),
        }
    }
}

/// What is in the store is not what this program wrote.
pub(super) fn damaged(folder: &Path, error: &dyn std::error::Error) -> Failure {
    let person = file::quoted(&folder.join("person.redb"));
    Failure::new(Kind::LocalIo, format!("the store of this home cannot be read: {}", chain(error)))
        .meaning("`person.redb` or `machine.redb` is damaged; the identity and the device are in files of their own")
        .advice("restore the two files from your backup")
        .advice(format!(
            "begin with your identity and without members: `mv {person} {person}.damaged`, and come back in by a ticket"
        ))
}

/// What an error says, and what those behind it add.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn home() -> (tempfile::TempDir, Home, HomeLock) {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        let lock = home.lock().unwrap();
        (root, home, lock)
    }

    #[test]
    fn the_store_is_private_and_one_that_is_not_is_refused() {
        let (_root, home, lock) = home();
        drop(home.store(&lock).unwrap());
        for name in ["person.redb", "machine.redb", "store.lock"] {
            let mode = fs::metadata(home.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let person = home.path("person.redb");
        fs::set_permissions(&person, fs::Permissions::from_mode(0o640)).unwrap();
        let failure = home.store(&lock).unwrap_err();
        assert_eq!(failure.kind, Kind::HomeUnsafe);
        assert!(failure.advice[0].contains("chmod 600 "), "{failure}");
    }

    #[test]
    fn what_an_earlier_version_kept_is_neither_read_nor_passed_over() {
        for name in OLD_FILES {
            let (_root, home, lock) = home();
            file::save(&home.path(name), b"conclave roster 1").unwrap();
            let failure = home.store(&lock).unwrap_err();
            assert_eq!(failure.kind, Kind::LocalIo);
            assert!(failure.advice[1].contains("mv "), "{failure}");
            assert!(!home.path("person.redb").exists());
        }
    }

    #[test]
    fn a_damaged_store_is_told_and_kept() {
        let (_root, home, lock) = home();
        drop(home.store(&lock).unwrap());
        let person = home.path("person.redb");
        let bytes: Vec<u8> = fs::read(&person).unwrap().iter().map(|byte| !byte).collect();
        fs::write(&person, &bytes).unwrap();
        let failure = home.store(&lock).unwrap_err();
        assert_eq!(failure.kind, Kind::LocalIo);
        assert!(failure.to_string().contains("damaged"), "{failure}");
        assert_eq!(fs::read(&person).unwrap(), bytes);
    }
}
