//! Files of the home: written whole or not at all, and read only when nobody else could have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::super::failure::{Failure, Kind};

/// No file of a home is larger: the longest list of members stays below it.
pub(crate) const MAX_HOME_FILE_BYTES: u64 = 128 * 1024 * 1024;

/// The bits of a mode that let anybody but the owner in.
const OTHERS: u32 = 0o077;

/// Replaces `path` by `contents`, with mode 0600: after a crash either the old or the new contents are there, whole.
///
/// The caller holds the lock of the home, so that one temporary name is enough.
pub(crate) fn save(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    replace(path, contents).map_err(|error| Failure::io("saving", path, &error))
}

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let mut temporary = std::ffi::OsString::from(".new-");
    temporary.push(name);
    let temporary = folder.join(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written =
        file.write_all(contents).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The old contents still stand; what is left of the new ones is of no use.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(folder)
}

/// Makes a creation, renaming or removal in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes `path` for good. Removing what is not there is no error.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    removed
        .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
        .map_err(|error| Failure::io("removing", path, &error))
}

/// Reads a file of the home, or `None` where it is missing. A file that others could read or change is refused.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let failed = |error: io::Error| Failure::io("reading", path, &error);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let facts = file.metadata().map_err(failed)?;
    check_private(path, &facts)?;
    if !facts.is_file() || facts.len() > MAX_HOME_FILE_BYTES {
        return Err(Failure::new(Kind::LocalIo, format!("{} is not a file of this program", path.display()))
            .meaning(format!("files of a home are plain files of at most {MAX_HOME_FILE_BYTES} bytes"))
            .advice("put back what was there, or make a new home with `conclave --home FOLDER init`"));
    }
    // Room for all of it from the start: a growing buffer would leave copies of a secret behind.
    let mut contents = Zeroizing::new(Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0) + 1));
    file.take(MAX_HOME_FILE_BYTES).read_to_end(&mut contents).map_err(failed)?;
    Ok(Some(contents))
}

/// Refuses what belongs to somebody else, or what others can read, and names the command that mends it.
pub(crate) fn check_private(path: &Path, facts: &fs::Metadata) -> Result<(), Failure> {
    let owner = rustix::process::geteuid().as_raw();
    if facts.uid() != owner {
        return Err(Failure::new(
            Kind::HomeUnsafe,
            format!("{} belongs to user {}, not to you (user {owner})", path.display(), facts.uid()),
        )
        .meaning("whoever owns it can read and replace your keys")
        .advice("use a home of your own: `conclave --home FOLDER init`"));
    }
    let mode = facts.mode() & 0o777;
    if mode & OTHERS != 0 {
        let wanted = if facts.is_dir() { "700" } else { "600" };
        return Err(Failure::new(Kind::HomeUnsafe, format!("{} has mode {mode:03o}", path.display()))
            .meaning("other users of this machine may have read your keys")
            .advice(format!("run `chmod {wanted} {}`, and make a new home if somebody did", quoted(path))));
    }
    Ok(())
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@".contains(letter);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_saved_file_is_private_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        save(&path, b"one").unwrap();
        save(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_slice(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn what_a_crash_left_behind_is_replaced_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, b"untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(".new-identity")).unwrap();
        save(&path, b"whole").unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"untouched");
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_failed_save_leaves_the_old_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        fs::create_dir(&path).unwrap();
        assert_eq!(save(&path, b"new").unwrap_err().kind, Kind::LocalIo);
        assert!(path.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_others_can_read_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a key");
        save(&path, b"secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.kind, Kind::HomeUnsafe);
        assert!(failure.advice[0].contains(&format!("chmod 600 '{}'", path.display())), "{failure}");
        assert!(!failure.to_string().contains("secret"));
    }

    #[test]
    fn a_missing_file_is_none_and_what_is_not_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        assert!(read(&path).unwrap().is_none());
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        assert_eq!(read(&path).unwrap_err().kind, Kind::LocalIo);
        let huge = folder.path().join("huge");
        save(&huge, b"").unwrap();
        File::options().write(true).open(&huge).unwrap().set_len(MAX_HOME_FILE_BYTES + 1).unwrap();
        assert_eq!(read(&huge).unwrap_err().kind, Kind::LocalIo);
    }
}
