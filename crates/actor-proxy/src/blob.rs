//! Bytes that travel in messages without being copied.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::scope;

/// Many bytes that stand in a message: a block of a file, a picture.
///
/// On the wire they are what the bytes of any other type are, so a field of type `Blob` here may be of another one there. But
/// from 64 KiB on they leave from where they are, without a copy, and whoever reads them has a part of the message that came.
/// It keeps the memory of that message; so a blob that is less than a quarter of the body it came in is copied after all.
///
/// Of bytes with an owner ([`Bytes::from_owner`]) the last part may be dropped by the session that carries it, in the middle of
/// its work: the owner's `Drop` must not call the node.
///
/// A `Vec<u8>` is to serde a list of numbers, each of them written and read alone: some twenty times as slow.
///
/// ```
/// use actor_proxy::{Blob, Message, Schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Block {
///     number: u64,
///     content: Blob,
/// }
///
/// impl Message for Block {
///     const SCHEMA: Schema = Schema::new("example.block/1");
/// }
///
/// let block = Block { number: 7, content: vec![0; 1 << 20].into() };
/// assert_eq!(block.content.len(), 1 << 20);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(Bytes);

impl Blob {
    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Blob> for Bytes {
    fn from(blob: Blob) -> Self {
        blob.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        scope::offer(&self.0);
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BlobVisitor)
    }
}

struct BlobVisitor;

/// Memory is taken for so many bytes at most because a list of numbers announces them.
const MAX_ANNOUNCED_BYTES: usize = 4_096;

impl<'de> Visitor<'de> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Blob(scope::part_of_body(bytes).unwrap_or_else(|| Bytes::copy_from_slice(bytes))))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
        Ok(Blob(bytes.into()))
    }

    /// As formats have it that know no bytes, and as a `Vec<u8>` is written in CBOR.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Blob, A::Error> {
        let announced = numbers.size_hint().unwrap_or_default();
        let mut bytes = Vec::with_capacity(announced.min(MAX_ANNOUNCED_BYTES));
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(Blob(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Format, decode, encode};

    #[test]
    fn a_list_of_numbers_is_bytes_too() {
        assert_eq!(serde_json::from_str::<Blob>("[1, 2, 255]").unwrap(), Blob::from(vec![1, 2, 255]));
        assert!(serde_json::from_str::<Blob>("[1, 256]").is_err());
        for format in [Format::Native, Format::Cbor] {
            let (numbers, mut body) = (vec![7_u8; 300], Vec::new());
            encode(format, &numbers, &mut body, 1_000).unwrap();
            assert_eq!(decode::<Blob>(format, &body), Ok(numbers.into()), "{format:?}");
        }
    }

    #[test]
    fn outside_of_a_message_it_is_written_like_others() {
        let blob = Blob::from(vec![3; 100_000]);
        assert_eq!(serde_json::to_vec(&blob).unwrap(), serde_json::to_vec(&blob[..]).unwrap());
    }
}
