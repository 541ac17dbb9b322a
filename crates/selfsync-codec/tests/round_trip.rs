//! Whatever goes in comes out, however it is cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

use bytes::BytesMut;
use proptest::prelude::*;
use selfsync_codec::*;

const LENGTHS: [usize; 21] = [
    0, 1, 2, 249, 250, 251, 252, 253, 254, 255, 64_007, 64_008, 64_009, 64_257, 64_258, 64_259, 64_260,
    64_261, 64_262, 64_263, 140_000,
];

/// Bodies of the lengths that matter, with pairs placed where they hurt.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        4 => 0_usize..600,
        3 => prop::sample::select(&LENGTHS[..]),
        1 => 63_990_usize..64_280,
        1 => 0_usize..200_000,
    ];
    let alphabet = prop_oneof![Just(&[0xFE, 0xFD][..]), Just(&[0xFE, 0xFD, 0x01, 0x00][..]), Just(&[][..])];
    (len, alphabet, any::<u64>(), prop::collection::vec(any::<prop::sample::Index>(), 0..4)).prop_map(
        |(len, alphabet, mut seed, pairs)| {
            let mut body: Vec<u8> = (0..len)
                .map(|_| {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let byte = (seed >> 56) as u8;
                    if alphabet.is_empty() { byte } else { alphabet[usize::from(byte) % alphabet.len()] }
                })
                .collect();
            for at in pairs.iter().filter(|_| len >= 2).map(|pair| pair.index(len - 1)) {
                body[at..at + 2].copy_from_slice(&MARKER);
            }
            body
        },
    )
}

fn configs() -> [Config; 4] {
    let [mut a, mut b] = [Config::reliable(1 << 20), Config::line(1 << 20)];
    a.trailer = Trailer::Crc32c;
    b.trailer = Trailer::None;
    [a, b, Config::reliable(1 << 20), Config::line(1 << 20)]
}

fn in_place(encoder: &Encoder, body: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut buffer = vec![0xAA; HEADROOM + body.len() + TAILROOM];
    buffer[HEADROOM..][..body.len()].copy_from_slice(body);
    let frame = encoder.encode_in_place(&mut buffer, HEADROOM..HEADROOM + body.len())?;
    Ok(buffer[frame].to_vec())
}

proptest! {
    #[test]
    fn any_body_returns(body in body()) {
        for config in configs() {
            let mut wire = BytesMut::new();
            let encoder = Encoder::new(config.trailer);
            encoder.encode(&body, &mut wire);
            let stuffed = body.len() + if config.trailer == Trailer::None { 0 } else { 4 };
            prop_assert!(wire.len() <= max_encoded_len(stuffed));
            let inner = &wire[2..wire.len() - 2];
            prop_assert!(!inner.windows(2).any(|pair| pair == MARKER));
            prop_assert!(wire[..2] == MARKER && wire[wire.len() - 2..] == MARKER);
            prop_assert_eq!(inner.last().copied().map(|last| (last, wire[wire.len() - 2])).filter(|&pair| pair == (0xFE, 0xFD)), None);
            match in_place(&encoder, &body) {
                Ok(frame) => prop_assert_eq!(&frame[..], &wire[..]),
                Err(error) => {
                    prop_assert_eq!(error, EncodeError::TooLong { bytes: stuffed });
                    prop_assert!(stuffed > MAX_BODY_IN_PLACE);
                }
            }
            let mut decoder = Decoder::new(config);
            let frame = decoder.next_frame(&mut wire).unwrap().unwrap();
            prop_assert!(frame == body);
            prop_assert!(wire.is_empty());
        }
    }
}
