//! What several tests need: content, chunks of a message, and a listener that insists on the order of events.
#![allow(dead_code)] // each test binary uses its own part

pub(crate) mod bombs;

use std::collections::BTreeMap;

use bytes::Bytes;
use chunk_proto::{
    Chunk, ChunkHeader, ChunkOptions, Chunker, Coding, Deflater, Event, MessageId, Outline, Reassembler,
};

/// How many or how long: less where an interpreter runs the tests, which is hundreds of times slower.
pub(crate) const fn scaled(native: usize, interpreted: usize) -> usize {
    if cfg!(miri) { interpreted } else { native }
}

/// Content in which every byte tells its place and its message, and which compresses well.
pub(crate) fn content(message: u64, length: usize) -> Vec<u8> {
    (0..length).map(|i| ((i / 5) as u64 ^ (i as u64 >> 9) ^ message.wrapping_mul(57)) as u8).collect()
}

/// Content that does not compress: a xorshift generator's output.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

/// All chunks of a message.
pub(crate) fn chunks(
    message: u64,
    bytes: &[u8],
    options: &ChunkOptions,
    deflater: &mut Deflater,
) -> Vec<Chunk> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut chunker = Chunker::whole(MessageId(message), bytes, options).unwrap();
    let chunks: Vec<_> = std::iter::from_fn(|| chunker.next_chunk(deflater)).collect();
    assert!(chunker.is_done());
    chunks
}

/// A header that says what the test wants.
pub(crate) fn header(
    message: u64,
    index: u32,
    total_bytes: u64,
    chunk_bytes: u32,
    coding: Coding,
) -> ChunkHeader {
    ChunkHeader::new(MessageId(message), index, Outline::new(total_bytes, chunk_bytes).unwrap(), coding)
        .unwrap()
}

/// How a message stands, as told by its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    Complete,
    Expired,
    Doomed,
}

/// What was told of a message.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) progress: u64,
    pub(crate) standing: Standing,
}

/// Hears all events and panics where they break their promises.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    pub(crate) messages: BTreeMap<u64, Heard>,
}

impl Listener {
    /// Hears everything there is to tell.
    pub(crate) fn drain(&mut self, reassembler: &mut Reassembler) {
        while let Some(event) = reassembler.poll_event() {
            self.hear(event);
        }
    }

    pub(crate) fn hear(&mut self, event: Event) {
        match event {
            Event::Started { message, .. } => {
                let heard = Heard { bytes: Vec::new(), progress: 0, standing: Standing::Open };
                assert!(self.messages.insert(message.0, heard).is_none(), "{message} started twice");
            }
            Event::Piece { message, offset, bytes } => {
                let heard = self.open(message);
                assert_eq!(offset, heard.bytes.len() as u64, "a piece of {message} out of order");
                assert!(!bytes.is_empty());
                heard.bytes.extend_from_slice(&bytes);
            }
            Event::Progress { message, received_bytes, total_bytes } => {
                let heard = self.open(message);
                assert!(heard.progress < received_bytes && received_bytes <= total_bytes);
                assert!(received_bytes >= heard.bytes.len() as u64);
                heard.progress = received_bytes;
            }
            Event::Complete { message, total_bytes } => {
                let heard = self.open(message);
                assert_eq!(total_bytes, heard.bytes.len() as u64);
                heard.standing = Standing::Complete;
            }
            Event::Expired { message, received_bytes, total_bytes } => {
                assert!(received_bytes < total_bytes);
                self.open(message).standing = Standing::Expired;
            }
            Event::Doomed { message, .. } => self.open(message).standing = Standing::Doomed,
        }
    }

    fn open(&mut self, message: MessageId) -> &mut Heard {
        let heard = self.messages.get_mut(&message.0).unwrap_or_else(|| panic!("{message} never started"));
        assert_eq!(heard.standing, Standing::Open, "{message} was over");
        heard
    }

    /// The bytes of a message that must be complete.
    pub(crate) fn complete(&self, message: u64) -> &[u8] {
        let heard = &self.messages[&message];
        assert_eq!(heard.standing, Standing::Complete);
        &heard.bytes
    }

    pub(crate) fn standing(&self, message: u64) -> Option<Standing> {
        self.messages.get(&message).map(|heard| heard.standing)
    }
}
