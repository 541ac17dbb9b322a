//! An identity on paper.

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::{Error, Identity};

/// Words that an identity is written in.
pub const RECOVERY_WORDS: usize = 24;

/// The longest text that is looked at: words of at most eight letters, and much space between them.
const MAX_TEXT_BYTES: usize = 1_024;
/// A word has at most eight letters; so many are reserved at once, so that no copy of a part is left behind.
const WORD_BYTES: usize = 9;

impl Identity {
    /// The secret as 24 English words (BIP 39), a space between them. Whoever reads them is this identity: print them
    /// once, for paper.
    ///
    /// # Errors
    /// [`Error::Primitive`]; it does not happen.
    pub fn to_words(&self) -> Result<Zeroizing<String>, Error> {
        let words =
            Mnemonic::from_entropy_in(Language::English, &self.secret()[..]).map_err(|_| Error::Primitive)?;
        let mut text = Zeroizing::new(String::with_capacity(RECOVERY_WORDS * WORD_BYTES));
        for word in words.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        Ok(text)
    }

    /// The identity that was written in these words, in either case, with any space between them. It has no devices:
    /// this machine makes a key of its own.
    ///
    /// # Errors
    /// [`Error::WordCount`], [`Error::UnknownWord`], [`Error::WordsChecksum`], [`Error::TooLarge`].
    pub fn from_words(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::TooLarge { what: "bytes of recovery words", limit: MAX_TEXT_BYTES });
        }
        let text = Zeroizing::new(text.to_ascii_lowercase());
        let count = text.split_whitespace().count();
        if count != RECOVERY_WORDS {
            return Err(Error::WordCount { found: count });
        }
        let words = Mnemonic::parse_in_normalized(Language::English, &text).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => Error::UnknownWord { place: index.saturating_add(1) },
            bip39::Error::InvalidChecksum => Error::WordsChecksum,
            _ => Error::WordCount { found: count },
        })?;
        let entropy = Zeroizing::new(words.to_entropy_array().0);
        let secret = entropy.first_chunk::<32>().ok_or(Error::WordCount { found: count })?;
        Ok(Self::from_secret(secret))
    }
}
