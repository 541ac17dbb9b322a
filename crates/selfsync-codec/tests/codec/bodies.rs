//! Bodies that hurt: of every length where the arithmetic turns, full of pairs or with single ones at the turns.

use proptest::prelude::*;
use selfsync_codec::{Config, MARKER, Scan, Trailer};

/// How many, how long or how far: less where an interpreter runs the tests, which is hundreds of times slower.
pub(crate) const fn scaled(native: usize, interpreted: usize) -> usize {
    if cfg!(miri) { interpreted } else { native }
}

/// Lengths around which a run, a header or in-place encoding begins or ends.
pub(crate) const TURNING_LENGTHS: [usize; 27] = [
    0, 1, 2, 3, 249, 250, 251, 252, 253, 254, 255, 64_006, 64_007, 64_008, 64_009, 64_010, 64_256, 64_257,
    64_258, 64_259, 64_260, 64_261, 64_262, 64_263, 128_016, 128_268, 140_000,
];

/// What bodies and noise are made of: anything, or little else than what frames are made of.
pub(crate) const ALPHABETS: [&[u8]; 6] =
    [&[], &[0x55], &[0xFE], &[0xFE, 0xFD], &[0xFE, 0xFD, 0x01], &[0xFE, 0xFD, 0x01, 0x00, 0x02]];

pub(crate) fn alphabet() -> impl Strategy<Value = &'static [u8]> + Clone {
    prop::sample::select(&ALPHABETS[..])
}

/// Random bytes over an alphabet (all bytes if it is empty).
pub(crate) fn random(len: usize, mut seed: u64, alphabet: &[u8]) -> Vec<u8> {
    let next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let byte = (seed >> 56) as u8;
        alphabet.get(usize::from(byte) % alphabet.len().max(1)).copied().unwrap_or(byte)
    };
    std::iter::repeat_with(next).take(len).collect()
}

pub(crate) fn body() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        4 => 0_usize..600,
        3 => prop::sample::select(&TURNING_LENGTHS[..]),
        1 => 63_990_usize..64_280,
        1 => 0_usize..200_000,
    ];
    let alphabet = prop_oneof![2 => Just(&[][..]), 1 => alphabet()];
    let turning_place = prop_oneof![
        Just(0_usize),
        245_usize..258,
        64_004_usize..64_014,
        64_255_usize..64_264,
        any::<usize>()
    ];
    (len, alphabet, any::<u64>(), prop::collection::vec(turning_place, 0..4)).prop_map(
        |(len, alphabet, seed, pairs)| {
            let len = len.min(scaled(usize::MAX, 300));
            let mut body = random(len, seed, alphabet);
            for at in pairs {
                if let Some(at) = at.checked_rem(len.saturating_sub(1)) {
                    body[at..at + 2].copy_from_slice(&MARKER);
                }
            }
            body
        },
    )
}

/// Every combination of checksum and scanning.
pub(crate) fn configs(max_body_bytes: usize) -> Vec<Config> {
    let mut configs = Vec::new();
    for trailer in [Trailer::None, Trailer::Crc32c] {
        for scan in [Scan::Always, Scan::AfterDamage] {
            let mut config = Config::reliable(max_body_bytes);
            (config.trailer, config.scan) = (trailer, scan);
            configs.push(config);
        }
    }
    configs
}

pub(crate) fn config() -> impl Strategy<Value = Config> {
    prop::sample::select(configs(1 << 20))
}
