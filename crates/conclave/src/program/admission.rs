//! What it means to a person that somebody was not let in, introduced or kept out, and what to do about it.

use endpoint::ConnectError;
use membership::{IdentityKey, Ticket};
use node::{DirectoryError, JoinError};

use super::advice;
use super::failure::{Failure, Kind};
use super::home::Roster;

/// The directory did not change.
pub(crate) fn unchanged(error: &DirectoryError, roster: &Roster) -> Failure {
    let name = |identity: &IdentityKey| roster.name_of(identity);
    match error {
        DirectoryError::Locked => Failure::new(Kind::Usage, "the identity of this home is locked")
            .meaning("nothing can be signed, so that nobody is let in or kept out"),
        DirectoryError::NotAMember(who) => {
            Failure::new(Kind::UnknownMember, format!("{} is not a member here", name(who)))
                .advice("see who there is: `conclave members`")
        }
        DirectoryError::Unannounced(who) => {
            let called = name(who);
            Failure::new(Kind::NoAnswer, format!("{called} has not told this node yet how to be reached"))
                .meaning("members tell each other when they are connected, and the two have not been since")
                .advice(format!("connect, and try again: `conclave ping {called}`"))
        }
        DirectoryError::Revoked { member, by } if *by == roster.own() => {
            let called = name(member);
            Failure::new(Kind::Refused, format!("you have revoked {called}"))
                .meaning("a revocation beats every voucher until whoever made it undoes it")
                .advice(format!("undo it first: `conclave revoke {called} --undo`"))
        }
        DirectoryError::Revoked { member, by } => {
            Failure::new(Kind::Refused, format!("{} has revoked {}", name(by), name(member)))
                .meaning("their word counts here, so your own voucher would have no effect")
                .advice("ask them to undo it; nobody else can")
        }
        DirectoryError::NotRevokedByUs(who) => {
            Failure::new(Kind::Usage, format!("you have not revoked {}", name(who)))
                .advice("see by whom they are kept out: `conclave members`")
        }
        DirectoryError::SamePerson => {
            Failure::new(Kind::Usage, "that is this node itself, or twice the same member")
        }
        DirectoryError::Store(error) => {
            let what = format!("what this node knows of its members could not be stored: {error}");
            Failure::new(Kind::LocalIo, what)
                .meaning("nothing has changed")
                .advice("look at the disk of the home, and try again")
        }
        DirectoryError::Membership(error) => {
            Failure::new(Kind::Usage, format!("this cannot be signed: {error}"))
        }
        other => Failure::new(Kind::Broken, other.to_string()),
    }
}

/// Reads the text of a ticket, and says what is wrong with it without repeating it.
pub(crate) fn parse_ticket(text: &str) -> Result<Ticket, Failure> {
    text.trim().parse().map_err(|error| {
        Failure::new(Kind::BadTicket, format!("this is no ticket: {error}"))
            .meaning("a ticket is one long word that begins with `conclave:ticket1`; some of it is missing or was changed")
            .advice("copy it again, whole; `conclave invite` prints it at the other end")
    })
}

/// A ticket did not let this node in.
pub(crate) fn not_joined(error: &JoinError, called: &str, roster: &Roster) -> Failure {
    let bad = |what: &str| Failure::new(Kind::BadTicket, what);
    match error {
        JoinError::OwnTicket => bad("this is a ticket of your own")
            .meaning("it is for somebody else to come in by")
            .advice("hand it to them; they run `conclave join`"),
        JoinError::NotForYou => bad("the ticket is for somebody else")
            .meaning("it opens for one identity only, and is not used up by your trying")
            .advice("ask for one for you: `conclave whoami` says who that is"),
        JoinError::Expired => bad("the ticket has expired")
            .advice("ask for a new one: `conclave invite` at the other end")
            .advice("check your clock"),
        JoinError::Revoked => Failure::new(Kind::Refused, format!("{called} is revoked here"))
            .meaning("you, or a member whose word counts here, keeps the issuer of the ticket out")
            .advice("see by whom: `conclave members`"),
        JoinError::Connect(ConnectError::NoAnswer) => Failure::new(
            Kind::NoAnswer,
            format!("no answer from {called}"),
        )
        .meaning(
            "somebody took the connection and said nothing: a ticket that does not open is answered with \
                     silence. It may be used up, withdrawn, or expired by their clock",
        )
        .advice("ask for a new one: `conclave invite` at the other end")
        .advice("ask them what `conclave why` says: it tells them which it was")
        .advice("ask them whether they have revoked you: then no ticket lets you in")
        .advice("if you have joined by it already, you are in: `conclave members`"),
        JoinError::Connect(ConnectError::NoAddress) => {
            Failure::new(Kind::NoAnswer, format!("the ticket does not say where {called} can be reached"))
                .advice("ask them to run `conclave up --addresses HOST:PORT`, and for a new ticket")
        }
        JoinError::Connect(error) => advice::unconnected(called, error),
        JoinError::Unconfirmed => {
            Failure::new(Kind::NoAnswer, format!("{called} did not confirm that you are in"))
                .meaning("the connection was lost on the way, or they could not store it")
                .advice("try again with the same ticket: if it was used up by this, you are known there")
        }
        JoinError::Directory(error) => unchanged(error, roster),
        other => Failure::new(Kind::Broken, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_ticket_is_told_without_repeating_it() {
        for wrong in ["", "hello there", "conclave:ticket1qqqqqqqqqq", "conclave1qqqq"] {
            let failure = parse_ticket(wrong).unwrap_err();
            assert_eq!((failure.kind, failure.kind.exit_code()), (Kind::BadTicket, 2));
            assert!(wrong.len() < 5 || !failure.to_string().contains(wrong), "{failure}");
        }
    }
}
