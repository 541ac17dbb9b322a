//! Everything that passed the relay, in one file.
//!
//! ```text
//! "CONCLAVE WIRE 1\n", then as often as needed:
//! connection u32 LE | direction u8 (0: from the side that dialed, 1: to it) | length u32 LE | the bytes
//! ```

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::scan::{Findings, Needles, Stream};

const MAGIC: &[u8] = b"CONCLAVE WIRE 1\n";
/// No piece is longer: the relay reads no more at once.
pub(crate) const MAX_PIECE_BYTES: usize = 256 * 1024;
/// Pieces on their way to the disk.
const QUEUE_PIECES: usize = 64;

/// One way through one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lane {
    pub(crate) connection: u32,
    /// Towards the side that dialed.
    pub(crate) back: bool,
}

/// Where the relay puts what it sees. Ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Recorder {
    pieces: mpsc::Sender<(Lane, Bytes)>,
}

impl Recorder {
    /// Begins a recording; the handle tells in the end whether all of it reached the file.
    pub(crate) fn start(path: &Path) -> io::Result<(Recorder, JoinHandle<io::Result<()>>)> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let (pieces, mut queue) = mpsc::channel::<(Lane, Bytes)>(QUEUE_PIECES);
        let writer = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            let mut file = BufWriter::with_capacity(MAX_PIECE_BYTES, file);
            file.write_all(MAGIC)?;
            while let Some((lane, piece)) = queue.blocking_recv() {
                write_piece(&mut file, lane, &piece)?;
            }
            file.flush()
        })?;
        Ok((Recorder { pieces }, writer))
    }

    /// Adds a piece. Fails when the disk did.
    pub(crate) async fn record(&self, lane: Lane, piece: Bytes) -> io::Result<()> {
        self.pieces.send((lane, piece)).await.map_err(|_| io::Error::other("the recording cannot be written"))
    }
}

fn write_piece(file: &mut impl Write, lane: Lane, piece: &[u8]) -> io::Result<()> {
    let length = u32::try_from(piece.len()).map_err(io::Error::other)?;
    file.write_all(&lane.connection.to_le_bytes())?;
    file.write_all(&[u8::from(lane.back)])?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(piece)
}

/// What a look through a whole recording found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) bytes: u64,
    pub(crate) connections: usize,
    pub(crate) findings: Findings,
}

/// Looks through a recording, each way through each connection as one stream.
pub(crate) fn scan(path: &Path, needles: &Needles) -> io::Result<Scanned> {
    let mut file = BufReader::with_capacity(MAX_PIECE_BYTES, File::open(path)?);
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a recording"));
    }
    let mut streams: HashMap<Lane, Stream> = HashMap::new();
    let mut scanned = Scanned::default();
    while let Some((lane, piece)) = read_piece(&mut file)? {
        scanned.bytes += u64::try_from(piece.len()).unwrap_or_default();
        streams.entry(lane).or_default().scan(needles, &piece, &mut scanned.findings);
    }
    scanned.connections = streams.keys().filter(|lane| !lane.back).count();
    for (_, stream) in streams {
        stream.finish(needles, &mut scanned.findings);
    }
    Ok(scanned)
}

fn read_piece(file: &mut impl Read) -> io::Result<Option<(Lane, Vec<u8>)>> {
    let mut header = [0; 9];
    if file.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    file.read_exact(&mut header[1..])?;
    let [c0, c1, c2, c3, back, l0, l1, l2, l3] = header;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if length > MAX_PIECE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a piece is too long"));
    }
    let mut piece = vec![0; length];
    file.read_exact(&mut piece)?;
    Ok(Some((Lane { connection: u32::from_le_bytes([c0, c1, c2, c3]), back: back != 0 }, piece)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_needle_is_found_across_pieces_of_its_lane_and_not_across_lanes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire");
        let (recorder, writer) = Recorder::start(&path).unwrap();
        let lane = |connection, back| Lane { connection, back };
        for (lane, piece) in [
            (lane(1, false), &b"...split "[..]),
            (lane(1, true), b"needle scattered "),
            (lane(1, false), b"needle..."),
            (lane(2, false), b"needle"),
        ] {
            recorder.record(lane, Bytes::from_static(piece)).await.unwrap();
        }
        drop(recorder);
        writer.join().unwrap().unwrap();

        let mut needles = Needles::new();
        needles.add("split", b"split needle").unwrap();
        needles.add("scattered", b"scattered needle").unwrap();
        let scanned = scan(&path, &needles).unwrap();
        assert_eq!(scanned, Scanned { bytes: 41, connections: 2, findings: Findings::from([("split", 1)]) });
    }

    #[test]
    fn a_cut_or_foreign_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire");
        for contents in [&b"short"[..], b"something entirely different", b"CONCLAVE WIRE 1\n\x01\x00\x00"] {
            std::fs::write(&path, contents).unwrap();
            assert!(scan(&path, &Needles::new()).is_err());
        }
    }
}
