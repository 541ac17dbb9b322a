//! What was said with each member: a file of JSON lines each, in the folder `chats`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use membership::IdentityKey;
use serde::{Deserialize, Serialize};

use super::super::event::Speaker;
use super::super::failure::Failure;
use super::super::hex;
use super::{Home, file};

/// What is kept of the talk with one member; beyond it the older half goes.
const MAX_CHAT_BYTES: u64 = 1024 * 1024;

/// One line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptLine {
    /// Seconds since 1970.
    pub(crate) at: u64,
    pub(crate) speaker: Speaker,
    pub(crate) text: String,
    /// Whether it is known to have arrived in the mailbox of the other side.
    pub(crate) delivered: bool,
}

/// The lines of one member. Whoever changes it holds the lock of the home.
#[derive(Debug, Clone)]
pub(crate) struct ChatFile {
    path: PathBuf,
}

impl Home {
    /// What was said with a member.
    pub(crate) fn chat(&self, member: &IdentityKey) -> ChatFile {
        ChatFile { path: self.path("chats").join(hex::encode(member.as_bytes())) }
    }
}

impl ChatFile {
    /// The last lines, the latest last. A line that was cut by a crash is passed over.
    pub(crate) fn last(&self, count: usize) -> Result<Vec<KeptLine>, Failure> {
        let Some(bytes) = file::read(&self.path)? else { return Ok(Vec::new()) };
        let lines = bytes.rsplit(|&byte| byte == b'\n');
        let mut last: Vec<KeptLine> =
            lines.filter_map(|line| serde_json::from_slice(line).ok()).take(count).collect();
        last.reverse();
        Ok(last)
    }

    /// Adds a line. When this returns it is on the disk; a crash on the way loses no other one.
    pub(crate) fn append(&self, line: &KeptLine) -> Result<(), Failure> {
        self.make_folder()?;
        let failed = |error: io::Error| Failure::io("writing", &self.path, &error);
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path);
        let mut file = opened.map_err(failed)?;
        file::check_private(&self.path, &file.metadata().map_err(failed)?)?;
        let bytes = write(&mut file, line).map_err(failed)?;
        if bytes > MAX_CHAT_BYTES { self.shorten() } else { Ok(()) }
    }

    fn make_folder(&self) -> Result<(), Failure> {
        let Some(folder) = self.path.parent() else { return Ok(()) };
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Failure::io("making", folder, &error));
            }
            _ => {}
        }
        let facts = fs::metadata(folder).map_err(|error| Failure::io("opening", folder, &error))?;
        file::check_private(folder, &facts)
    }

    fn shorten(&self) -> Result<(), Failure> {
        let Some(bytes) = file::read(&self.path)? else { return Ok(()) };
        let newer = bytes.get(bytes.len() / 2..).unwrap_or_default();
        let start = newer.iter().position(|&byte| byte == b'\n').map_or(newer.len(), |end| end + 1);
        file::save(&self.path, newer.get(start..).unwrap_or_default())
    }
}

/// Adds a line to an open file; returns how long it is now.
fn write(file: &mut File, line: &KeptLine) -> io::Result<u64> {
    let mut bytes = Vec::new();
    if file.metadata()?.len() > 0 {
        let mut end = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut end)?;
        if end != *b"\n" {
            // A line that a crash has cut: what is added now must not be lost with it.
            bytes.push(b'\n');
        }
    }
    serde_json::to_writer(&mut bytes, line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)?;
    file.sync_data()?;
    Ok(file.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::super::super::failure::Kind;
    use super::*;

    fn line(at: u64) -> KeptLine {
        KeptLine { at, speaker: Speaker::Us, text: format!("line\n{at}"), delivered: true }
    }

    fn chat() -> (tempfile::TempDir, ChatFile) {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        (root, home.chat(&IdentityKey([0xab; 32])))
    }

    #[test]
    fn lines_are_private_and_come_back_in_order() {
        let (_root, chat) = chat();
        assert_eq!(chat.last(10).unwrap(), []);
        (1..=5).for_each(|at| chat.append(&line(at)).unwrap());
        assert_eq!(chat.last(2).unwrap(), [line(4), line(5)]);
        assert_eq!(chat.last(10).unwrap().len(), 5);
        assert_eq!(chat.last(0).unwrap(), []);
        assert_eq!(fs::metadata(&chat.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(chat.path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_line_cut_by_a_crash_takes_no_other_with_it() {
        let (_root, chat) = chat();
        chat.append(&line(1)).unwrap();
        chat.append(&line(2)).unwrap();
        let whole = fs::read(&chat.path).unwrap();
        for cut in 1..whole.len() / 2 {
            fs::write(&chat.path, &whole[..whole.len() - cut]).unwrap();
            chat.append(&line(3)).unwrap();
            let last = chat.last(10).unwrap();
            // Without its end alone a line is still whole.
            assert_eq!(last.len(), if cut == 1 { 3 } else { 2 }, "{cut}");
            assert_eq!((&last[0], last.last().unwrap()), (&line(1), &line(3)));
        }
    }

    #[test]
    fn the_older_half_goes_when_there_is_too_much() {
        let (_root, chat) = chat();
        let long = |at| KeptLine { text: "x".repeat(100_000), ..line(at) };
        for at in 1..=25 {
            chat.append(&long(at)).unwrap();
            assert!(fs::metadata(&chat.path).unwrap().len() <= MAX_CHAT_BYTES);
        }
        let last = chat.last(100).unwrap();
        assert!((3..11).contains(&last.len()), "{}", last.len());
        assert_eq!(last.last().unwrap(), &long(25));
        assert!(last.windows(2).all(|pair| pair[0].at + 1 == pair[1].at));
        assert_eq!(fs::metadata(&chat.path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_others_can_read_is_refused() {
        let (_root, chat) = chat();
        chat.append(&line(1)).unwrap();
        fs::set_permissions(chat.path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(chat.append(&line(2)).unwrap_err().kind, Kind::HomeUnsafe);
        fs::set_permissions(chat.path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(&chat.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(chat.append(&line(2)).unwrap_err().kind, Kind::HomeUnsafe);
        assert_eq!(chat.last(1).unwrap_err().kind, Kind::HomeUnsafe);
    }
}
