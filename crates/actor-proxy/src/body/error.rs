//! What can go wrong between a value and its bytes.

use std::fmt::{self, Display, Write};

use thiserror::Error;

/// The most of a reason that is kept, in bytes: serde quotes what it found, and a stranger wrote that.
const MAX_REASON_BYTES: usize = 256;

/// Why a value was not written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message is larger than the limit.
    #[error("the message has more than {limit} bytes")]
    TooLarge {
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// The format cannot express the value, or the value refuses to be written.
    #[error("the message cannot be written: {0}")]
    Unsupported(String),
}

/// Why a body is not a value of the expected type. The sender's fault, or a disagreement about the type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not a value of this type, or cut off.
    #[error("the message is malformed: {0}")]
    Malformed(String),
    /// Values within values, deeper than allowed.
    #[error("the message nests more than {limit} values")]
    TooDeep {
        /// The limit in force.
        limit: usize,
    },
    /// More elements in its collections than its size allows.
    #[error("the message has more than {limit} elements")]
    TooManyElements {
        /// The limit in force for a body of this size.
        limit: usize,
    },
    /// A whole value, and then more.
    #[error("{bytes} bytes follow the message")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// What a library said, cut to [`MAX_REASON_BYTES`] while it is written down.
pub(super) fn reason(said: impl Display) -> String {
    let mut reason = Reason(String::new());
    // Fails when there is more than is kept.
    if write!(reason, "{said}").is_err() {
        reason.0.push('…');
    }
    reason.0
}

struct Reason(String);

impl Write for Reason {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MAX_REASON_BYTES.saturating_sub(self.0.len());
        let kept = &text[..text.floor_char_boundary(left)];
        self.0.push_str(kept);
        if kept.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
