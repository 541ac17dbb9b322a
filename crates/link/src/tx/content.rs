//! What a message travels as: side by side with others, or in chunks.

use bytes::Bytes;
use chunk_proto::{ChunkOptions, Chunker, Compression, MessageId, Secrecy};

use crate::credit::MESSAGE_COST_BYTES;
use crate::limits::Limits;
use crate::packing::Layout;
use crate::stream::StreamOptions;

/// Messages up to this size travel side by side in packets and are copied there; larger ones are cut
/// into chunks and sealed straight from the user's bytes.
const MAX_PACKED_MESSAGE_BYTES: usize = 16 << 10;
/// The same where lengths of messages are told.
pub(super) const MAX_PACKED_MESSAGE_BYTES_U64: u64 = 16 << 10;

/// Messages from this size on are worth compressing where the stream asks for it, and then go as chunks.
const MIN_COMPRESSED_MESSAGE_BYTES: usize = 512;

/// A chunker is made when a message is taken, its id when the message begins to leave: ids leave in order.
const UNNUMBERED: MessageId = MessageId(0);

/// Whether a message travels side by side with others, uncompressed.
pub(super) fn is_packable(bytes: usize, options: StreamOptions, layout: Layout) -> bool {
    let raw = options.compression == Compression::Never
        || options.secrecy == Secrecy::Secret
        || bytes < MIN_COMPRESSED_MESSAGE_BYTES;
    let room = layout.end - layout.first - crate::record::MAX_RECORD_HEAD_BYTES;
    raw && bytes <= MAX_PACKED_MESSAGE_BYTES.min(room)
}

/// Cuts a message that is in memory.
pub(super) fn chunk_whole(
    message: Bytes,
    options: StreamOptions,
    limits: &Limits,
) -> Result<Chunker, chunk_proto::Error> {
    Chunker::whole(UNNUMBERED, message, &chunk_options(options, limits))
}

/// Cuts a message that comes in pieces.
pub(super) fn chunk_pieces(
    total_bytes: u64,
    options: StreamOptions,
    limits: &Limits,
) -> Result<Chunker, chunk_proto::Error> {
    Chunker::new(UNNUMBERED, total_bytes, &chunk_options(options, limits))
}

fn chunk_options(options: StreamOptions, limits: &Limits) -> ChunkOptions {
    ChunkOptions {
        chunk_bytes: limits.chunk_bytes,
        compression: options.compression,
        secrecy: options.secrecy,
    }
}

/// What the next chunk of a message costs; the first one pays for the message.
pub(super) fn chunk_cost(chunker: &Chunker, begun: bool) -> u64 {
    let begin = if begun { 0 } else { MESSAGE_COST_BYTES };
    let outline = chunker.outline();
    let given = outline.total_bytes() - chunker.unsupplied_bytes() - chunker.buffered_bytes();
    begin + (outline.total_bytes() - given).min(u64::from(outline.chunk_bytes()))
}
