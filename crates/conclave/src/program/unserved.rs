//! What it means to a person that a service of a member was of no use, and what to do about it.

use std::error::Error;

use endpoint::ConnectError;
use node::{ActorSendError, AskError, CallError, Ended, LookupError, ServiceError, Unreachable};

use super::advice;
use super::failure::{Failure, Kind};
use super::transfer::printable;

/// Why a service was not reached, or gave no answer.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// There is no session.
    Unconnected(ConnectError),
    /// There is no session, for a reason that has no name.
    Unreachable(String),
    /// No service can be called that.
    BadName,
    /// There is no service of that name.
    NoService,
    /// It is for others.
    NotAllowed,
    /// It is of another kind than expected.
    OtherSchema { expected: String, found: String },
    /// Only programs with its Rust type can speak with it.
    NotSelfDescribing,
    /// What it is asked cannot be written: nothing was sent.
    Unwritable(String),
    /// It cannot make anything of what it was asked.
    BadInput,
    /// It had the question, and there is no answer.
    Failed(String),
    /// It has more to do than it takes.
    Busy,
    /// It ended, or its node did.
    Ended(Ended),
    /// The session was lost; it is not known whether the service was asked.
    Lost { maybe_delivered: bool },
    /// No answer came in time.
    TimedOut { maybe_delivered: bool },
}

impl Unserved {
    /// For the user of `service` of the member `called`.
    pub(crate) fn failure(self, called: &str, service: &str) -> Failure {
        let refused = |what: String| Failure::new(Kind::Refused, what);
        match self {
            Unserved::Unconnected(error) => advice::unconnected(called, &error),
            Unserved::Unreachable(why) => {
                Failure::new(Kind::NoAnswer, format!("no session with {called}: {why}"))
                    .advice(format!("see why: `conclave why {called}`"))
            }
            Unserved::BadName => {
                Failure::new(Kind::Usage, format!("no service can be called `{}`", printable(service)))
                    .meaning("names of services have 1 to 64 bytes and no control characters")
                    .advice(format!("see what there is: `conclave services {called}`"))
            }
            Unserved::NoService => refused(format!("{called} offers no service `{service}`"))
                .advice(format!("see what there is: `conclave services {called}`"))
                .advice("ask them whether their `conclave up` runs and is as new as yours"),
            Unserved::NotAllowed => refused(format!("`{service}` of {called} is not for you"))
                .advice(format!("see what is: `conclave services {called}`"))
                .advice("ask them to let you use it"),
            Unserved::OtherSchema { expected, found } => {
                let (expected, found) = (printable(&expected), printable(&found));
                refused(format!("`{service}` of {called} speaks `{found}`, and `{expected}` was expected"))
                    .advice("compare `conclave --version` on both sides")
            }
            Unserved::NotSelfDescribing => {
                refused(format!("`{service}` of {called} cannot be called with JSON"))
                    .meaning("its messages are those of one Rust program, and do not describe themselves")
                    .advice(format!("see which can, those of format cbor: `conclave services {called}`"))
            }
            Unserved::Unwritable(why) => {
                Failure::new(Kind::Usage, format!("what to ask cannot be sent: {why}"))
            }
            Unserved::BadInput => {
                refused(format!("`{service}` of {called} makes nothing of what it was asked"))
                    .meaning("it has not the shape of the service's schema, or nests too deep")
                    .advice(format!("see the name of the schema: `conclave services {called}`"))
                    .advice("write the whole message, with the text \"$reply\" where the answer goes: `conclave call --whole`")
            }
            Unserved::Failed(why) => refused(format!("`{service}` of {called} gave no answer: {why}")),
            Unserved::Busy => refused(format!("`{service}` of {called} is busy")).advice("try again later"),
            Unserved::Ended(ended) => refused(format!("`{service}` of {called} has ended: {ended}"))
                .advice("try again when it is back"),
            Unserved::Lost { maybe_delivered } => {
                Failure::new(Kind::Interrupted, format!("the session with {called} was lost on the way"))
                    .meaning(whether_delivered(maybe_delivered))
                    .advice("try again")
                    .advice(format!("see why: `conclave why {called}`"))
            }
            Unserved::TimedOut { maybe_delivered } => {
                Failure::new(Kind::TimedOut, format!("`{service}` of {called} did not answer in time"))
                    .meaning(whether_delivered(maybe_delivered))
                    .advice(format!("see whether they are there: `conclave ping {called}`"))
            }
        }
    }
}

impl Unserved {
    /// For somebody who wanted to know what services the member `called` offers.
    pub(crate) fn unlisted(self, called: &str) -> Failure {
        let why = match self {
            Unserved::TimedOut { .. } => {
                return Failure::new(Kind::TimedOut, format!("{called} did not list services in time"))
                    .advice(format!("see whether they are there: `conclave ping {called}`"));
            }
            // These say nothing of a service.
            unserved @ (Unserved::Unconnected(_) | Unserved::Unreachable(_) | Unserved::Lost { .. }) => {
                return unserved.failure(called, "");
            }
            Unserved::Failed(why) => why,
            Unserved::Ended(ended) => ended.to_string(),
            other => format!("{other:?}"),
        };
        Failure::new(Kind::Refused, format!("{called} lists no services: {why}"))
            .advice("compare `conclave --version` on both sides")
    }
}

impl From<ServiceError> for Unserved {
    fn from(error: ServiceError) -> Unserved {
        CallError::from(error).into()
    }
}

impl From<CallError> for Unserved {
    fn from(error: CallError) -> Unserved {
        match error {
            CallError::Connect(error) => Unserved::Unconnected(error),
            CallError::Service(error) => error.into(),
            CallError::Ask(error) => error.into(),
            other => Unserved::Failed(other.to_string()),
        }
    }
}

impl From<LookupError> for Unserved {
    fn from(error: LookupError) -> Unserved {
        match error {
            LookupError::BadName => Unserved::BadName,
            LookupError::NoSuchService => Unserved::NoService,
            LookupError::NotAllowed => Unserved::NotAllowed,
            LookupError::WrongSchema { expected, found } => Unserved::OtherSchema { expected, found },
            LookupError::NotSelfDescribing => Unserved::NotSelfDescribing,
            // Only the name was asked for.
            LookupError::Ask(AskError::TimedOut) => Unserved::TimedOut { maybe_delivered: false },
            LookupError::Ask(AskError::Lost { .. }) => Unserved::Lost { maybe_delivered: false },
            LookupError::Ask(error) => error.into(),
            other => Unserved::Failed(other.to_string()),
        }
    }
}

impl From<AskError> for Unserved {
    fn from(error: AskError) -> Unserved {
        match error {
            AskError::Send(error) => error.into(),
            AskError::TimedOut => Unserved::TimedOut { maybe_delivered: true },
            AskError::Ended(ended) => ended.into(),
            AskError::Lost { maybe_delivered } => Unserved::Lost { maybe_delivered },
            AskError::NotAllowed => Unserved::NotAllowed,
            AskError::Malformed => Unserved::BadInput,
            AskError::NoRoom => Unserved::Busy,
            other => Unserved::Failed(chain(&other)),
        }
    }
}

impl From<ActorSendError> for Unserved {
    fn from(error: ActorSendError) -> Unserved {
        match error {
            ActorSendError::Ended(ended) => ended.into(),
            ActorSendError::Unreachable(unreachable) => unreachable.into(),
            ActorSendError::NotAllowed => Unserved::NotAllowed,
            ActorSendError::Lost { maybe_delivered } => Unserved::Lost { maybe_delivered },
            ActorSendError::Malformed => Unserved::BadInput,
            ActorSendError::Full
            | ActorSendError::TooManyWaiting { .. }
            | ActorSendError::TableFull { .. }
            | ActorSendError::NoRoom => Unserved::Busy,
            ActorSendError::Encode(error) => Unserved::Unwritable(error.to_string()),
            ActorSendError::ReplyUsed => {
                Unserved::Unwritable("`$reply` may stand in it once only".to_owned())
            }
            other => Unserved::Unwritable(chain(&other)),
        }
    }
}

impl From<Ended> for Unserved {
    fn from(ended: Ended) -> Unserved {
        match ended {
            Ended::Unreachable(unreachable) => unreachable.into(),
            ended => Unserved::Ended(ended),
        }
    }
}

impl From<Unreachable> for Unserved {
    fn from(unreachable: Unreachable) -> Unserved {
        match unreachable.cause().downcast_ref::<ConnectError>() {
            Some(error) => Unserved::Unconnected(*error),
            None => Unserved::Unreachable(unreachable.to_string()),
        }
    }
}

fn whether_delivered(maybe: bool) -> &'static str {
    if maybe {
        "it may have arrived all the same: nothing is sent twice by itself"
    } else {
        "it has not arrived"
    }
}

/// What an error says, and what those behind it add.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_the_exit_code_of_its_kind() {
        for (unserved, code) in [
            (Unserved::Unconnected(ConnectError::NoAnswer), 3),
            (Unserved::Unreachable("no way".into()), 3),
            (Unserved::NoService, 4),
            (Unserved::NotAllowed, 4),
            (Unserved::OtherSchema { expected: "a/1".into(), found: "a/2".into() }, 4),
            (Unserved::NotSelfDescribing, 4),
            (Unserved::BadInput, 4),
            (Unserved::Failed("division by zero".into()), 4),
            (Unserved::Busy, 4),
            (Unserved::Ended(Ended::Panicked), 4),
            (Unserved::Lost { maybe_delivered: true }, 6),
            (Unserved::Lost { maybe_delivered: false }, 6),
            (Unserved::TimedOut { maybe_delivered: true }, 5),
        ] {
            let failure = unserved.failure("bob", "sum");
            assert_eq!(failure.kind.exit_code(), code, "{failure}");
            assert!(failure.to_string().contains("bob"), "{failure}");
        }
    }

    #[test]
    fn what_the_caller_did_wrong_is_told_as_that() {
        for unserved in [Unserved::BadName, Unserved::Unwritable("too deep".into())] {
            let failure = unserved.failure("bob", "a\u{1b}[2J");
            assert_eq!(failure.kind, Kind::Usage);
            assert!(!failure.to_string().contains('\u{1b}'), "{failure:?}");
        }
    }

    #[test]
    fn an_address_that_leads_nowhere_tells_why_there_is_no_session() {
        let unreachable = Unreachable::new(ConnectError::Refused, true);
        for error in [
            AskError::Send(ActorSendError::Unreachable(unreachable.clone())),
            AskError::Ended(Ended::Unreachable(unreachable)),
        ] {
            let failure = Unserved::from(error).failure("bob", "sum");
            assert_eq!(failure, advice::unconnected("bob", &ConnectError::Refused));
        }
        let failure = Unserved::from(ServiceError::Connect(ConnectError::Refused)).unlisted("bob");
        assert_eq!(failure, advice::unconnected("bob", &ConnectError::Refused));
        assert_eq!(Unserved::TimedOut { maybe_delivered: true }.unlisted("bob").kind, Kind::TimedOut);
    }

    #[test]
    fn what_may_have_arrived_is_said() {
        let lost = |maybe_delivered| Unserved::Lost { maybe_delivered }.failure("bob", "chat").to_string();
        assert!(lost(true).contains("may have arrived") && lost(false).contains("has not arrived"));
        for lookup in [AskError::TimedOut, AskError::Lost { maybe_delivered: true }] {
            let failure = Unserved::from(LookupError::Ask(lookup)).failure("bob", "chat");
            assert!(
                failure.to_string().contains("has not arrived"),
                "only the name was asked for: {failure}"
            );
        }
        let failure = Unserved::from(AskError::TimedOut).failure("bob", "sum");
        assert!(failure.to_string().contains("may have arrived"), "{failure}");
    }
}
