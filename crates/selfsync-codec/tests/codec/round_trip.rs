//! One body, there and back.

use bytes::BytesMut;
use proptest::prelude::*;
use selfsync_codec::*;

use crate::bodies::{TURNING_LENGTHS, body, configs, random, scaled};
use crate::naive;

fn framed(encoder: &Encoder, body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    encoder.encode(body, &mut frame);
    frame
}

/// Encodes in a buffer whose other bytes are markers, so that one left over by mistake shows.
fn framed_in_place(encoder: &Encoder, body: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut buffer = MARKER.repeat((HEADROOM + body.len() + TAILROOM).div_ceil(2));
    buffer.truncate(HEADROOM + body.len() + TAILROOM);
    buffer[HEADROOM..][..body.len()].copy_from_slice(body);
    let before = buffer.clone();
    match encoder.encode_in_place(&mut buffer, HEADROOM..HEADROOM + body.len()) {
        Ok(frame) => Ok(buffer[frame].to_vec()),
        Err(error) => {
            assert!(buffer == before, "a failed call changes nothing");
            Err(error)
        }
    }
}

fn check(body: &[u8]) -> Result<(), TestCaseError> {
    for config in configs(1 << 20) {
        let encoder = Encoder::new(config.trailer);
        let frame = framed(&encoder, body);
        let stuffed = body.len() + if config.trailer == Trailer::None { 0 } else { 4 };

        prop_assert!(frame.len() <= max_encoded_len(stuffed));
        match framed_in_place(&encoder, body) {
            Ok(in_place) => prop_assert!(in_place == frame),
            Err(error) => {
                prop_assert_eq!(error, EncodeError::TooLong { bytes: stuffed });
                prop_assert!(stuffed > MAX_BODY_IN_PLACE);
            }
        }

        let inside = frame[3..frame.len() - 2].to_vec();
        // Interpreted, what looks at every byte of a long body takes minutes; there is no raw memory in it.
        if stuffed < scaled(usize::MAX, 1_000) {
            let places = frame.windows(2).enumerate().filter(|(_, pair)| *pair == MARKER).map(|(at, _)| at);
            prop_assert_eq!(places.collect::<Vec<_>>(), [0, frame.len() - 2], "markers only at both ends");
            let naively = naive::unstuff(&inside).expect("an independent decoder reads it");
            prop_assert!(naively[..body.len()] == *body && naively.len() == stuffed);
            prop_assert!(naive::stuff(&naively) == inside);
        }

        let mut input = frame;
        let memory = input.as_ptr_range();
        let decoded = Decoder::new(config).next_frame(&mut input).unwrap().unwrap();
        prop_assert!(decoded == body && input.is_empty());
        prop_assert!(body.is_empty() || memory.contains(&decoded.as_ptr()), "decoded where it stood");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_body_returns(body in body()) {
        check(&body)?;
    }

    #[test]
    fn stuffed_bodies_of_others_are_read_alike(stuffed in stuffed()) {
        // No encoder of ours would write most of these: a run may be cut where no pair follows it in the window.
        let stuffed = &stuffed[..];
        let mut frame = BytesMut::from(&[0xFE, 0xFD, 0x01][..]);
        frame.extend_from_slice(stuffed);
        frame.extend_from_slice(&MARKER);
        for config in configs(1 << 20).into_iter().filter(|config| config.trailer == Trailer::None) {
            let decoded = Decoder::new(config).next_frame(&mut frame.clone());
            let expected = naive::unstuff(stuffed);
            prop_assert_eq!(decoded.ok().flatten().map(Vec::from), expected);
        }
    }
}

/// Runs of any lengths, mostly well-formed, without a pair in them.
fn stuffed() -> impl Strategy<Value = Vec<u8>> {
    let run_len = prop_oneof![5 => 0_usize..20, 1 => Just(252), 1 => Just(64_008), 1 => 64_000_usize..64_008];
    let run_len = run_len.prop_map(|len| len.min(scaled(usize::MAX, 252)));
    let ending = prop_oneof![4 => Just(&[][..]), 1 => Just(&[0][..]), 1 => Just(&[0xFC, 0xFC][..]), 1 => Just(&[0xFE, 0][..])];
    (0_usize..=252, prop::collection::vec(run_len, 0..5), any::<u64>(), ending).prop_map(
        |(first, later, seed, ending)| {
            let literal = |len| random(len, seed, &[0xFD, 0xFF, 0x00, 0x01]);
            let mut stuffed = vec![first as u8];
            stuffed.extend(literal(first));
            for len in later {
                stuffed.extend([(len % 253) as u8, (len / 253) as u8]);
                stuffed.extend(literal(len));
            }
            stuffed.extend(ending);
            stuffed
        },
    )
}

#[test]
fn every_turning_length_returns_with_a_pair_at_every_turning_place() {
    // Interpreted: the turn of the first run.
    for len in TURNING_LENGTHS.into_iter().filter(|len| !cfg!(miri) || [0, 1, 252, 253].contains(len)) {
        check(&vec![0xFE; len]).unwrap();
        let places = (0..4).chain(247..256).chain(64_005..64_013).chain(64_256..64_263);
        for at in places.filter(|at| at + 2 <= len).step_by(scaled(1, 4)) {
            let mut body = vec![0xFD; len];
            body[at..at + 2].copy_from_slice(&MARKER);
            check(&body).unwrap();
        }
    }
}

#[test]
fn in_place_needs_its_room() {
    let encoder = Encoder::new(Trailer::Crc32c);
    let mut buffer = [7; HEADROOM + 10 + TAILROOM];
    let bad =
        [5..15, 7..17, 6..17, 30..40, usize::MAX - 1..usize::MAX, std::ops::Range { start: 12, end: 8 }];
    for body in bad {
        let expected = EncodeError::NoRoom { body: body.clone(), buffer_bytes: buffer.len() };
        assert_eq!(encoder.encode_in_place(&mut buffer, body), Err(expected));
        assert_eq!(buffer, [7; HEADROOM + 10 + TAILROOM]);
    }
    assert!(encoder.encode_in_place(&mut buffer, 6..16).is_ok());
}

#[test]
fn at_most_a_short_end_moves_in_place() {
    // A pair near the front and none behind: a later run of full length, behind which a length is squeezed in.
    for at in [100, 0, 249].into_iter().take(scaled(3, 1)) {
        let mut body = vec![0x55; MAX_BODY_IN_PLACE];
        body[at..at + 2].copy_from_slice(&MARKER);
        check(&body).unwrap();
        let frame = framed(&Encoder::new(Trailer::None), &body);
        assert_eq!(&frame[4 + at..][..2], [0xFC, 0xFC]);
        assert_eq!(frame.len(), body.len() + 6 + 2);
    }
}
