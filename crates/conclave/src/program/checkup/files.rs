//! What lies in the home, and who else could look at it.

use std::fs;
use std::io;
use std::path::Path;

use super::super::event::Event;
use super::super::failure::Failure;
use super::super::home::{Home, check_private};
use super::Topic;

/// Folders in the home that are looked into.
const MAX_DEPTH: usize = 1;

/// Whether anybody else could read or change what is in the home.
pub(crate) fn permissions(folder: &Path) -> Vec<Event> {
    let mut found = Found::default();
    found.look_at(folder, 0);
    if found.lines.is_empty() {
        let what = format!("{} and all {} files in it are closed to others", folder.display(), found.files);
        found.lines.push(Topic::Permissions.ok(what));
    }
    found.lines
}

#[derive(Default)]
struct Found {
    files: usize,
    lines: Vec<Event>,
}

impl Found {
    fn look_at(&mut self, path: &Path, depth: usize) {
        // What a link leads to is not looked at: nothing in a home is one.
        let facts = match fs::symlink_metadata(path) {
            // A file that another process has just replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                return self.lines.push(Topic::Permissions.failed(&Failure::io("looking at", path, &error)));
            }
            Ok(facts) => facts,
        };
        if facts.is_symlink() {
            let what = format!("{} is a link to somewhere else", path.display());
            self.lines.push(Topic::Permissions.warning(what, "put the file itself there"));
            return;
        }
        if let Err(failure) = check_private(path, &facts) {
            self.lines.push(Topic::Permissions.failed(&failure));
        }
        if !facts.is_dir() {
            self.files += 1;
            return;
        }
        if depth > MAX_DEPTH {
            return;
        }
        match fs::read_dir(path) {
            Ok(entries) => entries.flatten().for_each(|entry| self.look_at(&entry.path(), depth + 1)),
            Err(error) => self.lines.push(Topic::Permissions.failed(&Failure::io("reading", path, &error))),
        }
    }
}

/// Whether the identity and the keys can be read, and how the identity is kept.
pub(crate) fn identity(home: &Home) -> Vec<Event> {
    let sealed = match home.identity_key().and_then(|_| home.is_sealed()) {
        Err(failure) => return vec![Topic::Identity.failed(&failure)],
        Ok(true) => Topic::Identity.ok("kept under a passphrase"),
        Ok(false) => Topic::Identity.ok(
            "kept without a passphrase: whoever reads the home, or a backup of it, is you (`conclave passphrase` sets one)",
        ),
    };
    let keys = match home.keys_as_they_are() {
        Ok(_) => Topic::Keys.ok("device key, record and door are there and belong together"),
        Err(failure) => Topic::Keys.failed(&failure),
    };
    vec![sealed, keys]
}
