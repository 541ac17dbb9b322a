//! An identity key as text.

use core::{fmt, str::FromStr};

use crate::identity::check_key;
use crate::reader::Reader;
use crate::{Error, IdentityKey, text};

/// What the text of an identity key begins with, before the separator `1`.
pub const KEY_PREFIX: &str = "member";

const KEY_VERSION: u8 = 1;

/// An identity key for people to hand to each other: `member1…`, bech32m, in either case. It says who somebody is, not
/// how to reach them, and lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyText(pub IdentityKey);

impl fmt::Display for KeyText {
    /// `version 1 | identity 32`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [KEY_VERSION; 33];
        bytes[1..].copy_from_slice(&self.0.0);
        f.write_str(&text::encode(KEY_PREFIX, &bytes).ok_or(fmt::Error)?)
    }
}

impl FromStr for KeyText {
    type Err = Error;

    /// Reads `member1…`.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another kind of text or what is no key, [`Error::Checksum`] for a damaged one,
    /// [`Error::Version`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let what = "an identity key (member1...)";
        let bytes = text::decode(KEY_PREFIX, text, what)?;
        let mut reader = Reader::new(&bytes, what);
        let version = reader.byte()?;
        if version != KEY_VERSION {
            return Err(Error::Version { found: version });
        }
        let key = IdentityKey(reader.array()?);
        check_key(&key).map_err(|_| reader.malformed())?;
        reader.finish()?;
        Ok(Self(key))
    }
}
