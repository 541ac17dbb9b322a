//! Any bytes under any configuration: the decoder says the same however they are split, never holds more than a
//! frame, accounts for what it skips, and, when it scans, delivers exactly what a naive reader finds between markers.
#![no_main]

use bytes::{BufMut, BytesMut};
use libfuzzer_sys::fuzz_target;
use selfsync_codec::{Config, Counters, Damage, Decoder, Scan, Trailer, max_encoded_len};

const MAX_BODY_BYTES: usize = 1024;

fuzz_target!(|data: &[u8]| {
    let [choice, piece_len, stream @ ..] = data else { return };
    let mut config = Config::line(MAX_BODY_BYTES);
    config.trailer = if choice & 1 == 0 { Trailer::None } else { Trailer::Crc32c };
    config.scan = if choice & 2 == 0 { Scan::Always } else { Scan::AfterDamage };

    let heard = hear(config, stream, stream.len().max(1));
    assert_eq!(heard, hear(config, stream, usize::from(*piece_len).max(1)), "pieces make a difference");

    let Heard { bodies, damages, counters } = heard;
    assert_eq!((counters.frames, counters.resynchronizations), (bodies.len() as u64, damages.len() as u64));
    if (config.trailer, config.scan) == (Trailer::None, Scan::Always) {
        let (expected, skipped_bytes) = read_naively(stream);
        assert_eq!(bodies, expected);
        assert_eq!(counters.skipped_bytes, skipped_bytes as u64);
    }
});

#[derive(Debug, PartialEq)]
struct Heard {
    bodies: Vec<Vec<u8>>,
    damages: Vec<Damage>,
    counters: Counters,
}

fn hear(config: Config, stream: &[u8], piece_len: usize) -> Heard {
    let mut decoder = Decoder::new(config);
    let mut input = BytesMut::new();
    let (mut bodies, mut damages) = (Vec::new(), Vec::new());
    let mut note = |outcome: Result<Option<BytesMut>, Damage>| {
        match outcome {
            Ok(Some(body)) => bodies.push(body.to_vec()),
            Ok(None) => return false,
            Err(damage) => damages.push(damage),
        }
        true
    };
    for piece in stream.chunks(piece_len) {
        input.put_slice(piece);
        while note(decoder.next_frame(&mut input)) {}
        assert!(input.len() < max_encoded_len(config.max_body_bytes + 4), "it waits for more than a frame");
    }
    while note(decoder.next_frame_at_end(&mut input)) {}
    assert!(input.is_empty());
    Heard { bodies, damages, counters: decoder.counters() }
}

/// The bodies between markers, and how many bytes belong to none of them.
fn read_naively(stream: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let markers: Vec<_> =
        (1..stream.len()).map(|end| end - 1).filter(|&at| stream[at..at + 2] == [0xFE, 0xFD]).collect();
    let (mut bodies, mut skipped_bytes, mut behind_frame) = (Vec::new(), stream.len(), false);
    for two in markers.windows(2) {
        let piece = &stream[two[0] + 2..two[1]];
        let body =
            piece.strip_prefix(&[0x01]).and_then(unstuff_naively).filter(|body| body.len() <= MAX_BODY_BYTES);
        if body.is_some() {
            skipped_bytes -= piece.len() + if behind_frame { 2 } else { 4 };
        }
        behind_frame = body.is_some();
        bodies.extend(body);
    }
    (bodies, skipped_bytes)
}

fn unstuff_naively(stuffed: &[u8]) -> Option<Vec<u8>> {
    let digit = |at: usize| stuffed.get(at).copied().filter(|&digit| digit < 253).map(usize::from);
    let (mut at, mut run_len, mut longest) = (1, digit(0)?, 252);
    let mut body = Vec::new();
    loop {
        body.extend(stuffed.get(at..at + run_len)?);
        at += run_len;
        match (run_len < longest, at == stuffed.len()) {
            (true, true) => return Some(body),
            (true, false) => body.extend([0xFE, 0xFD]),
            (false, _) => {}
        }
        (run_len, longest) = (digit(at)? + 253 * digit(at + 1)?, 64_008);
        at += 2;
    }
}
