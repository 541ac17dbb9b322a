//! What the two sides of a transfer say to each other beside the content.
//!
//! ```text
//! sender                                receiver
//!   Offer {name, bytes}          ->
//!                                <-     Working …              (while it hashes what it already has)
//!                                <-     Accept {offset, prefix}   or Refuse {reason}
//!   segments from offset, or from 0 where its own first `offset` bytes do not hash to `prefix`
//!                                <-     Stored {name}             or Refuse {reason}, at any time
//!   Cancel                       ->                            (at any time)
//! ```
//! One JSON object a message, on a stream of its own, so that they never wait behind content.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::hex;
use super::content::ContentHash;

/// The version of these messages and of the segments.
pub(crate) const FILES_VERSION: u8 = 1;

/// The stream of the messages in this file.
pub(crate) const TALK_STREAM: &str = "conclave.files";
/// The streams of the segments: this, and the transfer id in hexadecimal.
pub(crate) const CONTENT_STREAM: &str = "conclave.files/";

/// The longest of these messages: a name of the largest size with every letter escaped, and the numbers around it.
pub(crate) const MAX_TALK_BYTES: usize = 4 * 1024;

/// The longest name that is sent; the receiver cuts it further.
pub(crate) const MAX_OFFERED_NAME_BYTES: usize = 255;

/// Names one run of `conclave send`, over all its interruptions. Chosen at random by the sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct TransferId([u8; TransferId::BYTES]);

impl TransferId {
    pub(crate) const BYTES: usize = 16;

    pub(crate) const fn from_bytes(bytes: [u8; TransferId::BYTES]) -> TransferId {
        TransferId(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; TransferId::BYTES] {
        &self.0
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Talk {
    pub(crate) version: u8,
    pub(crate) transfer: TransferId,
    #[serde(flatten)]
    pub(crate) word: Word,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub(crate) enum Word {
    /// Sender: here is a file.
    Offer { name: String, bytes: u64 },
    /// Receiver: send it from `offset`; what I have before that hashes to `prefix`.
    Accept { offset: u64, prefix: ContentHash },
    /// Either: still reading my disk, do not give up.
    Working,
    /// Receiver: it is on my disk, whole, and its hash is right.
    Stored { name: String },
    /// Receiver: no, or no more.
    Refuse { reason: Refusal },
    /// Sender: I stop. Keep what you have.
    Cancel,
}

/// Why a receiver does not take a file, or stopped taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Refusal {
    /// It runs without a folder to receive into.
    NotReceiving,
    /// It does not speak this version.
    Version,
    /// Files may have that many bytes there.
    TooLarge { limit_bytes: u64 },
    /// All files of this member together may have that many bytes there.
    MemberLimit { limit_bytes: u64 },
    /// All files together may have that many bytes there.
    TotalLimit { limit_bytes: u64 },
    /// It is busy with as many transfers as it takes at once.
    Busy,
    /// The same file was offered anew, or another process writes it.
    Superseded,
    /// Its disk is full.
    DiskFull,
    /// It may not write to its own folder.
    NotPermitted,
    /// Its disk failed in some other way.
    DiskFailed,
    /// There are too many files of that name.
    NoFreeName,
    /// What arrived does not have the hash that came with it; it was thrown away.
    WrongHash,
    /// The content did not follow on what was there.
    OutOfStep,
    /// Nothing came for too long.
    Stalled,
    /// It is shutting down.
    Stopping,
    /// A newer program gave a reason that this one does not know.
    #[serde(other)]
    Unknown,
}

impl Refusal {
    /// The same in the words of the receiver's own side.
    pub(crate) fn here(self) -> &'static str {
        match self {
            Refusal::DiskFull => "the disk is full",
            Refusal::NotPermitted => "the folder cannot be written to",
            Refusal::DiskFailed => "the disk failed",
            Refusal::NoFreeName => "there are too many files of that name",
            Refusal::WrongHash => "the hash was wrong: thrown away",
            Refusal::OutOfStep => "the sender broke the protocol",
            Refusal::Stalled => "nothing arrived for too long",
            Refusal::Stopping => "this node stops",
            Refusal::Superseded => "the same file is being sent a second time",
            _ => "refused",
        }
    }

    /// Whether offering the same file once more can succeed without anybody doing something.
    pub(crate) fn is_passing(self) -> bool {
        matches!(
            self,
            Refusal::Busy | Refusal::WrongHash | Refusal::OutOfStep | Refusal::Stalled | Refusal::Stopping
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::super::size::Bytes;
        match self {
            Refusal::NotReceiving => write!(formatter, "it is not receiving files"),
            Refusal::Version => write!(formatter, "it speaks another version of file transfer"),
            Refusal::TooLarge { limit_bytes } => {
                write!(formatter, "it takes files up to {}", Bytes(*limit_bytes))
            }
            Refusal::MemberLimit { limit_bytes } => {
                write!(formatter, "it takes {} in all from one member", Bytes(*limit_bytes))
            }
            Refusal::TotalLimit { limit_bytes } => {
                write!(formatter, "it takes {} in all", Bytes(*limit_bytes))
            }
            Refusal::Busy => write!(formatter, "it is busy with other files"),
            Refusal::Superseded => write!(formatter, "the same file is being sent a second time"),
            Refusal::DiskFull => write!(formatter, "its disk is full"),
            Refusal::NotPermitted => write!(formatter, "it may not write to its own folder"),
            Refusal::DiskFailed => write!(formatter, "its disk failed"),
            Refusal::NoFreeName => write!(formatter, "it has too many files of that name"),
            Refusal::WrongHash => write!(formatter, "what arrived had the wrong hash"),
            Refusal::OutOfStep => write!(formatter, "the content did not follow on what was there"),
            Refusal::Stalled => write!(formatter, "nothing arrived for too long"),
            Refusal::Stopping => write!(formatter, "it is shutting down"),
            Refusal::Unknown => write!(formatter, "it gave a reason that this version does not know"),
        }
    }
}

impl Talk {
    pub(crate) fn new(transfer: TransferId, word: Word) -> Talk {
        Talk { version: FILES_VERSION, transfer, word }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // A struct of numbers and strings always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a message of this or a newer version, or `None` where it is no message at all.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Talk> {
        if bytes.len() > MAX_TALK_BYTES {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }
}

impl fmt::Debug for TransferId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl From<TransferId> for String {
    fn from(id: TransferId) -> String {
        hex::encode(&id.0)
    }
}

impl TryFrom<String> for TransferId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<TransferId, &'static str> {
        hex::decode(&text).map(TransferId).ok_or("a transfer id has 32 hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: TransferId = TransferId([0xab; 16]);

    #[test]
    fn the_bytes_of_every_word_are_frozen() {
        let id = "ab".repeat(16);
        let hash = "00".repeat(32);
        let zero = ContentHash::from_bytes([0; 32]);
        for (word, json) in [
            (Word::Offer { name: "a".into(), bytes: 7 }, r#""word":"offer","name":"a","bytes":7"#.to_owned()),
            (
                Word::Accept { offset: 3, prefix: zero },
                format!(r#""word":"accept","offset":3,"prefix":"{hash}""#),
            ),
            (Word::Working, r#""word":"working""#.to_owned()),
            (Word::Stored { name: "a (1)".into() }, r#""word":"stored","name":"a (1)""#.to_owned()),
            (
                Word::Refuse { reason: Refusal::TooLarge { limit_bytes: 9 } },
                r#""word":"refuse","reason":{"kind":"too_large","limit_bytes":9}"#.to_owned(),
            ),
            (Word::Cancel, r#""word":"cancel""#.to_owned()),
        ] {
            let talk = Talk::new(ID, word);
            let expected = format!(r#"{{"version":1,"transfer":"{id}",{json}}}"#);
            assert_eq!(String::from_utf8(talk.encode()).unwrap(), expected);
            assert_eq!(Talk::decode(expected.as_bytes()), Some(talk));
        }
    }

    #[test]
    fn the_longest_offer_fits_and_more_is_refused() {
        let name = "\u{1}".repeat(MAX_OFFERED_NAME_BYTES);
        let offer = Talk::new(ID, Word::Offer { name, bytes: u64::MAX });
        assert_eq!(Talk::decode(&offer.encode()), Some(offer));
        let huge = Talk::new(ID, Word::Stored { name: "x".repeat(MAX_TALK_BYTES) });
        assert_eq!(Talk::decode(&huge.encode()), None);
    }

    #[test]
    fn a_newer_reason_is_still_a_refusal() {
        let id = "ab".repeat(16);
        let json = format!(
            r#"{{"version":1,"transfer":"{id}","word":"refuse","reason":{{"kind":"moon_phase","phase":3}}}}"#
        );
        let Some(Talk { word, .. }) = Talk::decode(json.as_bytes()) else { panic!("not decoded") };
        assert_eq!(word, Word::Refuse { reason: Refusal::Unknown });
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Talk::decode(&bytes);
        }
    }
}
