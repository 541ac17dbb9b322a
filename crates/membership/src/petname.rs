//! What one person calls another.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, MemberId};

/// The longest petname, in UTF-8.
pub const MAX_PETNAME_BYTES: usize = 64;

/// A local name, in any script. Of ASCII only letters, digits, `-`, `_`, `.`, `'` and single spaces between them;
/// nothing that is invisible, moves the cursor or turns the text around, and nothing that looks like a member id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Petname(String);

impl Petname {
    /// Takes a name.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`].
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        if name.len() > MAX_PETNAME_BYTES {
            return Err(Error::TooLarge { what: "bytes of a petname", limit: MAX_PETNAME_BYTES });
        }
        let plain = name.bytes().all(|byte| {
            !byte.is_ascii()
                || byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b'\'' | b' ')
        });
        // Whatever does not show as itself is escaped: controls, formats, other spaces, a mark without its letter.
        let visible = name.split('\'').all(|part| part.escape_debug().eq(part.chars()));
        let tidy = !name.is_empty() && !name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  ");
        let is_id = name.parse::<MemberId>().is_ok();
        if plain && visible && tidy && !is_id {
            Ok(Self(name))
        } else {
            Err(Error::Malformed { what: "a petname" })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Petname {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl TryFrom<String> for Petname {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl From<Petname> for String {
    fn from(name: Petname) -> Self {
        name.0
    }
}

impl fmt::Display for Petname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
