//! What a peer can make the decoder hold, and how long it can make it work.

use bytes::BytesMut;
use selfsync_codec::*;

use crate::bodies::{configs, random, scaled};

/// What a body of the maximum can take on the wire at most, checksum included.
fn most_held(config: Config) -> usize {
    max_encoded_len(config.max_body_bytes + 4)
}

/// Feeds an endless stream and tells the most bytes that were held between calls, and the largest buffer.
fn held_of(
    config: Config,
    read_bytes: usize,
    reads: usize,
    mut next: impl FnMut(usize) -> Vec<u8>,
) -> (usize, usize) {
    let mut decoder = Decoder::new(config);
    let mut input = BytesMut::new();
    let (mut most, mut largest) = (0, 0);
    for _ in 0..reads {
        input.reserve(read_bytes);
        input.extend_from_slice(&next(read_bytes));
        largest = largest.max(input.capacity());
        while let Ok(Some(_)) | Err(_) = decoder.next_frame(&mut input) {}
        most = most.max(input.len());
    }
    (most, largest)
}

#[test]
fn the_maximum_is_a_maximum() {
    let maxima = [0, 1, 252, 253, 251, 64_260, 64_258, 64_259, 64_261, 200_000];
    for max_body_bytes in maxima.into_iter().take(scaled(usize::MAX, 5)) {
        for config in configs(max_body_bytes) {
            for fill in [0x55, 0xFE] {
                let encoder = Encoder::new(config.trailer);
                let mut stream = BytesMut::new();
                encoder.encode(&vec![fill; max_body_bytes], &mut stream);
                encoder.encode(&vec![fill; max_body_bytes + 1], &mut stream);
                encoder.encode(b"", &mut stream);
                let mut decoder = Decoder::new(config);
                assert_eq!(decoder.next_frame(&mut stream).unwrap().unwrap().len(), max_body_bytes);
                assert_eq!(decoder.next_frame(&mut stream).unwrap_err().cause, Cause::TooLong);
                assert_eq!(decoder.next_frame(&mut stream).unwrap().as_deref(), Some(&[][..]));
            }
        }
    }
}

#[test]
fn room_for_a_frame_is_made_once() {
    for config in configs(200_000) {
        let trailer_bytes = if config.trailer == Trailer::None { 0 } else { 4 };
        for len in [10, 10_000, 200_000] {
            let mut line = BytesMut::new();
            Encoder::new(config.trailer).encode(&vec![0x55; len], &mut line);
            assert_eq!(line.capacity(), max_encoded_len(len + trailer_bytes), "{len} bytes");
        }
    }
}

#[test]
fn a_body_too_long_is_refused_at_its_length() {
    for config in configs(64_000) {
        // 64,001 bytes are announced, and not one of them has come.
        let mut input = BytesMut::from(&[0xFE, 0xFD, 0x01, 0x00][..]);
        input.extend_from_slice(&[((64_003 % 253) as u8), (64_003_u32 / 253) as u8]);
        let damage = Decoder::new(config).next_frame(&mut input).unwrap_err();
        assert_eq!(damage.cause, Cause::TooLong);
        assert!(input.is_empty());
    }
}

#[test]
fn endless_frames_and_noise_are_not_kept() {
    let mut opened = false;
    let mut endless = |len: usize, alphabet: &[u8], lead: &[u8]| {
        let mut bytes = random(len, 1, alphabet);
        if !std::mem::replace(&mut opened, true) {
            bytes[..lead.len()].copy_from_slice(lead);
        }
        bytes
    };
    for config in configs(scaled(10_000, 1_000)) {
        for (alphabet, lead) in [
            (&[0x55][..], &b"\xFE\xFD\x01\x20"[..]),
            (&[0x00], b"\xFE\xFD\x01\x00"),
            (&[0xFE], b""),
            (&[0xFE, 0xFD], b"\xFE\xFD\x01\xFC"),
            (&[0xFE, 0xFD, 0x01, 0x00, 0xFC], b""),
            (&[], b""),
        ] {
            let (most, largest) =
                held_of(config, scaled(1024, 256), scaled(2_000, 6), |len| endless(len, alphabet, lead));
            assert!(most < most_held(config), "{most} bytes held with {config:?}");
            assert!(largest <= 4 * most_held(config), "a buffer of {largest} bytes with {config:?}");
        }
    }
}

#[test]
fn a_frame_of_the_maximum_is_held_and_no_more() {
    const MAX: usize = scaled(10_000, 260);
    for config in configs(MAX) {
        let mut frame = BytesMut::new();
        Encoder::new(config.trailer).encode(&[0xFE; MAX], &mut frame);
        let mut at = 0;
        let (most, _) = held_of(config, 1, frame.len() * 3, |_| {
            at += 1;
            vec![frame[(at - 1) % frame.len()]]
        });
        assert_eq!(most, frame.len() - 1);
    }
}

#[test]
fn byte_by_byte_costs_no_rescanning() {
    // Looked at anew with every byte, these would be 10^12 steps.
    let body = random(scaled(1 << 20, 300), 3, &[]);
    for config in configs(1 << 20) {
        let mut frame = BytesMut::new();
        Encoder::new(config.trailer).encode(&body, &mut frame);
        let mut decoder = Decoder::new(config);
        let mut input = BytesMut::with_capacity(frame.len());
        for byte in frame.split_off(0) {
            input.extend_from_slice(&[byte]);
            if let Some(decoded) = decoder.next_frame(&mut input).unwrap() {
                assert!(decoded == body);
            }
        }
        assert_eq!(decoder.counters().frames, 1);
    }
}

#[test]
fn lengths_that_all_lead_into_one_long_chain_cost_no_more_than_scanning() {
    // Each opening leads over all that follow to the same chain of empty runs, which ends in nonsense: followed from
    // each of them anew, these would be 10^10 steps.
    let openings = scaled(9_000, 20);
    let chain_at = openings * 6;
    let mut stream = Vec::new();
    while stream.len() < chain_at {
        let skipped = chain_at - stream.len() - 6;
        stream.extend([0xFE, 0xFD, 0x01, 0x00, (skipped % 253) as u8, (skipped / 253) as u8]);
    }
    stream.resize(chain_at + scaled(2_000_000, 400), 0x00);
    stream.push(0xFF);
    stream.extend([0xFF; 2]);
    for config in configs(usize::MAX) {
        let mut input = BytesMut::from(&stream[..]);
        let mut decoder = Decoder::new(config);
        while !input.is_empty() {
            let _damage = decoder.next_frame_at_end(&mut input);
        }
        assert_eq!(decoder.counters().frames, 0);
    }
}
