//! CBOR, and the only place that knows which library reads and writes it.

use std::io::{self, Read};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::bounded::{Budget, MAX_DEPTH, Texts};
use super::error::{DecodeError, EncodeError, reason};
use super::limited::Limited;

/// The library's own bound on nesting. It counts the tuple or the fields of a variant as a level of their own, and
/// the [`Frame`]: with twice ours and a little more, ours is always met first, and its is a second line.
const MAX_RECURSION: usize = 2 * MAX_DEPTH + 2;

/// `[n, body]`: an array of two, and an unsigned integer of eight bytes.
const FRAME_BYTES: usize = 10;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, writer: &mut Limited<'_>) -> Result<(), EncodeError> {
    ciborium::into_writer(value, writer).map_err(|error| {
        EncodeError::Unsupported(match error {
            ciborium::ser::Error::Value(said) => reason(said),
            ciborium::ser::Error::Io(error) => reason(error),
        })
    })
}

pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Framed::new(body);
    let frame = ciborium::de::from_reader_with_recursion_limit::<Frame<T>, _>(&mut reader, MAX_RECURSION);
    let value = frame.map_err(malformed)?.0?;
    match reader.body.len() {
        0 => Ok(value),
        bytes => Err(DecodeError::Trailing { bytes }),
    }
}

#[cold]
fn malformed(error: ciborium::de::Error<io::Error>) -> DecodeError {
    use ciborium::de::Error as Said;
    DecodeError::Malformed(match error {
        Said::Io(_) => reason("cut off"),
        Said::Syntax(offset) => {
            reason(format_args!("no CBOR at byte {}", offset.saturating_sub(FRAME_BYTES)))
        }
        Said::Semantic(_, said) => reason(said),
        Said::RecursionLimitExceeded => return DecodeError::TooDeep { limit: MAX_DEPTH },
    })
}

/// A body behind its own length, as the CBOR array `[n, body]`.
///
/// The library decodes types and not seeds, so that a budget cannot be handed in beside the bytes; it goes in
/// through them.
struct Framed<'b> {
    head: [u8; FRAME_BYTES],
    head_read: usize,
    body: &'b [u8],
}

impl<'b> Framed<'b> {
    fn new(body: &'b [u8]) -> Self {
        let mut head = [0; FRAME_BYTES];
        // An array of two elements; an unsigned integer in the eight bytes that follow.
        head[..2].copy_from_slice(&[0x82, 0x1b]);
        head[2..].copy_from_slice(&u64::try_from(body.len()).unwrap_or(u64::MAX).to_be_bytes());
        Self { head, head_read: 0, body }
    }
}

impl Read for Framed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut head = &self.head[self.head_read..];
        if head.is_empty() {
            return self.body.read(buffer);
        }
        let read = head.read(buffer)?;
        self.head_read += read;
        Ok(read)
    }

    #[inline]
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut head = &self.head[self.head_read..];
        if head.is_empty() {
            return self.body.read_exact(buffer);
        }
        // The library reads an item's first byte and then its argument: no read spans both parts.
        head.read_exact(buffer)?;
        self.head_read += buffer.len();
        Ok(())
    }
}

/// The second element of a [`Framed`] body, or the bound that it met.
struct Frame<T>(Result<T, DecodeError>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Frame<T> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(2, FrameVisitor(PhantomData))
    }
}

struct FrameVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for FrameVisitor<T> {
    type Value = Frame<T>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a length and a body")
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, mut frame: A) -> Result<Frame<T>, A::Error> {
        let body_bytes = frame.next_element()?.ok_or_else(|| A::Error::custom("no length"))?;
        let budget = Budget::new(body_bytes, Texts::Owned);
        let body = frame.next_element_seed(budget.seed::<T>());
        if let Err(crossed) = budget.verdict() {
            return Ok(Frame(Err(crossed)));
        }
        body?.map(|value| Frame(Ok(value))).ok_or_else(|| A::Error::custom("no body"))
    }
}
