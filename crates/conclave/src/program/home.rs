//! The home: one private folder with everything this node is and knows. The README says what each file is.

mod archive;
mod chats;
mod file;
mod identity;
mod keys;
mod roster;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use chats::KeptLine;
use directories::ProjectDirs;
pub(crate) use file::{check_private, quoted};
pub(crate) use identity::draw_identity;
pub(crate) use keys::{Founding, Keys, due_for_renewal};
pub(crate) use roster::{Roster, SharedRoster, member_line};

use super::failure::{Failure, Kind};

/// How long a command waits for another one to finish with the home before it gives up.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const LOCK_POLL: Duration = Duration::from_millis(50);

/// The longest path a Unix socket can have on the systems the program runs on (macOS: 104 with the final zero).
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// A folder that exists, belongs to the caller and is closed to everybody else.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    folder: PathBuf,
}

/// Proof that no other process uses the home; gives it back when dropped, even by a crash.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

impl Home {
    /// Where the home is: `--home` (or `CONCLAVE_HOME`), else the folder the system provides for such data.
    pub(crate) fn locate(chosen: Option<&Path>) -> Result<PathBuf, Failure> {
        let folder = match chosen {
            Some(folder) => folder.to_owned(),
            None => ProjectDirs::from("", "", "conclave")
                .map(|folders| folders.data_local_dir().to_owned())
                .ok_or_else(|| {
                    Failure::new(Kind::HomeMissing, "there is no home folder for this user")
                        .advice("say where it should be: `--home FOLDER` or the variable CONCLAVE_HOME")
                })?,
        };
        // Absolute, so that a socket path or an advice holds in another working directory too.
        std::path::absolute(&folder).map_err(|error| Failure::io("finding", &folder, &error))
    }

    /// Makes the folder, with mode 0700, or takes one that is already there and private.
    pub(crate) fn create(folder: &Path) -> Result<Home, Failure> {
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(|error| Failure::io("making", parent, &error))?;
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Failure::io("making", folder, &error))
            }
            _ => Home::open(folder),
        }
    }

    /// Opens a home that exists; refuses one that others can look into.
    pub(crate) fn open(folder: &Path) -> Result<Home, Failure> {
        let facts = match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(folder)),
            facts => facts.map_err(|error| Failure::io("opening", folder, &error))?,
        };
        if !facts.is_dir() {
            return Err(Failure::new(Kind::HomeMissing, format!("{} is not a folder", folder.display()))
                .advice("name another one with `--home FOLDER`"));
        }
        file::check_private(folder, &facts)?;
        Ok(Home { folder: folder.to_owned() })
    }

    /// The same without a look at it: for whoever looks at everything themselves.
    pub(crate) fn at(folder: &Path) -> Home {
        Home { folder: folder.to_owned() }
    }

    /// Whether there is a store, or what an earlier version had in its place.
    pub(crate) fn has_store(&self) -> bool {
        ["person.redb", "roster", "members.json"].iter().any(|name| self.folder.join(name).exists())
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The socket through which `conclave up` takes commands.
    pub(crate) fn socket(&self) -> Result<PathBuf, Failure> {
        let path = self.folder.join("up.sock");
        let bytes = path.as_os_str().len();
        if bytes > MAX_SOCKET_PATH_BYTES {
            return Err(Failure::new(Kind::Usage, format!("{} is too long for a socket", path.display()))
                .meaning(format!("it has {bytes} bytes, and the system takes {MAX_SOCKET_PATH_BYTES}"))
                .advice("use a home with a shorter path: `--home FOLDER`"));
        }
        Ok(path)
    }

    /// Takes the home for this process alone, if it is free.
    pub(crate) fn try_lock(&self) -> Result<Option<HomeLock>, Failure> {
        let path = self.folder.join("lock");
        let failed = |error: io::Error| Failure::io("locking", &path, &error);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(HomeLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Takes the home for this process alone, waiting a moment for another command to finish with it.
    pub(crate) fn lock(&self) -> Result<HomeLock, Failure> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(self.locked());
            }
            std::thread::sleep(LOCK_POLL);
        }
    }

    /// The failure of a command that found the home taken.
    pub(crate) fn locked(&self) -> Failure {
        Failure::new(Kind::HomeLocked, format!("another process is using {}", self.folder.display()))
            .meaning("a device key must never run twice at once, so only one command or `conclave up` may hold a home")
            .advice("wait until it is done")
            .advice("leave `conclave up` running: commands then go through it")
    }
}

fn missing(folder: &Path) -> Failure {
    Failure::new(Kind::HomeMissing, format!("there is no home at {}", folder.display()))
        .meaning("this node has no identity yet")
        .advice(format!("make one: `conclave --home {} init`", quoted(folder)))
        .advice("name the right one with `--home FOLDER` or CONCLAVE_HOME")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_new_home_is_private_and_an_open_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("deep/home");
        assert_eq!(Home::open(&folder).unwrap_err().kind, Kind::HomeMissing);
        Home::create(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
        for opened in [Home::open(&folder), Home::create(&folder)] {
            let failure = opened.unwrap_err();
            assert_eq!(failure.kind, Kind::HomeUnsafe);
            assert!(failure.advice[0].contains("chmod 700 "), "{failure}");
        }
    }

    #[test]
    fn only_one_holds_the_lock_and_dropping_gives_it_back() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        let held = home.try_lock().unwrap();
        assert!(held.is_some());
        assert!(home.try_lock().unwrap().is_none());
        drop(held);
        assert!(home.try_lock().unwrap().is_some());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_a_usage_error() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("h".repeat(120))).unwrap();
        assert_eq!(home.socket().unwrap_err().kind, Kind::Usage);
    }
}
