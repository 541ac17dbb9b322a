//! Text that opens something.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The text of a ticket, on its way between a person, a command and the node. It is erased when dropped, and shows in no
/// log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself: for the one line that hands it over.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> SecretText {
        SecretText(Zeroizing::new(text))
    }
}

impl From<Zeroizing<String>> for SecretText {
    fn from(text: Zeroizing<String>) -> SecretText {
        SecretText(text)
    }
}

impl From<SecretText> for String {
    fn from(text: SecretText) -> String {
        text.expose().to_owned()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
