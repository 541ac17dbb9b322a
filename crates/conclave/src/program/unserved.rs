//! What it means to a person that a service of a member was of no use, and what to do about it.
#![cfg_attr(not(test), expect(dead_code, reason = "told once the node has actors"))]

use endpoint::ConnectError;

use super::advice;
use super::failure::{Failure, Kind};

/// Why a service was not reached, or gave no answer.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// There is no session.
    Unconnected(ConnectError),
    /// There is one, but no service of that name for us: whether it does not exist or is not for us is not told.
    NoService,
    /// It is of another kind than expected.
    OtherSchema { expected: String, found: String },
    /// It cannot make anything of what it was asked.
    BadInput(String),
    /// It answered that it failed.
    Failed(String),
    /// It has more to do than it takes.
    Busy,
    /// It ended, or its node did.
    Ended,
    /// The session was lost; it is not known whether the service was asked.
    Lost { maybe_delivered: bool },
    /// No answer came in time.
    TimedOut,
}

impl Unserved {
    /// For the user of `service` of the member `called`.
    pub(crate) fn failure(self, called: &str, service: &str) -> Failure {
        let refused = |what: String| Failure::new(Kind::Refused, what);
        match self {
            Unserved::Unconnected(error) => advice::unconnected(called, &error),
            Unserved::NoService => refused(format!("{called} offers you no service `{service}`"))
                .meaning("it does not run there, or it is for others")
                .advice(format!("see what there is: `conclave services {called}`"))
                .advice("ask them whether their `conclave up` runs and is as new as yours"),
            Unserved::OtherSchema { expected, found } => {
                refused(format!("`{service}` of {called} speaks `{found}`, and `{expected}` was expected"))
                    .advice("compare `conclave --version` on both sides")
            }
            Unserved::BadInput(why) => {
                refused(format!("`{service}` of {called} makes nothing of what it was asked: {why}"))
                    .advice(format!("see its schema: `conclave services {called}`"))
            }
            Unserved::Failed(why) => refused(format!("`{service}` of {called} failed: {why}")),
            Unserved::Busy => refused(format!("`{service}` of {called} is busy")).advice("try again later"),
            Unserved::Ended => {
                refused(format!("`{service}` of {called} has ended")).advice("try again when it is back")
            }
            Unserved::Lost { maybe_delivered } => {
                let lost =
                    Failure::new(Kind::Interrupted, format!("the session with {called} was lost on the way"));
                let lost = match maybe_delivered {
                    true => lost.meaning("it may have arrived all the same: nothing is sent twice by itself"),
                    false => lost.meaning("it has not arrived"),
                };
                lost.advice("try again").advice(format!("see why: `conclave why {called}`"))
            }
            Unserved::TimedOut => {
                Failure::new(Kind::TimedOut, format!("`{service}` of {called} did not answer in time"))
                    .meaning("it may have arrived all the same: nothing is sent twice by itself")
                    .advice("see whether they are there: `conclave ping`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_the_exit_code_of_its_kind() {
        for (unserved, code) in [
            (Unserved::Unconnected(ConnectError::NoAnswer), 3),
            (Unserved::NoService, 4),
            (Unserved::OtherSchema { expected: "a/1".into(), found: "a/2".into() }, 4),
            (Unserved::BadInput("a number is missing".into()), 4),
            (Unserved::Failed("division by zero".into()), 4),
            (Unserved::Busy, 4),
            (Unserved::Ended, 4),
            (Unserved::Lost { maybe_delivered: true }, 6),
            (Unserved::Lost { maybe_delivered: false }, 6),
            (Unserved::TimedOut, 5),
        ] {
            let failure = unserved.failure("bob", "sum");
            assert_eq!(failure.kind.exit_code(), code, "{failure}");
            assert!(failure.to_string().contains("bob"), "{failure}");
        }
    }

    #[test]
    fn what_may_have_arrived_is_said() {
        let lost = |maybe_delivered| Unserved::Lost { maybe_delivered }.failure("bob", "chat").to_string();
        assert!(lost(true).contains("may have arrived") && lost(false).contains("has not arrived"));
    }
}
