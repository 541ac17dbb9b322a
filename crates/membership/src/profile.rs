//! What a person or a site says about itself beside its name.

use std::collections::BTreeMap;

use crate::Error;
use crate::reader::Reader;

/// Fields of a profile.
pub const MAX_PROFILE_FIELDS: usize = 8;
/// The longest name of a field.
pub const MAX_FIELD_NAME_BYTES: usize = 32;
/// The longest text of a field.
pub const MAX_FIELD_TEXT_BYTES: usize = 128;

/// Named texts, such as `mail` or `site`: said by the member itself and vouched for by nobody. One line each, of what
/// shows as itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile(BTreeMap<String, String>);

impl Profile {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a field in, in place of one of the same name.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`].
    pub fn set(&mut self, name: impl Into<String>, text: impl Into<String>) -> Result<(), Error> {
        let (name, text) = (name.into(), text.into());
        if name.len() > MAX_FIELD_NAME_BYTES || text.len() > MAX_FIELD_TEXT_BYTES {
            return Err(Error::TooLarge { what: "bytes of a profile's field", limit: MAX_FIELD_TEXT_BYTES });
        }
        if self.0.len() >= MAX_PROFILE_FIELDS && !self.0.contains_key(&name) {
            return Err(Error::TooLarge { what: "fields of a profile", limit: MAX_PROFILE_FIELDS });
        }
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let visible = text.split('\'').all(|part| part.escape_debug().eq(part.chars()));
        if !named || !visible {
            return Err(Error::Malformed { what: "a profile's field" });
        }
        self.0.insert(name, text);
        Ok(())
    }

    /// The fields, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// `n u8 | n (length u8 | name | length u8 | text)`, names ascending
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        let length = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        bytes.push(length(self.0.len()));
        for part in self.0.iter().flat_map(|(name, text)| [name, text]) {
            bytes.push(length(part.len()));
            bytes.extend_from_slice(part.as_bytes());
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut profile = Self::new();
        for _ in 0..reader.count(MAX_PROFILE_FIELDS)? {
            let name = reader.text(MAX_FIELD_NAME_BYTES)?;
            if profile.0.last_key_value().is_some_and(|(last, _)| last.as_str() >= name) {
                return Err(reader.malformed());
            }
            profile.set(name, reader.text(MAX_FIELD_TEXT_BYTES)?)?;
        }
        Ok(profile)
    }
}
