//! Chunk bombs and deflate bombs.
#![allow(dead_code)] // each test binary uses its own part

use bytes::Bytes;
use chunk_proto::{
    ChunkHeader, ChunkOptions, Coding, Compression, Deflater, MAX_MESSAGE_BYTES, MAX_OPEN_MESSAGES,
};

use super::{header, noise};

/// Every payload the attacks need, made before anything is counted.
pub(crate) struct Arms {
    pub(crate) large: Bytes,
    pub(crate) small: Bytes,
    /// A stream of 64,000 zeros, some 80 bytes long.
    pub(crate) bomb: Bytes,
    /// Streams of far more than they announce, and broken ones.
    pub(crate) lies: Vec<Bytes>,
}

impl Arms {
    pub(crate) fn new() -> Self {
        let options =
            ChunkOptions { chunk_bytes: 65_536, compression: Compression::Always, ..ChunkOptions::default() };
        let mut deflater = Deflater::default();
        let mut stream =
            |length| super::chunks(0, &vec![0; length], &options, &mut deflater).remove(0).payload;
        let bomb = stream(64_000);
        let lies = vec![
            stream(65_536),
            stream(1_000),
            bomb.slice(..bomb.len() - 1),
            Bytes::from(vec![0xFF; 60_000]),
        ];
        Self { large: Bytes::from(noise(1, 64_000)), small: Bytes::from(noise(2, 64)), bomb, lies }
    }
}

/// A chunk of the attack's step, or `None` when it is over.
pub(crate) type Attack = fn(&Arms, u32) -> Option<(ChunkHeader, Bytes)>;

pub(crate) fn attacks() -> Vec<(&'static str, Attack)> {
    vec![
        ("held chunks of one message", |arms, step| {
            let chunk = header(1, step + 1, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
            (step < 1_000).then(|| (chunk, arms.large.clone()))
        }),
        ("held chunks of the smallest size, backwards", |arms, step| {
            let chunk = header(1, 16_000_000 - step, MAX_MESSAGE_BYTES, 64, Coding::Raw);
            (step < 150_000).then(|| (chunk, arms.small.clone()))
        }),
        ("held chunks of the smallest size, scattered", |arms, step| {
            let chunk = header(
                1,
                1 + step.wrapping_mul(0x9E37_79B1) % 16_000_000,
                MAX_MESSAGE_BYTES,
                64,
                Coding::Raw,
            );
            (step < 150_000).then(|| (chunk, arms.small.clone()))
        }),
        ("held chunks that inflate a thousandfold", |arms, step| {
            let chunk = header(1, step + 1, MAX_MESSAGE_BYTES, 64_000, Coding::Deflate);
            (step < 1_000).then(|| (chunk, arms.bomb.clone()))
        }),
        ("streams that lie about their length", |arms, step| {
            let chunk = header(step.into(), 1, MAX_MESSAGE_BYTES, 64_000, Coding::Deflate);
            (step < 3_000).then(|| (chunk, arms.lies[step as usize % arms.lies.len()].clone()))
        }),
        ("many messages, a little held of each", |arms, step| {
            let chunk = header((step % 300).into(), 1 + step / 300, MAX_MESSAGE_BYTES, 64, Coding::Raw);
            (step < 150_000).then(|| (chunk, arms.small.clone()))
        }),
        ("a new message each time", |arms, step| {
            let chunk = header(step.into(), 5, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
            (step < 10_000).then(|| (chunk, arms.large.clone()))
        }),
        ("empty messages", |_, step| {
            let chunk = header(step.into(), 0, 0, 64_000, Coding::Raw);
            (step < 100_000).then(|| (chunk, Bytes::new()))
        }),
        ("messages of one chunk", |arms, step| {
            let chunk = header(step.into(), 0, 64, 64_000, Coding::Raw);
            (step < 100_000).then(|| (chunk, arms.small.clone()))
        }),
        ("one message in order", |arms, step| {
            let chunk = header(1, step, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
            (step < 1_000).then(|| (chunk, arms.large.clone()))
        }),
        ("messages of one chunk, as many as make a queue grow once more", |arms, step| {
            let chunk = header(step.into(), 0, 57, 64_000, Coding::Raw);
            (step < 40_000).then(|| (chunk, arms.small.slice(..57)))
        }),
        ("all backwards, until the gap closes", |arms, step| {
            let index = 30_000u32.checked_sub(step + 1)?;
            Some((header(1, index, 64 * 30_000, 64, Coding::Raw), arms.small.clone()))
        }),
        ("the first chunk of as many messages as can be open", |arms, step| {
            let chunk = header(step.into(), 0, MAX_MESSAGE_BYTES, 64_000, Coding::Raw);
            (step < 300).then(|| (chunk, arms.large.clone()))
        }),
        ("as many messages as can be open, the rest of the budget held", |arms, step| {
            let messages = MAX_OPEN_MESSAGES as u32;
            let chunk = header(
                (step % messages).into(),
                1 + step / messages,
                MAX_MESSAGE_BYTES,
                64_000,
                Coding::Deflate,
            );
            (step < 2_000).then(|| (chunk, arms.bomb.clone()))
        }),
    ]
}
