//! What can go wrong with keys, records, cards and lists.

use crate::MemberId;

/// Why something was not read, not verified or not added. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Whoever made the bytes is at fault.
    /// Too short, too long, or not of this form.
    #[error("not {what}")]
    Malformed {
        /// What was expected.
        what: &'static str,
    },
    /// The text is damaged: a character is wrong, missing or added.
    #[error("the text is damaged: its checksum does not fit")]
    Checksum,
    /// Written by another version of the protocol.
    #[error("written in version {found}; this program reads version 1")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// More of something than a limit allows.
    #[error("too many or too long: {what}; at most {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The signature does not hold, or the key is one that must not sign.
    #[error("the signature does not hold")]
    Signature,
    /// The static key is not one that a handshake can be held with.
    #[error("the device's key is not usable")]
    UnusableKey,
    /// Not opened by this passphrase, or damaged: nobody can tell which.
    #[error("the passphrase is wrong, or the file is damaged")]
    Sealed,
    /// Another number of recovery words.
    #[error("{found} words; recovery words are 24")]
    WordCount {
        /// How many there are.
        found: usize,
    },
    /// A recovery word that is on no list.
    #[error("word {place} is not a recovery word")]
    UnknownWord {
        /// Which of them, from 1.
        place: usize,
    },
    /// Each of the recovery words is one, but not together: one is another, or in another place.
    #[error("one of the recovery words is wrong, or in the wrong place: their checksum does not fit")]
    WordsChecksum,
    /// The date is beyond the year 9999.
    #[error("the expiry is beyond the year 9999")]
    Date,

    /// An identity neither vouches for itself nor revokes itself.
    #[error("a statement of somebody about themselves")]
    AboutOneself,

    // The list already says something else.
    /// Another key has the same member id. Somebody went to great lengths for that: do not trust either blindly.
    #[error("ANOTHER KEY is known under the member id {id}")]
    IdTaken {
        /// The id of both.
        id: MemberId,
    },
    /// The same device id with another key: a device never changes its key, a new key is a new device.
    #[error("this device is known with another key")]
    DeviceConflict,
    /// Another member has this petname.
    #[error("another member, {owner}, is called that")]
    PetnameTaken {
        /// Who is.
        owner: MemberId,
    },

    // The caller's question.
    /// Nobody is called that.
    #[error("no such member")]
    NoSuchMember,
    /// Several members fit.
    #[error("{first} and {second} both fit; say more")]
    Ambiguous {
        /// The first of them.
        first: MemberId,
        /// The second.
        second: MemberId,
    },

    /// A primitive failed on input that it must accept; in practice, out of memory.
    #[error("a cryptographic primitive failed")]
    Primitive,
}
