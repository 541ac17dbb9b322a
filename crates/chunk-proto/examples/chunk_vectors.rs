//! Prints the frozen test vectors of `docs/PROTOCOL.md` §7, made anew, for `cargo xtask vectors`.
#![allow(clippy::expect_used)] // an example that cannot make its vectors has nothing to say

use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{ChunkHeader, Coding, Event, Limits, MessageId, NodeBudget, Outline, Reassembler};
use serde_json::{Value, json};

/// Message, index, total bytes, chunk bytes, coding.
type Header = (u64, u32, u64, u32, Coding);

const HEADERS: &[Header] = &[
    (0, 0, 0, 64_000, Coding::Raw),
    (7, 0, 11, 64_000, Coding::Raw),
    (7, 0, 176, 64_000, Coding::Deflate),
    (300, 0, 65_536, 65_536, Coding::Raw),
    (1, 0, 64_001, 64_000, Coding::Raw),
    (1, 1, 64_001, 64_000, Coding::Raw),
    (u64::MAX, 2, 150_000, 64_000, Coding::Deflate),
    (5, 16_777_215, 1 << 30, 64, Coding::Raw),
    (u64::MAX, u32::MAX - 1, 281_474_976_645_120, 65_536, Coding::Deflate),
];

/// Headers that must be refused, and why.
const REFUSED: &[(&str, &str)] = &[
    ("", "empty"),
    ("00", "ends before the message id"),
    ("0007", "ends before the total"),
    ("020181f403", "ends before the chunk size"),
    ("020181f40380f403", "ends before the index"),
    ("04070b", "unknown flag"),
    ("80070b", "unknown flag"),
    ("0087000b", "message id not minimal"),
    ("00078b00", "total not minimal"),
    ("00ffffffffffffffffff020b", "message id above 64 bits"),
    ("0007818004", "one chunk longer than 65,536"),
    ("02070b80f40300", "a message of one chunk written as a grid"),
    ("020181f4030000", "chunk size 0"),
    ("020181f4033f00", "chunk size below 64"),
    ("020181f40381800400", "chunk size above 65,536"),
    ("020181f403808080808001", "chunk size above 32 bits"),
    ("020181f40380f40302", "index outside the grid"),
    ("020181f40380f403ffffffff0f", "index outside the grid"),
    ("020181f40380f4038080808010", "index above 32 bits"),
    ("020180808080804040", "more than 2^32 - 1 chunks"),
];

/// Raw deflate streams made by another implementation, with the length of what they hold: one block of fixed codes,
/// one of dynamic codes.
const DEFLATED: &[(u64, &str)] = &[
    (176, "4bccc95128cf2fca5648cc4b51c8cb5728c849ac54c84dcc4e2d56c84a4c060a2ba494029524e557ea29240e02b500"),
    (
        1103,
        "4dd23b4e03301045d19e65a4a698ff27bb01448b042855c4de711063bf2e916e1ccf19df2f1f97abd1f3e5fbf3f6f2f5\
         7eb972d0faf6767b5d9fc388e8e7e9fed73036c5bba9169e46a0c9b069d2a86a1a85a6ac77d34e398d41d31ad394af5f\
         4ce3a711129fa699c5a7096898f7399daa314d4223b4efc3a4253a5141a4b40763266f99a82132e2132d8afe8f1ca8c5\
         0f353fbe8cb583b5049ca4123ed80ed8927027a3a0d176d09682e9ac2a87db815bfa30b1a7c5783b782b787384e6803b\
         802b9fc5717af0883b88ab9c17c06bbd3de20ee26b5967baf6b5e089405cedbc4921d71cf1007185c72d8f973ee201e2\
         9a724e92e81af100712ddb77122d95110f10d78e3ddd63bf36e201e246bd9d24846dc403c44d8eb8acadec271e206eea\
         e7a44aeb110f1037ab7d2725ca18f100f1f5077b3a5d37d2110f10b78cedb4e6775ae2bf",
    ),
];

fn main() {
    let vectors = json!({
        "headers.json": HEADERS.iter().map(header).collect::<Vec<_>>(),
        "refused.json": REFUSED.iter().map(refused).collect::<Vec<_>>(),
        "deflate.json": DEFLATED.iter().map(deflated).collect::<Vec<_>>(),
    });
    println!("{vectors:#}");
}

fn header(&(message, index, total_bytes, chunk_bytes, coding): &Header) -> Value {
    let outline = Outline::new(total_bytes, chunk_bytes).expect("a possible grid");
    let header = ChunkHeader::new(MessageId(message), index, outline, coding).expect("inside the grid");
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    json!({
        "message": message,
        "index": index,
        "total_bytes": total_bytes,
        "chunk_bytes": outline.chunk_bytes(),
        "deflate": coding == Coding::Deflate,
        "header": hex::encode(bytes),
    })
}

fn refused(&(header, why): &(&str, &str)) -> Value {
    let bytes = hex::decode(header).expect("hexadecimal digits");
    let error = ChunkHeader::decode(&bytes).expect_err("a header to be refused");
    let error = format!("{error:?}");
    let variant = error.split(' ').next();
    json!({ "header": header, "why": why, "error": variant })
}

/// What a message of one chunk with this payload says.
fn deflated(&(total_bytes, payload): &(u64, &str)) -> Value {
    let bytes = Bytes::from(hex::decode(payload).expect("hexadecimal digits"));
    let outline = Outline::new(total_bytes, 64_000).expect("a possible grid");
    let header = ChunkHeader::new(MessageId(0), 0, outline, Coding::Deflate).expect("the only chunk");
    let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
    reassembler.accept(Instant::now(), header, bytes).expect("a deflate stream");
    let inflated = std::iter::from_fn(|| reassembler.poll_event()).find_map(|event| match event {
        Event::Piece { bytes, .. } => Some(bytes),
        _ => None,
    });
    json!({ "payload": payload, "inflated": hex::encode(inflated.expect("the only piece")) })
}
