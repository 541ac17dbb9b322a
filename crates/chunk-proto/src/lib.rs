#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! | type | what it is |
//! |---|---|
//! | [`Outline`] | the fixed grid a message lies on |
//! | [`ChunkHeader`] | what stands in front of a chunk's payload |
//! | [`Chunker`] | one outgoing message, cut into [`Chunk`]s |
//! | [`Deflater`] | the compressor a sender lends to its chunkers |
//! | [`Reassembler`] | all incoming messages of one peer, given out as [`Event`]s |
//! | [`Limits`], [`NodeBudget`] | what a peer, and all peers together, may make us hold |
//!
//! The bytes are specified in §7 of `docs/PROTOCOL.md`.

mod budget;
mod chunker;
mod deflate;
mod error;
mod event;
mod header;
mod inflate;
mod limits;
mod outline;
mod probe;
mod reassembler;
mod sync;
pub mod varint;

pub use budget::NodeBudget;
pub use chunker::{Chunk, ChunkOptions, Chunker, Compression, Draft, Secrecy, Supply};
pub use deflate::{DEFAULT_LEVEL, Deflater, MIN_GAIN_PERCENT};
pub use error::{DeflateFlaw, Error};
pub use event::{Accepted, Event};
pub use header::{ChunkHeader, Coding, MAX_HEADER_BYTES, MessageId};
pub use limits::{
    EXPIRY, Limits, MAX_MESSAGE_BYTES, MAX_OPEN_MESSAGES, MIN_BYTES_PER_SECOND, NODE_BUDGET_BYTES,
    PEER_BUDGET_BYTES, PEER_FLOOR_BYTES, WORKING_BYTES,
};
pub use outline::{DEFAULT_CHUNK_BYTES, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Outline};
pub use reassembler::{MESSAGE_WINDOW, Reassembler};
