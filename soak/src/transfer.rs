//! Messages that their receivers can check: noise, and behind it its hash.

use anyhow::Result;
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use bytes::{Bytes, BytesMut};
use node::{Body, BodyError};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The size of the pieces in which a large message is written.
const PIECE_BYTES: u64 = 64 * 1024;
/// How many bytes longer a message is than its noise.
const HASH_BYTES: u64 = 32;

/// A message in pieces.
pub(crate) struct Pieces {
    rng: StdRng,
    noise_bytes: u64,
    hash: Option<Context>,
}

/// Why a message was not received as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotWhole {
    /// The session was lost.
    Lost,
    /// Its sender gave it up.
    Aborted,
    /// It is not what was sent.
    Damaged,
}

impl Pieces {
    /// A message with so much noise.
    pub(crate) fn new(noise_bytes: u64, seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), noise_bytes, hash: Some(Context::new(&SHA256)) }
    }

    /// How long what is still to come is.
    pub(crate) fn left_bytes(&self) -> u64 {
        self.noise_bytes + if self.hash.is_some() { HASH_BYTES } else { 0 }
    }

    /// All of it at once.
    pub(crate) fn whole(self) -> Bytes {
        let mut all = BytesMut::new();
        self.for_each(|piece| all.extend_from_slice(&piece));
        all.freeze()
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.noise_bytes == 0 {
            let hash = self.hash.take()?.finish();
            return Some(Bytes::copy_from_slice(hash.as_ref()));
        }
        let length = self.noise_bytes.min(PIECE_BYTES);
        self.noise_bytes -= length;
        let mut piece = vec![0; usize::try_from(length).ok()?];
        self.rng.fill_bytes(&mut piece);
        self.hash.as_mut()?.update(&piece);
        Some(piece.into())
    }
}

/// Reads a message to its end and checks it, without holding it.
pub(crate) async fn check(mut body: Body) -> Result<(), NotWhole> {
    let mut hash = Context::new(&SHA256);
    // Its last bytes so far, which may be the hash.
    let mut tail = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| match error {
            BodyError::Lost => NotWhole::Lost,
            _ => NotWhole::Aborted,
        })?;
        tail.extend_from_slice(&piece);
        let noise = tail.len().saturating_sub(SHA256_OUTPUT_LEN);
        hash.update(&tail.split_to(noise));
    }
    if hash.finish().as_ref() == &tail[..] { Ok(()) } else { Err(NotWhole::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_as_long_as_announced() {
        for noise in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let pieces = Pieces::new(noise, 7);
            let announced = pieces.left_bytes();
            assert_eq!(u64::try_from(pieces.whole().len()).unwrap(), announced);
        }
    }

    #[test]
    fn the_hash_is_that_of_the_noise() {
        let whole = Pieces::new(100_000, 3).whole();
        let (noise, hash) = whole.split_at(100_000);
        assert_eq!(aws_lc_rs::digest::digest(&SHA256, noise).as_ref(), hash);
    }
}
