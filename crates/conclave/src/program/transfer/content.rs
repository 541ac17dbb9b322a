//! The SHA-256 of a file's content, and of what has passed of it so far.

use std::fmt;
use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// How much is read from a disk at once.
pub(crate) const READ_BYTES: usize = 256 * 1024;

/// A SHA-256. Written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct ContentHash([u8; ContentHash::BYTES]);

impl ContentHash {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn from_bytes(bytes: [u8; ContentHash::BYTES]) -> ContentHash {
        ContentHash(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; ContentHash::BYTES] {
        &self.0
    }
}

/// The hash of everything up to here; more can follow.
#[derive(Clone)]
pub(crate) struct RunningHash {
    context: Context,
    bytes: u64,
}

impl RunningHash {
    /// Of nothing yet.
    pub(crate) fn new() -> RunningHash {
        RunningHash { context: Context::new(&SHA256), bytes: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    /// How many bytes it covers.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash of what it covers.
    pub(crate) fn so_far(&self) -> ContentHash {
        let mut hash = [0; ContentHash::BYTES];
        hash.copy_from_slice(self.context.clone().finish().as_ref());
        ContentHash(hash)
    }

    /// Covers the next `bytes` of `source`, or as many as there are.
    pub(crate) fn read(&mut self, source: &mut impl Read, bytes: u64) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        let mut source = source.take(bytes);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> String {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<ContentHash, &'static str> {
        super::super::hex::decode(&text).map(ContentHash).ok_or("a SHA-256 has 64 hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_and_can_go_on_after_it_was_asked() {
        // FIPS 180-4, example "abc".
        let mut hash = RunningHash::new();
        hash.update(b"ab");
        let early = hash.so_far();
        hash.read(&mut &b"c and more"[..], 1).unwrap();
        assert_eq!(
            hash.so_far().to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_ne!(early, hash.so_far());
        assert_eq!(hash.bytes(), 3);
    }

    #[test]
    fn it_reads_its_own_text_and_nothing_else() {
        let hash = RunningHash::new().so_far();
        assert_eq!(ContentHash::try_from(hash.to_string()), Ok(hash));
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
            assert!(ContentHash::try_from(wrong.to_owned()).is_err());
        }
    }
}
