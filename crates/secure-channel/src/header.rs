//! The 19 bytes in front of every sealed packet, all of them associated data.

use x3dh_handshake::Tag;

use crate::Error;

/// The first byte of every sealed packet.
pub const PACKET_KIND: u8 = 0x10;
/// Bytes in front of the ciphertext.
pub const HEADER_BYTES: usize = 19;
/// Bytes of the authentication tag behind the ciphertext.
pub const TAG_BYTES: usize = 16;
/// What sealing adds to a plaintext.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// The most that one packet carries.
pub const MAX_PLAINTEXT_BYTES: usize = 65_536;
/// The longest packet.
pub const MAX_PACKET_BYTES: usize = MAX_PLAINTEXT_BYTES + OVERHEAD_BYTES;
/// The last number a path may use within one generation.
pub const MAX_PACKET_NUMBER: u64 = (1 << 62) - 1;

/// The number of a path within its session. Each path has its own packet numbers and its own replay window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PathNumber(pub u32);

/// `kind | generation | epoch | tag | path | number`, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Low byte of the number of rekeys.
    pub(crate) generation: u8,
    /// Low byte of the epoch within the generation.
    pub(crate) epoch: u8,
    /// The receiver's.
    pub(crate) tag: Tag,
    pub(crate) path: PathNumber,
    pub(crate) number: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = PACKET_KIND;
        bytes[1] = self.generation;
        bytes[2] = self.epoch;
        bytes[3..7].copy_from_slice(&self.tag.0.to_le_bytes());
        bytes[7..11].copy_from_slice(&self.path.0.to_le_bytes());
        bytes[11..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// Reads the header of a whole packet; `Malformed` unless length, kind and number can be those of one.
    pub(crate) fn decode(packet: &[u8]) -> Result<Self, Error> {
        if !(OVERHEAD_BYTES..=MAX_PACKET_BYTES).contains(&packet.len()) {
            return Err(Error::Malformed);
        }
        let Some((&[kind, generation, epoch, t0, t1, t2, t3, p0, p1, p2, p3], rest)) =
            packet.split_first_chunk()
        else {
            return Err(Error::Malformed);
        };
        let Some(number) = rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else {
            return Err(Error::Malformed);
        };
        if kind != PACKET_KIND || number > MAX_PACKET_NUMBER {
            return Err(Error::Malformed);
        }
        let tag = Tag(u32::from_le_bytes([t0, t1, t2, t3]));
        let path = PathNumber(u32::from_le_bytes([p0, p1, p2, p3]));
        Ok(Self { generation, epoch, tag, path, number })
    }
}

/// The tag that a sealed packet names: which session of its receiver it is for. A locator, never an authenticator.
///
/// # Errors
/// [`Error::Malformed`] when this cannot be a sealed packet.
pub fn tag_of(packet: &[u8]) -> Result<Tag, Error> {
    Header::decode(packet).map(|header| header.tag)
}
