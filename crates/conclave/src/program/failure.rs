//! How a command fails: a kind that fixes the exit code, and three sentences for a person.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// What went wrong, as a program reads it. Several kinds share an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A promise of the program did not hold: a bug, or a step of the demo that failed.
    Broken,
    /// The command line, or something handed in with it, is not right.
    Usage,
    /// The card cannot be read, or contradicts a known member.
    BadCard,
    /// The ticket cannot be read, has expired, or is not for this node.
    BadTicket,
    /// There is no member of that name in this home.
    UnknownMember,
    /// Nobody answered, or no address of the member could be reached.
    NoAnswer,
    /// The other side said no.
    Refused,
    /// It answered before, but not within the time allowed.
    TimedOut,
    /// Stopped before the end; what was moved so far is kept.
    Interrupted,
    /// The local disk, a folder or a socket refused.
    LocalIo,
    /// There is no home here, or it is incomplete.
    HomeMissing,
    /// There is already a home here.
    HomeExists,
    /// Another process is using the home.
    HomeLocked,
    /// Others could read the keys.
    HomeUnsafe,
    /// The passphrase does not open the identity.
    WrongPassphrase,
    /// The identity is kept under a passphrase, and nobody gives it.
    Sealed,
    /// `doctor` has found a problem.
    Unhealthy,
    /// A newer program said something this one does not know.
    #[serde(other)]
    Unknown,
}

impl Kind {
    /// The documented exit code (README, "Exit codes").
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Kind::Broken | Kind::Unknown => 1,
            Kind::Usage | Kind::BadCard | Kind::BadTicket | Kind::UnknownMember => 2,
            Kind::NoAnswer => 3,
            Kind::Refused => 4,
            Kind::TimedOut => 5,
            Kind::Interrupted => 6,
            Kind::LocalIo => 7,
            Kind::HomeMissing | Kind::HomeExists | Kind::HomeLocked | Kind::HomeUnsafe => 8,
            Kind::WrongPassphrase | Kind::Sealed => 9,
            Kind::Unhealthy => 10,
        }
    }
}

/// The one way a command ends other than well. It travels over the socket of `conclave up` unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// For programs.
    pub(crate) kind: Kind,
    /// What happened.
    pub(crate) what: String,
    /// What it means, where that does not follow from what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) meaning: Option<String>,
    /// What to do next, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) advice: Vec<String>,
}

impl Failure {
    /// A failure that so far only says what happened.
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Failure {
        Failure { kind, what: what.into(), meaning: None, advice: Vec::new() }
    }

    /// Adds what it means.
    #[must_use]
    pub(crate) fn meaning(mut self, text: impl Into<String>) -> Failure {
        self.meaning = Some(text.into());
        self
    }

    /// Adds something to do next.
    #[must_use]
    pub(crate) fn advice(mut self, text: impl Into<String>) -> Failure {
        self.advice.push(text.into());
        self
    }

    /// The local disk refused: `doing` is a gerund phrase such as `writing`.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Failure {
        let failure = Failure::new(Kind::LocalIo, format!("{doing} {}: {}", path.display(), reason(error)));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                failure.advice("make room on that disk and run the same command again")
            }
            io::ErrorKind::PermissionDenied => {
                failure.advice("check who owns that path and what its modes allow")
            }
            _ => failure,
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.exit_code())
    }
}

/// An input or output error in the words of this program rather than of the C library where that helps.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        _ => error.to_string(),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.what)?;
        if let Some(meaning) = &self.meaning {
            write!(formatter, "\n  this means: {meaning}")?;
        }
        for (index, advice) in self.advice.iter().enumerate() {
            write!(formatter, "\n  {} {advice}", if index == 0 { "what to do:" } else { "        or:" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_of_the_readme_is_one_the_program_uses_and_the_other_way_round() {
        let readme = include_str!("../../README.md");
        let mut documented: Vec<u8> = readme
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
            .collect();
        documented.sort_unstable();
        let mut used: Vec<u8> = vec![0];
        used.extend(
            [
                Kind::Broken,
                Kind::Usage,
                Kind::BadCard,
                Kind::BadTicket,
                Kind::UnknownMember,
                Kind::NoAnswer,
                Kind::Refused,
                Kind::TimedOut,
                Kind::Interrupted,
                Kind::LocalIo,
                Kind::HomeMissing,
                Kind::HomeExists,
                Kind::HomeLocked,
                Kind::HomeUnsafe,
                Kind::WrongPassphrase,
                Kind::Sealed,
                Kind::Unhealthy,
                Kind::Unknown,
            ]
            .map(Kind::exit_code),
        );
        used.sort_unstable();
        used.dedup();
        assert_eq!(documented, used);
    }

    #[test]
    fn a_failure_survives_the_socket_and_an_unknown_kind_stays_a_failure() {
        let failure =
            Failure::new(Kind::NoAnswer, "no answer").meaning("silence").advice("wait").advice("ask");
        let line = serde_json::to_string(&failure).unwrap();
        assert_eq!(serde_json::from_str::<Failure>(&line).unwrap(), failure);
        let newer = serde_json::from_str::<Failure>(r#"{"kind":"eaten_by_a_bear","what":"gone"}"#).unwrap();
        assert_eq!((newer.kind, newer.kind.exit_code()), (Kind::Unknown, 1));
    }

    #[test]
    fn the_text_says_what_happened_what_it_means_and_what_to_do() {
        let failure = Failure::new(Kind::NoAnswer, "no answer from bob")
            .meaning("silence")
            .advice("wait")
            .advice("ask");
        assert_eq!(
            failure.to_string(),
            "no answer from bob\n  this means: silence\n  what to do: wait\n          or: ask"
        );
    }
}
