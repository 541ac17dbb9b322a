//! Cuts a file into chunks, shuffles and repeats them as a bad network would, puts them together again with a progress
//! line, and compares the result with the file. Neither side holds the file in memory.
//!
//! `cargo run --release --example shuffle_file [FILE]`; without a file it takes its own executable.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{
    Accepted, Chunk, ChunkOptions, Chunker, Coding, Compression, Deflater, Event, Limits, MessageId,
    NodeBudget, Reassembler, Supply,
};

/// So many chunks are under way at a time, in any order.
const WINDOW_CHUNKS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let path =
        std::env::args_os().nth(1).map_or_else(std::env::current_exe, |path| Ok(PathBuf::from(path)))?;
    let options = ChunkOptions { compression: Compression::Auto, ..ChunkOptions::default() };
    let mut sender = Sender::open(&path, &options)?;
    let mut receiver = Receiver::open(&path)?;
    let mut network = Network::default();
    while let Some(chunk) = sender.next_chunk()? {
        if let Some(chunk) = network.exchange(chunk) {
            receiver.receive(chunk)?;
        }
    }
    for chunk in network.under_way.into_values() {
        receiver.receive(chunk)?;
    }
    println!(
        "\n{} of {} bytes sent, {} chunks came twice",
        sender.sent_bytes, sender.total_bytes, receiver.duplicates
    );
    if receiver.complete { Ok(()) } else { Err("the file did not arrive".into()) }
}

/// Reads a file and cuts it.
struct Sender {
    file: File,
    total_bytes: u64,
    chunker: Chunker,
    deflater: Deflater,
    sent_bytes: usize,
}

impl Sender {
    fn open(path: &PathBuf, options: &ChunkOptions) -> Result<Self, Box<dyn Error>> {
        let file = File::open(path)?;
        let total_bytes = file.metadata()?.len();
        let chunker = Chunker::new(MessageId(0), total_bytes, options)?;
        Ok(Self { file, total_bytes, chunker, deflater: Deflater::default(), sent_bytes: 0 })
    }

    fn next_chunk(&mut self) -> Result<Option<Chunk>, Box<dyn Error>> {
        if let Supply::Starved { .. } = self.chunker.state() {
            // A multiple of the chunk size, so that chunks are slices of what was read.
            let piece_bytes =
                (16 * u64::from(self.chunker.outline().chunk_bytes())).min(self.chunker.unsupplied_bytes());
            let mut piece = vec![0; usize::try_from(piece_bytes)?];
            self.file.read_exact(&mut piece)?;
            self.chunker.supply(piece.into())?;
        }
        let chunk = self.chunker.next_chunk(&mut self.deflater);
        self.sent_bytes += chunk.as_ref().map_or(0, |chunk| chunk.payload.len());
        Ok(chunk)
    }
}

/// Delivers in an order of its own, and every seventh chunk twice.
#[derive(Default)]
struct Network {
    under_way: BTreeMap<u64, Chunk>,
    taken: u64,
}

impl Network {
    /// Takes a chunk and, once enough are under way, delivers another one.
    fn exchange(&mut self, chunk: Chunk) -> Option<Chunk> {
        for copy in 0..if self.taken.is_multiple_of(7) { 2 } else { 1 } {
            // Where a chunk stands in the queue is as good as random.
            let place = (self.taken + copy * 1_000_003 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.under_way.insert(place, chunk.clone());
        }
        self.taken += 1;
        if self.under_way.len() <= WINDOW_CHUNKS {
            None
        } else {
            self.under_way.pop_first().map(|(_, chunk)| chunk)
        }
    }
}

/// Puts the file together and compares it with the original.
struct Receiver {
    reassembler: Reassembler,
    original: File,
    deflated: u64,
    duplicates: u64,
    complete: bool,
}

impl Receiver {
    fn open(path: &PathBuf) -> Result<Self, Box<dyn Error>> {
        let reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
        Ok(Self { reassembler, original: File::open(path)?, deflated: 0, duplicates: 0, complete: false })
    }

    fn receive(&mut self, chunk: Chunk) -> Result<(), Box<dyn Error>> {
        self.deflated += u64::from(chunk.header.coding() == Coding::Deflate);
        if self.reassembler.accept(Instant::now(), chunk.header, chunk.payload)? != Accepted::New {
            self.duplicates += 1;
        }
        while let Some(event) = self.reassembler.poll_event() {
            match event {
                Event::Piece { bytes, offset, .. } => self.compare(offset, &bytes)?,
                Event::Progress { received_bytes, total_bytes, .. } => {
                    let (percent, held) =
                        (received_bytes * 100 / total_bytes, self.reassembler.used_bytes() >> 10);
                    print!("\r{percent:>3} %, {held:>5} KiB held, {:>5} chunks deflated", self.deflated);
                    std::io::stdout().flush()?;
                }
                Event::Complete { .. } => self.complete = true,
                Event::Started { .. } | Event::Expired { .. } | Event::Doomed { .. } => {}
            }
        }
        Ok(())
    }

    fn compare(&mut self, offset: u64, bytes: &Bytes) -> Result<(), Box<dyn Error>> {
        let mut original = vec![0; bytes.len()];
        self.original.read_exact(&mut original)?;
        if original == *bytes { Ok(()) } else { Err(format!("the piece at {offset} differs").into()) }
    }
}
