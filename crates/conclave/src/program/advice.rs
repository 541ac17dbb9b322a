//! What errors of the layers below mean to a person, and what to do about them.

use endpoint::{Cause, ConnectError, DialCause, EndCause, HandshakeCause};
use link::CloseReason;
use membership::{MemberId, TicketRefusal};
use node::PingError;

use super::failure::{Failure, Kind};
use super::transfer::Refusal;

/// There is no session with a member.
pub(crate) fn unconnected(called: &str, error: &ConnectError) -> Failure {
    let no_answer = |what: String| Failure::new(Kind::NoAnswer, what);
    match error {
        ConnectError::NoAnswer => no_answer(format!("no answer from {called}"))
            .meaning("somebody took the connection and said nothing, which is what a node does with a stranger")
            .advice("ask them whether you are in (`conclave members`); if not, for a ticket: `conclave invite`, and here `conclave join`")
            .advice("ask them for a fresh card, as their door or key may have changed, and add it: `conclave member add -`")
            .advice("compare the address with them: something else may listen there")
            .advice("check that your clock was not set back"),
        ConnectError::Refused => no_answer(format!("nothing listens at the addresses of {called}"))
            .meaning("their machine answers, but `conclave up` does not run there, or under another port")
            .advice("ask them to run `conclave up`")
            .advice("compare the addresses: `conclave members --json`"),
        ConnectError::Unreachable => no_answer(format!("no address of {called} can be reached from here"))
            .meaning("this network has no way there")
            .advice("check your own connection, then the addresses: `conclave members --json`"),
        ConnectError::TimedOut => no_answer(format!("no address of {called} answered in time"))
            .meaning("their machine is off, or something on the way drops the packets")
            .advice("ask them whether their port is open in the firewall and forwarded")
            .advice("compare the addresses: `conclave members --json`"),
        ConnectError::NoAddress => no_answer(format!("no address of {called} is known"))
            .meaning("their card has none, and they have not connected by themselves")
            .advice("ask them for a card with one: `conclave id --addresses HOST:PORT`")
            .advice("run `conclave up` and let them connect to you"),
        ConnectError::ExpiredRecord => Failure::new(Kind::BadCard, format!("the card of {called} has expired"))
            .advice("ask them for a new one (`conclave id`), and add it: `conclave member add -`"),
        ConnectError::UnknownDevice => Failure::new(Kind::BadCard, format!("no such device of {called} is known"))
            .advice("ask them for a new card (`conclave id`), and add it: `conclave member add -`"),
        ConnectError::UnknownMember | ConnectError::Removed => {
            Failure::new(Kind::UnknownMember, format!("{called} is no longer a member here"))
        }
        ConnectError::Local => Failure::new(Kind::LocalIo, format!("this machine could not dial {called}"))
            .meaning("it is out of descriptors, ports or memory, or the home cannot be written to")
            .advice("run with -v to see which"),
        ConnectError::SelfDial => Failure::new(Kind::Usage, "that is this node itself"),
        ConnectError::Disconnected | ConnectError::ShuttingDown => {
            Failure::new(Kind::Interrupted, format!("connecting to {called} was interrupted: {error}"))
        }
        _ => Failure::new(Kind::NoAnswer, format!("no session with {called}: {error}")),
    }
}

/// A ping did not come back.
pub(crate) fn unanswered(called: &str, error: &PingError) -> Failure {
    match error {
        PingError::Connect(error) => unconnected(called, error),
        PingError::TimedOut => {
            Failure::new(Kind::TimedOut, format!("{called} did not answer the ping in time"))
                .meaning("there is a session, but nothing comes back: the way is cut or overloaded")
                .advice("try again in a moment")
        }
        _ => Failure::new(Kind::Interrupted, format!("the session with {called} was lost: {error}"))
            .advice(format!("see why: `conclave why {called}`")),
    }
}

/// The other side does not take a file.
pub(crate) fn refused(called: &str, reason: Refusal) -> Failure {
    let failure = Failure::new(Kind::Refused, format!("{called} does not take the file: {reason}"));
    match reason {
        Refusal::NotReceiving => failure.advice("they must run `conclave up --receive FOLDER`"),
        Refusal::Version => failure.advice("compare `conclave --version` on both sides"),
        Refusal::TooLarge { .. } | Refusal::MemberLimit { .. } | Refusal::TotalLimit { .. } => {
            failure.advice("they can raise it: `conclave up --receive FOLDER`, and the limits in its --help")
        }
        Refusal::DiskFull => failure
            .advice("ask them to make room; what has arrived is kept, so the same command goes on there"),
        Refusal::NotPermitted | Refusal::DiskFailed => {
            failure.advice("ask them to look at the log of their node")
        }
        Refusal::NoFreeName => failure.advice("rename the file, or ask them to tidy up"),
        Refusal::Superseded => failure.advice("let the newer one finish"),
        Refusal::Stalled => {
            Failure { kind: Kind::TimedOut, ..failure }.advice("send it again: it goes on there")
        }
        Refusal::Stopping => Failure { kind: Kind::Interrupted, ..failure }
            .advice("send it again when they are back: it goes on there"),
        Refusal::Busy => failure.advice("try again later"),
        Refusal::WrongHash | Refusal::OutOfStep => {
            failure.advice("send it again when nothing writes to the file")
        }
        Refusal::Unknown => failure.advice("update this program"),
    }
}

/// One entry of `conclave why`, with members named as other commands name them.
pub(crate) fn describe(cause: &Cause) -> String {
    match cause {
        Cause::Dial { address, cause } => format!("dialing {address}: {cause}"),
        Cause::Handshake { address, cause } => format!("handshake with {address}: {}", handshake(cause)),
        other => other.to_string(),
    }
}

fn handshake(cause: &HandshakeCause) -> String {
    let id = |identity| MemberId::of(identity);
    match cause {
        HandshakeCause::Unproven(identity) => format!("the claim to be {} was not proven", id(identity)),
        HandshakeCause::NotAMember(identity) => format!("{} is not a member", id(identity)),
        HandshakeCause::Revoked(identity) => format!("{} is revoked", id(identity)),
        HandshakeCause::Ticket(identity, refusal) => {
            format!("{} came by a ticket that does not open: {refusal}", id(identity))
        }
        HandshakeCause::UnknownDevice(identity) => {
            format!("{} came with a device without a record", id(identity))
        }
        HandshakeCause::Expired(identity) => format!("the record of {} has expired", id(identity)),
        HandshakeCause::TooManyDevices(identity) => format!("{} is here with too many devices", id(identity)),
        other => other.to_string(),
    }
}

/// What one entry of `conclave why` suggests; empty where it explains itself.
pub(crate) fn about(cause: &Cause) -> &'static str {
    match cause {
        Cause::Dial { cause, .. } => match cause {
            DialCause::Refused => "nothing listens there: does `conclave up` run, is it the right port?",
            DialCause::Unreachable => "there is no way to that address from this network",
            DialCause::TimedOut => "no reply at all: machine off, firewall, or a wrong address",
            DialCause::BadAddress => "the address in their card is not one: ask for a new card",
            DialCause::Local => {
                "this machine is out of descriptors, ports or memory, or cannot write to the home"
            }
            _ => "",
        },
        Cause::Handshake { cause, .. } => match cause {
            HandshakeCause::TimedOut | HandshakeCause::PathLost(_) => {
                "silence: perhaps you are not in there, or their door or key has changed; exchange cards or a ticket anew"
            }
            HandshakeCause::WrongDoor => {
                "somebody knocked with a wrong or outdated card; give members a fresh one"
            }
            HandshakeCause::NotAMember(_) => {
                "if they may come in, hand them a ticket (`conclave invite`) or add their card (`conclave member add -`)"
            }
            HandshakeCause::Revoked(_) => {
                "somebody who is kept out: nothing to do; `conclave members` says by whom"
            }
            HandshakeCause::Ticket(_, TicketRefusal::NotForYou) => {
                "somebody else has got hold of their ticket: it stays unused, and you may want to warn them"
            }
            HandshakeCause::Ticket(..) => "if they may come in, hand them a new ticket: `conclave invite`",
            HandshakeCause::Malformed => "somebody who does not speak this protocol: nothing to do",
            HandshakeCause::Suite | HandshakeCause::NoCommonAead => "update the older of the two programs",
            HandshakeCause::BadAnswer => "somebody else answers at that address, or their key has changed",
            HandshakeCause::UnknownDevice(_) => "they have a new device: ask for a new card",
            HandshakeCause::Expired(_) => "their record has expired: ask for a new card",
            HandshakeCause::Replayed => "an old packet was repeated, or their clock was set back",
            HandshakeCause::Unproven(_) => "somebody tried to come in under their name",
            _ => "",
        },
        Cause::Ended(cause) => match cause {
            EndCause::ClosedByPeer(CloseReason::Removed) => {
                "you are out there: somebody whose word counts there has revoked you, or your voucher has ended"
            }
            EndCause::Idle | EndCause::ClosedByPeer(CloseReason::Idle) => {
                "nothing is wrong: it comes back when it is needed"
            }
            EndCause::PathLost(_) => "the connection broke; it is dialed again when it is needed",
            EndCause::Expired => "their record has expired: ask for a new card",
            _ => "",
        },
        Cause::Connect(error) => match error {
            ConnectError::NoAnswer => "ask whether you are in there, and exchange cards or a ticket anew",
            ConnectError::NoAddress => "ask for a card with an address, or let them connect to you",
            ConnectError::ExpiredRecord => "ask for a new card",
            _ => "",
        },
        _ => "",
    }
}
