//! What stands in front of a chunk's payload.

use std::fmt;

use bytes::BufMut;

use crate::{Error, MAX_CHUNK_BYTES, Outline, varint};

/// Longest chunk header, in bytes: flags, a 64-bit id, total (at most 2^32 chunks of 2^16), chunk size, index.
pub const MAX_HEADER_BYTES: usize = 1 + 10 + 7 + 3 + 5;

/// Flag: the payload is a raw deflate stream.
const DEFLATE: u8 = 0x01;
/// Flag: the message has several chunks; chunk size and index follow.
const GRID: u8 = 0x02;

/// The number of a message within one direction of one session. A sender starts its messages in increasing order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}", self.0)
    }
}

/// How a payload carries the bytes its chunk covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As they are.
    Raw,
    /// As one raw deflate stream (RFC 1951) of its own, shorter than they are.
    Deflate,
}

/// Which chunk of which message a payload is. Always inside its grid: there is no other way to make one.
///
/// ```
/// use chunk_proto::{ChunkHeader, Coding, MessageId, Outline};
///
/// let header = ChunkHeader::new(MessageId(7), 2, Outline::new(150_000, 64_000)?, Coding::Raw)?;
/// let mut packet = Vec::new();
/// header.encode(&mut packet);
/// packet.extend_from_slice(b"the payload");
/// let (decoded, used) = ChunkHeader::decode(&packet)?;
/// assert_eq!((decoded, &packet[used..]), (header, b"the payload".as_slice()));
/// # Ok::<(), chunk_proto::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkHeader {
    message: MessageId,
    index: u32,
    outline: Outline,
    coding: Coding,
}

impl ChunkHeader {
    /// The header of chunk `index` of `message`.
    ///
    /// # Errors
    ///
    /// [`Error::IndexOutOfRange`] outside the outline's grid.
    pub fn new(message: MessageId, index: u32, outline: Outline, coding: Coding) -> Result<Self, Error> {
        match outline.range(index) {
            Some(_) => Ok(Self { message, index, outline, coding }),
            None => Err(Error::IndexOutOfRange { index, chunks: outline.chunks() }),
        }
    }

    /// The message.
    pub fn message(&self) -> MessageId {
        self.message
    }

    /// The chunk's place in the grid, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The grid.
    pub fn outline(&self) -> Outline {
        self.outline
    }

    /// How the payload carries what the chunk covers.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Where in the message the covered bytes start.
    pub fn offset(&self) -> u64 {
        self.outline.offset(self.index)
    }

    /// How many bytes of the message the chunk covers: the payload's length if it is raw, more than that otherwise.
    pub fn covered_bytes(&self) -> usize {
        self.outline.chunk_len(self.index)
    }

    /// The same chunk of another message: for a sender that gives out ids only when a message begins to leave.
    pub fn of_message(self, message: MessageId) -> Self {
        Self { message, ..self }
    }

    /// The same chunk with another coding.
    pub(crate) fn with_coding(self, coding: Coding) -> Self {
        Self { coding, ..self }
    }

    /// Writes the header (PROTOCOL §7.2); [`ChunkHeader::encoded_len`] bytes, at most [`MAX_HEADER_BYTES`].
    ///
    /// # Panics
    ///
    /// If `out` is a slice without room for them.
    pub fn encode(&self, out: &mut impl BufMut) {
        let grid = !self.outline.is_single();
        let coding = match self.coding {
            Coding::Raw => 0,
            Coding::Deflate => DEFLATE,
        };
        // header = flags(1) | varint message | varint total_bytes [ | varint chunk_bytes | varint index ]
        let mut scratch = [0; MAX_HEADER_BYTES];
        let mut rest = &mut scratch[..];
        rest.put_u8(coding | if grid { GRID } else { 0 });
        varint::put(self.message.0, &mut rest);
        varint::put(self.outline.total_bytes(), &mut rest);
        if grid {
            varint::put(self.outline.chunk_bytes().into(), &mut rest);
            varint::put(self.index.into(), &mut rest);
        }
        let unused = rest.len();
        out.put_slice(&scratch[..MAX_HEADER_BYTES - unused]);
    }

    /// How many bytes [`ChunkHeader::encode`] writes.
    pub fn encoded_len(&self) -> usize {
        let always = 1 + varint::len(self.message.0) + varint::len(self.outline.total_bytes());
        if self.outline.is_single() {
            return always;
        }
        always + varint::len(self.outline.chunk_bytes().into()) + varint::len(self.index.into())
    }

    /// Reads a header off the front of `input`; also says how many bytes it took. The payload is what follows.
    ///
    /// Each header has exactly one encoding; any other is refused.
    ///
    /// # Errors
    ///
    /// The variants of [`Error`] that begin with `Header`, and those of [`Outline::new`] and [`ChunkHeader::new`].
    pub fn decode(input: &[u8]) -> Result<(Self, usize), Error> {
        let mut rest = input;
        let (&flags, after_flags) = rest.split_first().ok_or(Error::HeaderTruncated)?;
        rest = after_flags;
        if flags & !(DEFLATE | GRID) != 0 {
            return Err(Error::HeaderFlags { flags });
        }
        let coding = if flags & DEFLATE == 0 { Coding::Raw } else { Coding::Deflate };
        let message = MessageId(varint::take(&mut rest)?);
        let total_bytes = varint::take(&mut rest)?;
        let (outline, index) = if flags & GRID == 0 {
            let outline = Outline::new(total_bytes, MAX_CHUNK_BYTES)?;
            if !outline.is_single() {
                return Err(Error::ChunkBytes { chunk_bytes: total_bytes });
            }
            (outline, 0)
        } else {
            let chunk_bytes = varint::take_u32(&mut rest)?;
            let outline = Outline::new(total_bytes, chunk_bytes)?;
            if outline.is_single() {
                return Err(Error::HeaderForm { total_bytes, chunk_bytes });
            }
            (outline, varint::take_u32(&mut rest)?)
        };
        Ok((Self::new(message, index, outline, coding)?, input.len() - rest.len()))
    }
}
