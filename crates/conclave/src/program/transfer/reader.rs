//! The disk side of sending: one file, read and hashed once from where the receiver wants to go on.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::failure::{Failure, Kind};
use super::content::{ContentHash, READ_BYTES, RunningHash};
use super::message::TransferId;
use super::segment::{SEGMENT_BYTES, SegmentHeader};

/// Pieces between the disk and the network.
pub(crate) const QUEUE_PIECES: usize = 8;

/// A file as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    file: File,
    facts: Metadata,
}

/// What the reading thread hands over, in this order: for each segment its header, its content, the hash up to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Header(SegmentHeader),
    Content(Bytes),
    Hash(ContentHash),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Source, Failure> {
        let failed = |error: io::Error| Failure::io("reading", path, &error);
        let file = File::open(path).map_err(failed)?;
        let facts = file.metadata().map_err(failed)?;
        if !facts.is_file() {
            return Err(Failure::new(Kind::Usage, format!("{} is not a file", path.display()))
                .advice("send files one by one; put a folder into an archive first"));
        }
        Ok(Source { path: path.to_owned(), file, facts })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.facts.len()
    }

    /// The hash of all of it.
    pub(crate) fn hash(&mut self) -> Result<ContentHash, Failure> {
        let mut hash = RunningHash::new();
        let read = self.file.seek(SeekFrom::Start(0)).and_then(|_| hash.read(&mut self.file, u64::MAX));
        read.map_err(|error| Failure::io("reading", &self.path, &error))?;
        Ok(hash.so_far())
    }

    /// Where to go on: behind the first `offset` bytes if they hash to `prefix`, else at the start.
    pub(crate) fn resume(&mut self, offset: u64, prefix: ContentHash) -> Result<RunningHash, Failure> {
        let mut hash = RunningHash::new();
        if offset > 0 && offset <= self.bytes() {
            let read = self.file.seek(SeekFrom::Start(0)).and_then(|_| hash.read(&mut self.file, offset));
            read.map_err(|error| Failure::io("reading", &self.path, &error))?;
        }
        let same = hash.bytes() == offset && hash.so_far() == prefix;
        Ok(if same { hash } else { RunningHash::new() })
    }

    /// Reads everything behind `hash` and hands it over in segments. Ends early when nobody takes the pieces.
    pub(crate) fn read(
        mut self,
        transfer: TransferId,
        mut hash: RunningHash,
        queue: &mpsc::Sender<Piece>,
    ) -> Result<(), Failure> {
        let failed = |path: &Path, error: io::Error| Failure::io("reading", path, &error);
        self.file.seek(SeekFrom::Start(hash.bytes())).map_err(|error| failed(&self.path, error))?;
        loop {
            let offset = hash.bytes();
            let length = (self.bytes() - offset).min(SEGMENT_BYTES);
            if queue.blocking_send(Piece::Header(SegmentHeader { transfer, offset, length })).is_err() {
                return Ok(());
            }
            while hash.bytes() < offset + length {
                let left = usize::try_from(offset + length - hash.bytes()).unwrap_or(READ_BYTES);
                let mut piece = vec![0; left.min(READ_BYTES)];
                self.file.read_exact(&mut piece).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => self.changed(),
                    _ => failed(&self.path, error),
                })?;
                hash.update(&piece);
                if queue.blocking_send(Piece::Content(piece.into())).is_err() {
                    return Ok(());
                }
            }
            let last = hash.bytes() == self.bytes();
            if last {
                self.check_unchanged()?;
            }
            if queue.blocking_send(Piece::Hash(hash.so_far())).is_err() || last {
                return Ok(());
            }
        }
    }

    /// A file that changed while it was read is not sent: half of it would be old and half new.
    fn check_unchanged(&self) -> Result<(), Failure> {
        let now = self.file.metadata().map_err(|error| Failure::io("reading", &self.path, &error))?;
        let same = now.len() == self.facts.len() && now.modified().ok() == self.facts.modified().ok();
        if same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> Failure {
        Failure::new(Kind::LocalIo, format!("{} changed while it was being sent", self.path.display()))
            .meaning("what the receiver has so far would be a mixture, so it was not finished")
            .advice("send it again when nothing writes to it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: TransferId = TransferId::from_bytes([9; 16]);

    fn source(contents: &[u8]) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, contents).unwrap();
        let source = Source::open(&path).unwrap();
        (folder, source)
    }

    fn hash(bytes: &[u8]) -> RunningHash {
        let mut hash = RunningHash::new();
        hash.update(bytes);
        hash
    }

    fn pieces(source: Source, from: RunningHash) -> (Result<(), Failure>, Vec<Piece>) {
        let (sender, mut receiver) = mpsc::channel(1_000);
        let result = source.read(ID, from, &sender);
        drop(sender);
        (result, std::iter::from_fn(|| receiver.try_recv().ok()).collect())
    }

    #[test]
    fn going_on_needs_the_same_beginning() {
        let (_folder, mut source) = source(b"0123456789");
        assert_eq!(source.resume(4, hash(b"0123").so_far()).unwrap().bytes(), 4);
        assert_eq!(source.resume(10, hash(b"0123456789").so_far()).unwrap().bytes(), 10);
        assert_eq!(source.resume(0, hash(b"").so_far()).unwrap().bytes(), 0);
        assert_eq!(
            source.resume(4, hash(b"0124").so_far()).unwrap().bytes(),
            0,
            "a changed file starts over"
        );
        assert_eq!(source.resume(11, hash(b"0123456789").so_far()).unwrap().bytes(), 0, "beyond the end");
        assert_eq!(source.resume(u64::MAX, hash(b"").so_far()).unwrap().bytes(), 0);
    }

    #[test]
    fn what_is_read_is_the_rest_with_the_hash_of_all() {
        let (_folder, source) = source(b"0123456789");
        let (result, pieces) = pieces(source, hash(b"0123"));
        result.unwrap();
        let header = SegmentHeader { transfer: ID, offset: 4, length: 6 };
        let expected = [
            Piece::Header(header),
            Piece::Content(Bytes::from_static(b"456789")),
            Piece::Hash(hash(b"0123456789").so_far()),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn an_empty_file_is_one_empty_segment_and_so_is_a_finished_one() {
        for (contents, done) in [(&b""[..], &b""[..]), (b"all", b"all")] {
            let (_folder, source) = source(contents);
            let (result, pieces) = pieces(source, hash(done));
            result.unwrap();
            let offset = u64::try_from(done.len()).unwrap();
            let header = SegmentHeader { transfer: ID, offset, length: 0 };
            assert_eq!(pieces, [Piece::Header(header), Piece::Hash(hash(contents).so_far())]);
        }
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_not_finished() {
        for new in [&b"01234"[..], b"0123456789ab"] {
            let (folder, source) = source(b"0123456789");
            std::fs::write(folder.path().join("file"), new).unwrap();
            let (result, pieces) = pieces(source, hash(b""));
            assert_eq!(result.unwrap_err().kind, Kind::LocalIo);
            assert!(!pieces.iter().any(|piece| matches!(piece, Piece::Hash(_))));
        }
    }

    #[test]
    fn folders_and_missing_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::open(folder.path()).unwrap_err().kind, Kind::Usage);
        assert_eq!(Source::open(&folder.path().join("none")).unwrap_err().kind, Kind::LocalIo);
    }
}
