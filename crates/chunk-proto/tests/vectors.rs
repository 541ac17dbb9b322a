//! The frozen vectors, and what must hold for any header.
#![allow(clippy::unwrap_used, clippy::as_conversions, missing_docs)]

mod support;

use std::time::Instant;

use bytes::{BufMut, Bytes};
use chunk_proto::{
    ChunkHeader, Coding, Error, Limits, MAX_CHUNK_BYTES, MAX_HEADER_BYTES, MIN_CHUNK_BYTES, MessageId,
    NodeBudget, Outline, Reassembler,
};
use proptest::prelude::*;
use serde_json::Value;
use support::Listener;

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn headers_have_frozen_encodings() {
    for vector in vectors(include_str!("vectors/headers.json")) {
        let field = |name: &str| vector[name].as_u64().unwrap();
        let outline = Outline::new(field("total_bytes"), (field("chunk_bytes") as u32).max(64)).unwrap();
        let coding = if vector["deflate"].as_bool().unwrap() { Coding::Deflate } else { Coding::Raw };
        let message = MessageId(field("message"));
        let header = ChunkHeader::new(message, field("index") as u32, outline, coding).unwrap();
        let frozen = bytes(&vector["header"]);
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, frozen);
        assert_eq!(u64::from(outline.chunk_bytes()), field("chunk_bytes"));
        assert_eq!(ChunkHeader::decode(&frozen), Ok((header, frozen.len())));
        for length in 0..frozen.len() {
            assert_eq!(ChunkHeader::decode(&frozen[..length]), Err(Error::HeaderTruncated));
        }
    }
}

#[test]
fn refused_headers_stay_refused() {
    for vector in vectors(include_str!("vectors/refused.json")) {
        let error = ChunkHeader::decode(&bytes(&vector["header"])).unwrap_err();
        let variant = vector["error"].as_str().unwrap();
        assert_eq!(format!("{error:?}").split(' ').next(), Some(variant), "{vector}");
    }
}

#[test]
fn frozen_streams_inflate() {
    for vector in vectors(include_str!("vectors/deflate.json")) {
        let inflated = bytes(&vector["inflated"]);
        let header = support::header(0, 0, inflated.len() as u64, 64_000, Coding::Deflate);
        let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
        reassembler.accept(Instant::now(), header, bytes(&vector["payload"]).into()).unwrap();
        let mut listener = Listener::default();
        listener.drain(&mut reassembler);
        assert_eq!(listener.complete(0), inflated);
    }
}

fn header() -> impl Strategy<Value = ChunkHeader> {
    let total = (any::<u64>(), 0..64u32).prop_map(|(total, shift)| total >> shift);
    let chunk = prop_oneof![MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES, Just(MIN_CHUNK_BYTES), Just(MAX_CHUNK_BYTES)];
    let coding = prop_oneof![Just(Coding::Raw), Just(Coding::Deflate)];
    (any::<u64>(), total, chunk, any::<prop::sample::Index>(), coding).prop_filter_map(
        "a grid that exists",
        |(message, total, chunk, index, coding)| {
            let outline = Outline::new(total, chunk).ok()?;
            let index = index.index(outline.chunks() as usize) as u32;
            ChunkHeader::new(MessageId(message), index, outline, coding).ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 2_000 }))]

    #[test]
    fn headers_round_trip(header in header(), tail: [u8; 4]) {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        let length = encoded.len();
        prop_assert_eq!(length, header.encoded_len());
        prop_assert!(length <= MAX_HEADER_BYTES);
        encoded.put_slice(&tail);
        prop_assert_eq!(ChunkHeader::decode(&encoded), Ok((header, length)));
        let range = header.outline().range(header.index()).unwrap();
        prop_assert_eq!(header.offset(), range.start);
        prop_assert_eq!(header.covered_bytes() as u64, range.end - range.start);
    }

    /// Whatever decodes is what `encode` writes: there is one encoding per header.
    #[test]
    fn headers_have_one_encoding(
        header in header(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        noise in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let mut damaged = Vec::new();
        header.encode(&mut damaged);
        let at = at.index(damaged.len());
        damaged[at] = byte;
        for input in [damaged, noise] {
            if let Ok((header, used)) = ChunkHeader::decode(&input) {
                let mut encoded = Vec::new();
                header.encode(&mut encoded);
                prop_assert_eq!(&encoded[..], &input[..used]);
            }
        }
    }

    /// The chunks of a grid cover every byte exactly once, and nothing lies outside.
    #[test]
    fn grids_tile(total in 0..200_000u64, chunk in MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES) {
        let outline = Outline::new(total, chunk).unwrap();
        let mut covered = 0;
        for index in 0..outline.chunks() {
            let range = outline.range(index).unwrap();
            prop_assert_eq!(range.start, covered);
            prop_assert!(range.end > range.start || total == 0);
            covered = range.end;
        }
        prop_assert_eq!(covered, total);
        for outside in [outline.chunks(), u32::MAX] {
            prop_assert_eq!(outline.range(outside), None);
            let refused = ChunkHeader::new(MessageId(0), outside, outline, Coding::Raw);
            prop_assert_eq!(refused, Err(Error::IndexOutOfRange { index: outside, chunks: outline.chunks() }));
        }
        prop_assert_eq!(outline.is_single(), outline.chunks() == 1);
    }
}

#[test]
fn impossible_grids_are_refused() {
    for chunk_bytes in [0, 1, MIN_CHUNK_BYTES - 1, MAX_CHUNK_BYTES + 1, u32::MAX] {
        let refused = Error::ChunkBytes { chunk_bytes: chunk_bytes.into() };
        assert_eq!(Outline::new(10, chunk_bytes), Err(refused.clone()));
        assert_eq!(Outline::new(1 << 20, chunk_bytes), Err(refused));
    }
    let most = u64::from(u32::MAX) * 64;
    assert_eq!(Outline::new(most, 64).unwrap().chunks(), u32::MAX);
    for total_bytes in [most + 1, u64::MAX] {
        assert_eq!(Outline::new(total_bytes, 64), Err(Error::TooManyChunks { total_bytes, chunk_bytes: 64 }));
    }
}

#[test]
fn equal_grids_are_equal_values() {
    assert_eq!(Outline::new(5_000, 64_000), Outline::new(5_000, 5_000));
    assert_eq!(Outline::new(0, 64), Outline::new(0, 64_000));
    assert_ne!(Outline::new(5_000, 4_000), Outline::new(5_000, 5_000));
    let empty = Outline::new(0, 64).unwrap();
    assert_eq!((empty.chunks(), empty.range(0), empty.chunk_bytes()), (1, Some(0..0), 1));
    let mut encoded = Vec::new();
    support::header(1, 0, 0, 64, Coding::Raw).encode(&mut encoded);
    assert_eq!(Bytes::from(encoded), Bytes::from_static(&[0, 1, 0]));
}
