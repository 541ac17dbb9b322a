//! What a decoder accepts, how carefully it reads, and what it has seen.

use crate::trailer::Trailer;

/// When the decoder looks into runs for markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Always: a marker ends a frame wherever it stands, so that damage costs the damaged frames and at most the
    /// next one, and none waits for bytes that a damaged length announces. For lines and logs.
    Always,
    /// Only in what a failed frame had covered: run lengths are trusted, the bytes of a run are not looked at. For
    /// reliable paths, where the caller gives up at the first [`Damage`](crate::Damage).
    AfterDamage,
}

/// What a [`Decoder`](crate::Decoder) accepts, and how carefully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest body, in bytes, without its checksum. Frames that announce more are refused at the length that
    /// does: the decoder never asks the input to hold more than
    /// [`max_encoded_len`](crate::max_encoded_len) of this (and of the checksum).
    pub max_body_bytes: usize,
    /// What follows every body.
    pub trailer: Trailer,
    /// When to look into runs for markers.
    pub scan: Scan,
}

impl Config {
    /// For a path that delivers bytes intact and in order, such as TCP with a cipher above.
    #[must_use]
    pub const fn reliable(max_body_bytes: usize) -> Self {
        Self { max_body_bytes, trailer: Trailer::None, scan: Scan::AfterDamage }
    }

    /// For a serial line or a log, where bytes change, vanish and appear.
    #[must_use]
    pub const fn line(max_body_bytes: usize) -> Self {
        Self { max_body_bytes, trailer: Trailer::Crc32c, scan: Scan::Always }
    }
}

/// What a [`Decoder`](crate::Decoder) has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames delivered.
    pub frames: u64,
    /// How often something was given up and the next marker looked for: one for each [`Damage`](crate::Damage).
    pub resynchronizations: u64,
    /// Bytes consumed that belong to no delivered frame.
    pub skipped_bytes: u64,
}
