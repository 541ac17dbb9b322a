//! One outgoing message.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::probe::Prober;
use crate::{ChunkHeader, Coding, DEFAULT_CHUNK_BYTES, Deflater, Error, MessageId, Outline};

/// Whether to compress the chunks of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// No. The default: deflate is some eighty times slower than the cipher below.
    #[default]
    Never,
    /// Every chunk that gets smaller.
    Always,
    /// The chunks that a cheap look at a sample calls compressible.
    Auto,
}

/// Whether a message is secret: a secret message is never compressed, whatever its [`Compression`] says, since the
/// compressed length tells about the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrecy {
    /// It may be compressed.
    #[default]
    Ordinary,
    /// It may not.
    Secret,
}

/// How to cut a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkOptions {
    /// The length of each chunk but the last, in bytes.
    pub chunk_bytes: u32,
    /// Whether to compress.
    pub compression: Compression,
    /// Whether the message is secret.
    pub secrecy: Secrecy,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self {
            chunk_bytes: DEFAULT_CHUNK_BYTES,
            compression: Compression::default(),
            secrecy: Secrecy::default(),
        }
    }
}

/// A chunk ready to be sent: its header, and the payload that follows the header on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The header.
    pub header: ChunkHeader,
    /// The payload; whoever carries it delimits it.
    pub payload: Bytes,
}

/// A chunk cut but not yet compressed, if it is to be. Lets the cutting happen under a lock and the compressing
/// outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    chunk: Chunk,
    deflate: bool,
}

impl Draft {
    /// Whether [`Draft::finish`] will try to compress.
    pub fn wants_deflate(&self) -> bool {
        self.deflate
    }

    /// Compresses the chunk if that is wanted and gains enough.
    pub fn finish(self, deflater: &mut Deflater) -> Chunk {
        let Self { chunk, deflate } = self;
        match if deflate { deflater.deflate(&chunk.payload) } else { None } {
            Some(payload) => Chunk { header: chunk.header.with_coding(Coding::Deflate), payload },
            None => chunk,
        }
    }
}

/// What a [`Chunker`] can do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// Give a chunk.
    Ready,
    /// Nothing before at least this many bytes more are supplied.
    Starved {
        /// Bytes missing for the next chunk.
        missing_bytes: usize,
    },
    /// Nothing: all chunks were given.
    Done,
}

/// One outgoing message, whole or supplied in pieces, cut into chunks on demand.
///
/// Raw chunks share memory with the pieces they lie in; only a chunk that straddles pieces is gathered by copying.
/// Pieces of a multiple of the chunk size therefore cost nothing.
///
/// ```
/// use bytes::Bytes;
/// use chunk_proto::{ChunkOptions, Chunker, Deflater, MessageId};
///
/// let mut deflater = Deflater::default();
/// let mut chunker = Chunker::whole(MessageId(1), Bytes::from(vec![7; 150_000]), &ChunkOptions::default())?;
/// let mut lengths = Vec::new();
/// while let Some(chunk) = chunker.next_chunk(&mut deflater) {
///     lengths.push(chunk.payload.len());
/// }
/// assert_eq!(lengths, [64_000, 64_000, 22_000]);
/// assert!(chunker.is_done());
/// # Ok::<(), chunk_proto::Error>(())
/// ```
#[derive(Debug)]
pub struct Chunker {
    message: MessageId,
    outline: Outline,
    /// The next chunk, or `None` when all were given.
    next_index: Option<u32>,
    supplied_bytes: u64,
    buffered_bytes: u64,
    front: Bytes,
    behind: VecDeque<Bytes>,
    policy: Policy,
}

#[derive(Debug)]
enum Policy {
    Raw,
    Deflate,
    Probe(Prober),
}

impl Chunker {
    /// A message whose `total_bytes` will be supplied in pieces.
    ///
    /// # Errors
    ///
    /// Those of [`Outline::new`].
    pub fn new(message: MessageId, total_bytes: u64, options: &ChunkOptions) -> Result<Self, Error> {
        let policy = match (options.secrecy, options.compression) {
            (Secrecy::Secret, _) | (Secrecy::Ordinary, Compression::Never) => Policy::Raw,
            (Secrecy::Ordinary, Compression::Always) => Policy::Deflate,
            (Secrecy::Ordinary, Compression::Auto) => Policy::Probe(Prober::default()),
        };
        Ok(Self {
            message,
            outline: Outline::new(total_bytes, options.chunk_bytes)?,
            next_index: Some(0),
            supplied_bytes: 0,
            buffered_bytes: 0,
            front: Bytes::new(),
            behind: VecDeque::new(),
            policy,
        })
    }

    /// A message that is in memory whole.
    ///
    /// # Errors
    ///
    /// Those of [`Outline::new`].
    pub fn whole(message: MessageId, bytes: Bytes, options: &ChunkOptions) -> Result<Self, Error> {
        let total_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX); // no usize is wider
        let mut chunker = Self::new(message, total_bytes, options)?;
        chunker.supply(bytes)?;
        Ok(chunker)
    }

    /// The message.
    pub fn message(&self) -> MessageId {
        self.message
    }

    /// The grid it is cut on.
    pub fn outline(&self) -> Outline {
        self.outline
    }

    /// How many bytes must still be supplied in all.
    pub fn unsupplied_bytes(&self) -> u64 {
        self.outline.total_bytes() - self.supplied_bytes
    }

    /// How many bytes were supplied and not yet given out.
    pub fn buffered_bytes(&self) -> u64 {
        self.buffered_bytes
    }

    /// Whether all chunks were given.
    pub fn is_done(&self) -> bool {
        self.next_index.is_none()
    }

    /// What can be done now.
    pub fn state(&self) -> Supply {
        let Some(index) = self.next_index else { return Supply::Done };
        let needed = self.outline.chunk_len(index);
        match usize::try_from(self.buffered_bytes).map_or(0, |buffered| needed.saturating_sub(buffered)) {
            0 => Supply::Ready,
            missing_bytes => Supply::Starved { missing_bytes },
        }
    }

    /// Adds the next piece of the message, of any length.
    ///
    /// # Errors
    ///
    /// [`Error::SupplyBeyondTotal`]; then nothing was taken.
    pub fn supply(&mut self, piece: Bytes) -> Result<(), Error> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let unsupplied = self.unsupplied_bytes();
        if length > unsupplied {
            return Err(Error::SupplyBeyondTotal { excess_bytes: length - unsupplied });
        }
        if length == 0 {
            return Ok(());
        }
        self.supplied_bytes += length;
        self.buffered_bytes += length;
        if self.front.is_empty() {
            self.front = piece;
        } else {
            self.behind.push_back(piece);
        }
        Ok(())
    }

    /// The next chunk, or `None` if the chunker is starved or done.
    pub fn next_chunk(&mut self, deflater: &mut Deflater) -> Option<Chunk> {
        let draft = self.next_draft()?;
        let tried = draft.wants_deflate();
        let chunk = draft.finish(deflater);
        if tried {
            self.note(chunk.header.coding());
        }
        Some(chunk)
    }

    /// The next chunk before compression: the first half of [`Chunker::next_chunk`].
    pub fn next_draft(&mut self) -> Option<Draft> {
        if self.state() != Supply::Ready {
            return None;
        }
        let index = self.next_index?;
        let header = ChunkHeader::new(self.message, index, self.outline, Coding::Raw).ok()?;
        let payload = self.take(header.covered_bytes());
        let deflate = match &mut self.policy {
            Policy::Raw => false,
            Policy::Deflate => !payload.is_empty(),
            Policy::Probe(prober) => prober.try_chunk(&payload),
        };
        self.next_index =
            index.checked_add(1).filter(|next| self.outline.offset(*next) < self.outline.total_bytes());
        Some(Draft { chunk: Chunk { header, payload }, deflate })
    }

    /// Tells how a draft that wanted compression came out, so that [`Compression::Auto`] stops trying what gains
    /// nothing: the other half of [`Chunker::next_chunk`]. Leaving it out costs only time.
    pub fn note(&mut self, coding: Coding) {
        if let (Policy::Probe(prober), Coding::Raw) = (&mut self.policy, coding) {
            prober.failed();
        }
    }

    /// Takes `length` buffered bytes off the front.
    fn take(&mut self, length: usize) -> Bytes {
        let taken =
            if self.front.len() >= length { self.front.split_to(length) } else { self.gather(length) };
        self.buffered_bytes -= u64::try_from(length).unwrap_or(u64::MAX);
        if self.front.is_empty() {
            // Drops the exhausted piece's share of its memory, too.
            self.front = self.behind.pop_front().unwrap_or_default();
        }
        taken
    }

    fn gather(&mut self, length: usize) -> Bytes {
        let mut gathered = BytesMut::with_capacity(length);
        while gathered.len() < length {
            let wanted = length - gathered.len();
            let part = self.front.split_to(wanted.min(self.front.len()));
            gathered.extend_from_slice(&part);
            if self.front.is_empty() {
                let Some(next) = self.behind.pop_front() else { break };
                self.front = next;
            }
        }
        gathered.freeze()
    }
}
