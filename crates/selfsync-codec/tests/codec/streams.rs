//! Many frames in a row, with all sorts of things between them, cut anywhere.

use bytes::BytesMut;
use proptest::prelude::*;
use selfsync_codec::*;

use crate::bodies::{alphabet, config, configs, random, scaled};
use crate::naive;

/// What a decoder said about a stream.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) damages: Vec<Damage>,
    pub(crate) left: Vec<u8>,
    pub(crate) counters: Counters,
}

/// Feeds a stream in pieces that end at `cuts`; at the end, if it is one, unfinished frames are given up.
pub(crate) fn hear(config: Config, stream: &[u8], cuts: &[usize], is_end: bool) -> Heard {
    let mut decoder = Decoder::new(config);
    let mut heard = Heard::default();
    let mut input = BytesMut::new();
    let mut fed = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        input.extend_from_slice(&stream[fed..cut]);
        fed = cut;
        let at_end = is_end && cut == stream.len();
        loop {
            match if at_end { decoder.next_frame_at_end(&mut input) } else { decoder.next_frame(&mut input) }
            {
                Ok(Some(body)) => heard.bodies.push(body.to_vec()),
                Ok(None) => break,
                Err(damage) => heard.damages.push(damage),
            }
        }
    }
    heard.left = input.to_vec();
    heard.counters = decoder.counters();
    assert_eq!(heard.counters.frames, heard.bodies.len() as u64);
    assert_eq!(heard.counters.resynchronizations, heard.damages.len() as u64);
    assert!(heard.damages.is_sorted_by_key(|damage| damage.offset));
    assert!(!is_end || heard.left.is_empty());
    heard
}

/// Something that may stand in a stream.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let body = (0_usize..scaled(400, 80), any::<u64>(), alphabet())
        .prop_map(|(len, seed, of)| random(len, seed, of));
    let frame = (body.clone(), any::<bool>()).prop_map(|(body, is_checked)| {
        let mut frame = BytesMut::new();
        Encoder::new(if is_checked { Trailer::Crc32c } else { Trailer::None }).encode(&body, &mut frame);
        frame.to_vec()
    });
    let cut_frame = (frame.clone(), any::<prop::sample::Index>()).prop_map(|(mut frame, at)| {
        frame.truncate(at.index(frame.len()));
        frame
    });
    let beheaded_frame = (frame.clone(), any::<prop::sample::Index>())
        .prop_map(|(frame, at)| frame[at.index(frame.len())..].to_vec());
    let noise = (0_usize..40, any::<u64>(), alphabet()).prop_map(|(len, seed, of)| random(len, seed, of));
    let opening = Just(vec![0xFE, 0xFD, 0x01]);
    prop_oneof![6 => frame, 1 => cut_frame, 1 => beheaded_frame, 1 => noise, 1 => Just(MARKER.to_vec()), 1 => opening]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..scaled(12, 6)).prop_map(|pieces| pieces.concat())
}

fn stream_and_cuts() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    (stream(), prop::collection::vec(any::<prop::sample::Index>(), 0..20)).prop_map(|(stream, cuts)| {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        (stream, cuts)
    })
}

/// What the naive reader accepts under a configuration.
pub(crate) fn accepted(config: Config, stuffed: &[u8]) -> Option<Vec<u8>> {
    let mut body = naive::unstuff(stuffed)?;
    if config.trailer == Trailer::Crc32c {
        let crc = body.split_off(body.len().checked_sub(4)?);
        (crc_of(&body) == *crc).then_some(())?;
    }
    (body.len() <= config.max_body_bytes).then_some(body)
}

/// CRC-32C of the version byte and a body, bit by bit.
fn crc_of(body: &[u8]) -> [u8; 4] {
    let mut crc = !0_u32;
    for &byte in [0x01].iter().chain(body) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
        }
    }
    (!crc).to_le_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 2_000 }, ..ProptestConfig::default() })]

    #[test]
    fn cuts_make_no_difference((stream, cuts) in stream_and_cuts(), config in config(), is_end in any::<bool>()) {
        let whole = hear(config, &stream, &[], is_end);
        prop_assert_eq!(&hear(config, &stream, &cuts, is_end), &whole);
    }

    #[test]
    fn a_scanning_decoder_reads_what_a_naive_reader_reads((stream, cuts) in stream_and_cuts(), max in 0_usize..500) {
        for config in configs(max).into_iter().filter(|config| config.scan == Scan::Always) {
            let expected = naive::read_stream(&stream, |stuffed| accepted(config, stuffed));
            let heard = hear(config, &stream, &cuts, false);
            prop_assert_eq!(&heard.bodies, &expected.bodies);
            let at_end = hear(config, &stream, &cuts, true);
            prop_assert_eq!(&at_end.bodies, &expected.bodies);
            prop_assert_eq!(at_end.counters.skipped_bytes, expected.skipped_bytes);
        }
    }

    #[test]
    fn on_a_clean_stream_all_decoders_agree(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..scaled(300, 80)), 0..scaled(10, 5)), is_shared in any::<bool>()) {
        for config in configs(300) {
            let encoder = Encoder::new(config.trailer);
            let mut stream = BytesMut::new();
            for body in &bodies {
                // The closing marker of a frame may be the opening one of the next.
                if is_shared && stream.ends_with(&MARKER) {
                    stream.truncate(stream.len() - MARKER.len());
                }
                encoder.encode(body, &mut stream);
            }
            let heard = hear(config, &stream, &[], false);
            prop_assert_eq!(&heard.bodies, &bodies);
            prop_assert_eq!((&heard.damages[..], &heard.left[..], heard.counters.skipped_bytes), (&[][..], &[][..], 0));
        }
    }
}

#[test]
fn a_frame_is_delivered_with_its_last_byte() {
    for config in configs(300) {
        for body in [&b""[..], b"a", &[0xFE; 252], &[0xFE; 300]] {
            let mut frame = BytesMut::new();
            Encoder::new(config.trailer).encode(body, &mut frame);
            let mut decoder = Decoder::new(config);
            let mut input = BytesMut::new();
            for round in 0..scaled(3, 1) {
                for (at, byte) in frame.iter().enumerate() {
                    input.extend_from_slice(&[*byte]);
                    let heard = decoder.next_frame(&mut input).unwrap();
                    assert_eq!(
                        heard.as_deref(),
                        (at + 1 == frame.len()).then_some(body),
                        "round {round}, byte {at}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_single_cut_of_a_stream_is_harmless() {
    let bodies = [&b"one"[..], b"", b"\xFE\xFD", &[0xFE; 260], b"\xFE\xFD\x01\x00\xFE\xFD"];
    for config in configs(300) {
        let mut stream = BytesMut::from(&b"\xFE\xFD\x01\x07noise"[..]);
        for body in bodies {
            Encoder::new(config.trailer).encode(body, &mut stream);
        }
        let whole = hear(config, &stream, &[], false);
        assert_eq!(whole.bodies, bodies);
        assert_eq!(whole.damages.len(), 1);
        for cut in (0..=stream.len()).step_by(scaled(1, 41)) {
            assert_eq!(hear(config, &stream, &[cut], false), whole, "cut at {cut}");
        }
    }
}

#[test]
fn a_reset_decoder_begins_anew() {
    let mut decoder = Decoder::new(Config::reliable(10));
    let mut input = BytesMut::from(&b"\xFE\xFD\x01\x05he"[..]);
    assert_eq!(decoder.next_frame(&mut input), Ok(None));
    decoder.reset();
    input = BytesMut::from(&b"\xFE\xFD\x01\x02ho\xFE\xFD"[..]);
    assert_eq!(decoder.next_frame(&mut input).unwrap().as_deref(), Some(&b"ho"[..]));
}

#[test]
fn a_buffer_changed_behind_its_back_does_not_panic() {
    for config in configs(1000) {
        let mut stream = BytesMut::new();
        Encoder::new(config.trailer).encode(&[0xFE; 600], &mut stream);
        for kept in (0..stream.len()).step_by(scaled(1, 97)) {
            for shrunk in [0, 1, kept / 2] {
                let mut decoder = Decoder::new(config);
                let mut input = BytesMut::from(&stream[..kept]);
                let _unfinished = decoder.next_frame(&mut input);
                input.truncate(shrunk);
                let _anything = decoder.next_frame(&mut input);
                let _anything = decoder.next_frame_at_end(&mut input);
            }
        }
    }
}

#[test]
fn causes_and_places_are_told() {
    let cases: [(&[u8], Cause, u64); 10] = [
        (b"noise", Cause::NoMarker, 0),
        (b"\xFE\xFE\xFD\x01\x00\xFE\xFD", Cause::NoMarker, 0),
        (b"\xFE\xFD\x02\x00\xFE\xFD", Cause::UnknownVersion(2), 0),
        (b"\xFE\xFD\x01\x00\xFE\xFDx", Cause::NoMarker, 6),
        (b"\xFE\xFD\x01\xFD", Cause::BadLength, 0),
        (b"\xFE\xFD\x01\x01a\x00\xFF", Cause::BadLength, 0),
        (b"\xFE\xFD\x01\x03a\xFE\xFD\x01", Cause::EarlyMarker, 0),
        (b"\xFE\xFD\x01\x00\x64\x00", Cause::TooLong, 0),
        (b"\xFE\xFD\x01\x65", Cause::TooLong, 0),
        (b"\xFE\xFD\x01\x05abcde\xFE\xFD", Cause::Checksum, 0),
    ];
    for (stream, cause, offset) in cases {
        let mut config = Config::line(100);
        config.trailer = if cause == Cause::Checksum { Trailer::Crc32c } else { Trailer::None };
        let damage = hear(config, stream, &[], false).damages[0];
        assert_eq!((damage.cause, damage.offset), (cause, offset), "{stream:x?}");
        assert!(damage.to_string().ends_with(&format!("began at byte {offset} of the stream")));
    }
    let at_end = hear(Config::line(100), b"\xFE\xFD\x01\x05ab", &[], true);
    assert_eq!(at_end.damages[0].cause, Cause::Truncated);
    // What may yet become a frame behind another one is noise where no marker stood in front of it.
    let noise = hear(Config::line(100), b"\x01", &[], false);
    assert_eq!((noise.damages[0].cause, noise.left), (Cause::NoMarker, vec![]));
    let behind_frame = b"\xFE\xFD\x01\x00\xFE\xFD\x01";
    let waiting = hear(Config::reliable(100), behind_frame, &[], false);
    assert_eq!((waiting.damages, waiting.left), (vec![], vec![1]));
    assert_eq!(hear(Config::reliable(100), behind_frame, &[], true).damages[0].cause, Cause::Truncated);
    // A run of full length with nothing behind it.
    let mut full = b"\xFE\xFD\x01\xFC".to_vec();
    full.extend([7; 252]);
    full.extend(MARKER);
    assert_eq!(hear(Config::reliable(300), &full, &[], false).damages[0].cause, Cause::EarlyMarker);
}
