//! The messages that carry content: a header, a stretch of the file, and the hash of everything up to its end.
//!
//! ```text
//! version 1 | transfer 16 | offset u64 LE | length u64 LE | content (length bytes) | SHA-256 of [0, offset + length)
//! ```

use bytes::{Buf, Bytes};

use super::content::ContentHash;
use super::message::{FILES_VERSION, TransferId};

/// How much of a file one message carries at most: below the largest message that peers take of each other.
pub(crate) const SEGMENT_BYTES: u64 = 1024 * 1024;

/// What stands in front of the content.
pub(crate) const HEADER_BYTES: usize = 33;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) transfer: TransferId,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = FILES_VERSION;
        bytes[1..17].copy_from_slice(self.transfer.as_bytes());
        bytes[17..25].copy_from_slice(&self.offset.to_le_bytes());
        bytes[25..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// The whole message, or `None` where the numbers end.
    pub(crate) fn message_bytes(&self) -> Option<u64> {
        let around = u64::try_from(HEADER_BYTES + ContentHash::BYTES).ok()?;
        self.length.checked_add(around)
    }

    fn decode(mut bytes: &[u8]) -> Result<SegmentHeader, BadSegment> {
        if bytes.len() != HEADER_BYTES || bytes.get_u8() != FILES_VERSION {
            return Err(BadSegment);
        }
        let mut transfer = [0; TransferId::BYTES];
        bytes.copy_to_slice(&mut transfer);
        let header = SegmentHeader {
            transfer: TransferId::from_bytes(transfer),
            offset: bytes.get_u64_le(),
            length: bytes.get_u64_le(),
        };
        if header.length > SEGMENT_BYTES || header.offset.checked_add(header.length).is_none() {
            return Err(BadSegment);
        }
        Ok(header)
    }
}

/// The peer sent something that is not a segment, or whose length is not the one its message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadSegment;

/// A part of a segment, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Header(SegmentHeader),
    Content(Bytes),
    /// The last one.
    Hash(ContentHash),
}

/// Takes a segment apart as its pieces arrive, wherever they were cut. Holds at most a header.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    message_bytes: u64,
    state: State,
    held: Vec<u8>,
}

// Header -> Content -> Hash -> Done
#[derive(Debug)]
enum State {
    Header,
    Content { left: u64 },
    Hash,
    Done,
}

impl SegmentReader {
    /// For a message of that many bytes.
    pub(crate) fn new(message_bytes: u64) -> SegmentReader {
        SegmentReader { message_bytes, state: State::Header, held: Vec::with_capacity(HEADER_BYTES) }
    }

    /// The next part in `piece`, or `None` when it is used up.
    pub(crate) fn next_part(&mut self, piece: &mut Bytes) -> Result<Option<Part>, BadSegment> {
        match self.state {
            State::Header => {
                let Some(bytes) = self.hold::<HEADER_BYTES>(piece) else { return Ok(None) };
                let header = SegmentHeader::decode(&bytes)?;
                if header.message_bytes() != Some(self.message_bytes) {
                    return Err(BadSegment);
                }
                self.state = State::after_content(header.length);
                Ok(Some(Part::Header(header)))
            }
            State::Content { left } => {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                if count == 0 {
                    return Ok(None);
                }
                self.state = State::after_content(left - u64::try_from(count).unwrap_or(left));
                Ok(Some(Part::Content(piece.split_to(count))))
            }
            State::Hash => {
                let Some(bytes) = self.hold::<{ ContentHash::BYTES }>(piece) else { return Ok(None) };
                self.state = State::Done;
                Ok(Some(Part::Hash(ContentHash::from_bytes(bytes))))
            }
            State::Done if piece.is_empty() => Ok(None),
            State::Done => Err(BadSegment),
        }
    }

    /// Collects exactly `N` bytes over as many pieces as it takes.
    fn hold<const N: usize>(&mut self, piece: &mut Bytes) -> Option<[u8; N]> {
        let count = (N - self.held.len()).min(piece.len());
        self.held.extend_from_slice(&piece.split_to(count));
        let whole = <[u8; N]>::try_from(self.held.as_slice()).ok()?;
        self.held.clear();
        Some(whole)
    }
}

impl State {
    fn after_content(left: u64) -> State {
        if left == 0 { State::Hash } else { State::Content { left } }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::program::transfer::content::RunningHash;

    fn segment(offset: u64, content: &[u8]) -> (SegmentHeader, Vec<u8>) {
        let header = SegmentHeader {
            transfer: TransferId::from_bytes([7; 16]),
            offset,
            length: u64::try_from(content.len()).unwrap(),
        };
        let mut hash = RunningHash::new();
        hash.update(content);
        let bytes = [&header.encode()[..], content, hash.so_far().as_bytes()].concat();
        (header, bytes)
    }

    type Parts = (Vec<SegmentHeader>, Vec<u8>, Vec<ContentHash>);

    /// Everything a reader makes of the pieces.
    fn read(message_bytes: u64, pieces: &[Bytes]) -> Result<Parts, BadSegment> {
        let mut reader = SegmentReader::new(message_bytes);
        let (mut headers, mut content, mut hashes) = (vec![], vec![], vec![]);
        for piece in pieces {
            let mut piece = piece.clone();
            while let Some(part) = reader.next_part(&mut piece)? {
                match part {
                    Part::Header(header) => headers.push(header),
                    Part::Content(bytes) => content.extend_from_slice(&bytes),
                    Part::Hash(hash) => hashes.push(hash),
                }
            }
        }
        Ok((headers, content, hashes))
    }

    proptest! {
        #[test]
        fn a_segment_comes_apart_the_same_wherever_it_is_cut(
            offset in 0..u64::MAX / 2,
            content in prop::collection::vec(any::<u8>(), 0..200),
            cut in prop::collection::vec(0..300_usize, 0..10),
        ) {
            let (header, bytes) = segment(offset, &content);
            let mut whole = Bytes::from(bytes.clone());
            let mut pieces = vec![];
            for cut in cut {
                pieces.push(whole.split_to(cut.min(whole.len())));
            }
            pieces.push(whole);
            let mut hash = RunningHash::new();
            hash.update(&content);
            let parts = read(header.message_bytes().unwrap(), &pieces).unwrap();
            prop_assert_eq!(parts, (vec![header], content, vec![hash.so_far()]));
        }

        #[test]
        fn garbage_is_refused_or_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200), total in 0..300_u64) {
            let _ = read(total, &[Bytes::from(bytes)]);
        }
    }

    #[test]
    fn a_length_that_is_not_that_of_the_message_is_refused() {
        let (header, bytes) = segment(0, b"content");
        let total = header.message_bytes().unwrap();
        for wrong in [0, total - 1, total + 1, u64::MAX] {
            assert_eq!(read(wrong, &[Bytes::from(bytes.clone())]), Err(BadSegment));
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert_eq!(read(total, &[Bytes::from(longer)]), Err(BadSegment));
    }

    #[test]
    fn another_version_and_numbers_without_end_are_refused() {
        let (header, mut bytes) = segment(0, b"");
        bytes[0] ^= 1;
        assert_eq!(read(header.message_bytes().unwrap(), &[Bytes::from(bytes)]), Err(BadSegment));
        let endless = SegmentHeader { offset: u64::MAX, length: 1, ..header };
        assert_eq!(SegmentHeader::decode(&endless.encode()), Err(BadSegment));
        let huge = SegmentHeader { length: SEGMENT_BYTES + 1, ..header };
        assert_eq!(SegmentHeader::decode(&huge.encode()), Err(BadSegment));
    }
}
