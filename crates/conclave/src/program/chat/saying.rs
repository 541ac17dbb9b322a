//! One line that a member says to another.

use node::{Message, Schema};
use serde::{Deserialize, Serialize};

use super::super::failure::{Failure, Kind};

/// The longest line: what somebody types, not a file.
pub(crate) const MAX_SAYING_BYTES: usize = 8 * 1024;

/// The message of the actor `chat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saying {
    pub(crate) text: String,
}

impl Message for Saying {
    const SCHEMA: Schema = Schema::new("conclave.chat/1");
}

impl Saying {
    /// What is kept and shown of it. A program of this kind never says more, and another one is not trusted to.
    pub(crate) fn into_text(self) -> String {
        let mut text = self.text;
        text.truncate(text.floor_char_boundary(MAX_SAYING_BYTES));
        text
    }
}

/// Refuses a line of so many bytes if it is too long to be said.
pub(crate) fn fitting(bytes: usize) -> Result<(), Failure> {
    if bytes <= MAX_SAYING_BYTES {
        return Ok(());
    }
    Err(Failure::new(Kind::Usage, format!("the line has more than {MAX_SAYING_BYTES} bytes"))
        .advice("say it in parts")
        .advice("send it as a file: `conclave send FILE MEMBER`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_saying_is_frozen() {
        let saying = Saying { text: "hello".into() };
        assert_eq!(serde_json::to_string(&saying).unwrap(), r#"{"text":"hello"}"#);
        assert_eq!(Saying::SCHEMA.as_str(), "conclave.chat/1");
    }

    #[test]
    fn long_lines_are_refused_here_and_cut_when_they_come_from_others() {
        assert!(fitting(MAX_SAYING_BYTES).is_ok());
        assert_eq!(fitting(MAX_SAYING_BYTES + 1).unwrap_err().kind, Kind::Usage);
        let text = Saying { text: format!("x{}", "ü".repeat(MAX_SAYING_BYTES)) }.into_text();
        assert_eq!(text.len(), MAX_SAYING_BYTES - 1);
        assert!(text.ends_with('ü'));
    }
}
