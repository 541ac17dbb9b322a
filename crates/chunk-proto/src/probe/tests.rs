//! The guess is right about what it is for.

use super::*;

/// A whole chunk; less where an interpreter runs the tests, which is hundreds of times slower.
const CHUNK_BYTES: usize = if cfg!(miri) { 2_000 } else { 64_000 };

/// The output of a xorshift generator.
fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

fn base64(seed: u64, length: usize) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    random(seed, length).iter().map(|byte| digits[usize::from(byte & 63)]).collect()
}

fn numbers(length: usize) -> Vec<u8> {
    (1_000_000..).step_by(37).flat_map(u32::to_le_bytes).take(length).collect()
}

fn text(length: usize) -> Vec<u8> {
    include_bytes!("../probe.rs").iter().copied().cycle().take(length).collect()
}

/// So many, or few if they are interpreted.
fn seeds(native: u64) -> std::ops::Range<u64> {
    0..if cfg!(miri) { 2 } else { native }
}

#[test]
fn random_bytes_are_left_alone() {
    for seed in seeds(20_000) {
        let length = MIN_PROBED_BYTES + usize::try_from(seed % 700).unwrap();
        assert!(!looks_compressible(&random(seed, length)), "seed {seed}");
    }
    for seed in seeds(200) {
        assert!(!looks_compressible(&random(seed, CHUNK_BYTES)), "seed {seed}");
    }
}

#[test]
fn what_compresses_is_tried() {
    for length in
        [MIN_PROBED_BYTES, 1_000, 10_000, CHUNK_BYTES].into_iter().filter(|length| *length <= CHUNK_BYTES)
    {
        for seed in seeds(100) {
            assert!(looks_compressible(&base64(seed, length)), "base64 of {length}, seed {seed}");
        }
        assert!(looks_compressible(&text(length)), "text of {length}");
        assert!(looks_compressible(&numbers(length)), "numbers of {length}");
        assert!(looks_compressible(&vec![0; length]), "zeros of {length}");
        // Half of it is enough, whichever half.
        let (text, noise) = (text(length / 2), random(7, length / 2));
        assert!(looks_compressible(&[&text[..], &noise].concat()), "text and noise of {length}");
        assert!(looks_compressible(&[&noise[..], &text].concat()), "noise and text of {length}");
    }
}

#[test]
fn short_chunks_are_left_alone() {
    for length in 0..MIN_PROBED_BYTES {
        assert!(!looks_compressible(&vec![0; length]));
    }
}

/// How many of `chunks` random chunks are probed is told by how soon a compressible one would be noticed.
#[test]
fn probes_become_rare_and_never_cease() {
    let (noise, zeros) = (random(1, CHUNK_BYTES), vec![0; CHUNK_BYTES]);
    for settled in [0u32, 1, 5, 100, 1_000] {
        let mut prober = Prober::default();
        for _ in 0..settled {
            assert!(!prober.try_chunk(&noise));
        }
        let raw = (0..).take_while(|_| !prober.try_chunk(&zeros)).count();
        assert!(raw <= usize::try_from(settled.min(MAX_UNPROBED_CHUNKS)).unwrap(), "{raw} after {settled}");
        assert!(prober.try_chunk(&zeros), "and stays");
    }
}

#[test]
fn a_failed_try_backs_off_at_once() {
    let zeros = vec![0; CHUNK_BYTES];
    let mut prober = Prober::default();
    assert!(prober.try_chunk(&zeros));
    prober.failed();
    let raw = (0..).take_while(|_| !prober.try_chunk(&zeros)).count();
    assert_eq!(u32::try_from(raw), Ok(MAX_UNPROBED_CHUNKS));
}
