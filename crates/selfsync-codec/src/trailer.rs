//! The optional checksum behind a body.

use crc::{CRC_32_ISCSI, Crc, Digest, Table};

use crate::wire::VERSION;

/// What follows the body inside a frame. Both ends of a line must agree on it: a frame does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trailer {
    /// Nothing: a cipher above proves the bytes.
    #[default]
    None,
    /// The CRC-32C of the version byte and the body, four bytes little-endian: for lines and logs without a cipher
    /// above.
    Crc32c,
}

/// Bytes of a CRC-32C.
const CRC_BYTES: usize = 4;

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The CRC-32C of any bytes followed by their own CRC-32C.
const INTACT: u32 = 0x48674BC7;

impl Trailer {
    /// Bytes that it adds to a body.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32c => CRC_BYTES,
        }
    }

    /// The trailer of `body`; its first [`Self::len`] bytes count.
    pub(crate) fn of(self, body: &[u8]) -> [u8; CRC_BYTES] {
        match self {
            Self::None => [0; CRC_BYTES],
            Self::Crc32c => {
                let mut digest = begin();
                digest.update(body);
                digest.finalize().to_le_bytes()
            }
        }
    }
}

/// A checksum that has seen the version byte: without it that of an empty body would be zero, so that zeros of which
/// damage had taken the rest could pass for one.
fn begin() -> Digest<'static, u32, Table<16>> {
    let mut digest = CRC.digest();
    digest.update(&[VERSION]);
    digest
}

/// Checks a body and its trailer piece by piece, so that a frame need not be decoded before it is known to be intact.
pub(crate) struct Check(Digest<'static, u32, Table<16>>);

impl Check {
    pub(crate) fn new() -> Self {
        Self(begin())
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// Whether what has passed ends with its own checksum.
    pub(crate) fn finish(self) -> bool {
        self.0.finalize() == INTACT
    }
}

#[cfg(test)]
mod tests;
