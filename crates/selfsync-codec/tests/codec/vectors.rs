//! The frozen vectors: what is read from them, and that it is still what is written.

use bytes::BytesMut;
use selfsync_codec::{Config, Decoder, Encoder, Trailer};
use serde_json::Value;

use crate::bodies::{configs, scaled};
use crate::naive;
use crate::streams::{accepted, hear};

const FRAMES: &str = include_str!("../vectors/frames.json");
const STREAMS: &str = include_str!("../vectors/streams.json");

fn vectors(text: &str) -> Vec<Value> {
    let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(vectors.len() >= 8);
    vectors
}

/// Bytes from a list of pieces: hexadecimal, or a byte and how often it is repeated.
fn bytes(pieces: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces.as_array().unwrap() {
        let (unit, times) = piece.as_str().unwrap().split_once('*').unwrap_or((piece.as_str().unwrap(), "1"));
        bytes.extend(hex::decode(unit).unwrap().repeat(times.parse().unwrap()));
    }
    bytes
}

#[test]
fn frames_are_as_ever() {
    for vector in vectors(FRAMES) {
        let body = bytes(&vector["body"]);
        for config in configs(200_000) {
            let key = if config.trailer == Trailer::None { "frame" } else { "frame_with_crc32c" };
            let frame = bytes(&vector[key]);
            let mut encoded = BytesMut::new();
            Encoder::new(config.trailer).encode(&body, &mut encoded);
            assert!(encoded == frame, "{} is written otherwise", vector["name"]);
            let decoded = Decoder::new(config).next_frame(&mut encoded).unwrap();
            assert!(decoded.unwrap() == body, "{} is read otherwise", vector["name"]);
            let inside =
                frame.strip_prefix(&[0xFE, 0xFD, 0x01]).unwrap().strip_suffix(&[0xFE, 0xFD]).unwrap();
            // Interpreted, what looks at every byte of a long one takes minutes; there is no raw memory in it.
            if inside.len() < scaled(usize::MAX, 1_000) {
                assert!(accepted(config, inside).unwrap() == body);
                assert!(naive::stuff(&naive::unstuff(inside).unwrap()) == inside);
            }
        }
    }
}

#[test]
fn streams_are_read_as_ever() {
    let mut config = Config::line(1024);
    config.trailer = Trailer::None;
    for vector in vectors(STREAMS) {
        let stream = bytes(&vector["stream"]);
        let bodies: Vec<_> = vector["bodies"].as_array().unwrap().iter().map(bytes).collect();
        assert_eq!(hear(config, &stream, &[], false).bodies, bodies, "{}", vector["name"]);
        assert_eq!(naive::read_stream(&stream, |stuffed| accepted(config, stuffed)).bodies, bodies);
    }
}
