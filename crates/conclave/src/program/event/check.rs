//! What `conclave doctor` tells.

use serde::{Deserialize, Serialize};

use super::super::transfer::printable;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and will not for ever, or not for everybody.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckLine {
    /// Which.
    pub(crate) check: String,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) what: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) advice: String,
}

impl CheckLine {
    pub(super) fn text(&self) -> String {
        let mark = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "PROBLEM",
        };
        let advice = match self.advice.as_str() {
            "" => String::new(),
            advice => format!("\n{:22}  what to do: {}", "", printable(advice)),
        };
        format!("{mark:<8} {:<13} {}{advice}", self.check, printable(&self.what))
    }
}
