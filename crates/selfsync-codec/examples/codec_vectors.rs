//! Makes the frozen vectors in `tests/vectors/` anew, as one JSON object of file names and contents.
//!
//! Bytes are lists of pieces: `"00ff"` is hexadecimal, and `"55*252"` is the byte 55 252 times.

use bytes::BytesMut;
use selfsync_codec::{Config, Decoder, Encoder, Trailer};
use serde_json::{Value, json};

fn main() {
    println!("{:#}", json!({ "frames.json": frames(), "streams.json": streams() }));
}

/// Bodies and their frames.
fn frames() -> Value {
    let pair = b"\xFE\xFD";
    let cases: [(&str, Vec<u8>); 18] = [
        ("empty", vec![]),
        ("one byte", vec![0]),
        ("text", b"hello".to_vec()),
        ("one pair", pair.to_vec()),
        ("three pairs", pair.repeat(3)),
        ("half a pair at the end", b"end\xFE".to_vec()),
        ("a pair turned round", b"\xFD\xFE".to_vec()),
        ("what looks like a frame", b"\xFE\xFD\x01\x00\xFE\xFD".to_vec()),
        ("a pair between text", b"left\xFE\xFDright".to_vec()),
        ("one byte short of a full first run", vec![0x55; 251]),
        ("a full first run", vec![0x55; 252]),
        ("one byte more than a full first run", vec![0x55; 253]),
        ("a pair that ends where a first run is full", [&[0x55; 250], &pair[..]].concat()),
        ("a pair across the end of a full first run", [&[0x55; 251], &pair[..], b"x"].concat()),
        ("the longest body in place", vec![0x55; 64_259]),
        ("a full first and a full later run", vec![0x55; 64_260]),
        ("a later run that is full behind a pair", [&pair[..], &[0x55; 64_009]].concat()),
        ("two full later runs", vec![0x55; 128_269]),
    ];
    let vector = |(name, body): (&str, Vec<u8>)| {
        let framed = |trailer| {
            let mut frame = BytesMut::new();
            Encoder::new(trailer).encode(&body, &mut frame);
            pieces(&frame)
        };
        json!({
            "name": name,
            "body": pieces(&body),
            "frame": framed(Trailer::None),
            "frame_with_crc32c": framed(Trailer::Crc32c),
        })
    };
    cases.into_iter().map(vector).collect()
}

/// Streams with and without damage, without checksums, and what a scanning reader finds in them.
fn streams() -> Value {
    let cases: [(&str, &[u8]); 8] = [
        ("two frames", b"\xFE\xFD\x01\x01a\xFE\xFD\xFE\xFD\x01\x01b\xFE\xFD"),
        ("two frames that share a marker", b"\xFE\xFD\x01\x01a\xFE\xFD\x01\x01b\xFE\xFD"),
        ("noise before and between", b"noise\xFE\xFD\x01\x01a\xFE\xFDnoise\xFE\xFE\xFD\x01\x01b\xFE\xFD"),
        ("a cut frame before a whole one", b"\xFE\xFD\x01\x09cut\xFE\xFD\x01\x01b\xFE\xFD"),
        ("a lost closing marker", b"\xFE\xFD\x01\x01a??\xFE\xFD\x01\x01b\xFE\xFD"),
        ("a length one too long", b"\xFE\xFD\x01\x02a\xFE\xFD\xFE\xFD\x01\x01b\xFE\xFD"),
        ("an unknown version", b"\xFE\xFD\x02\x01a\xFE\xFD\xFE\xFD\x01\x01b\xFE\xFD"),
        ("the second is not closed yet", b"\xFE\xFD\x01\x01a\xFE\xFD\xFE\xFD\x01\x01b\xFE"),
    ];
    let vector = |(name, stream): (&str, &[u8])| {
        let mut config = Config::line(1024);
        config.trailer = Trailer::None;
        let mut decoder = Decoder::new(config);
        let mut input = BytesMut::from(stream);
        let mut bodies = Vec::new();
        loop {
            match decoder.next_frame(&mut input) {
                Ok(Some(body)) => bodies.push(pieces(&body)),
                Ok(None) => break,
                Err(_damage) => {}
            }
        }
        json!({ "name": name, "stream": pieces(stream), "bodies": bodies })
    };
    cases.into_iter().map(vector).collect()
}

/// Bytes as a list of pieces, long repetitions shortened.
fn pieces(bytes: &[u8]) -> Vec<String> {
    const SHORTEST_REPETITION: usize = 8;
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() < SHORTEST_REPETITION {
            literal.extend(run);
            continue;
        }
        if !literal.is_empty() {
            pieces.push(hex::encode(std::mem::take(&mut literal)));
        }
        pieces.push(format!("{:02x}*{}", run[0], run.len()));
    }
    if !literal.is_empty() {
        pieces.push(hex::encode(literal));
    }
    pieces
}
