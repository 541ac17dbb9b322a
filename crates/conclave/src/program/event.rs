//! What a command tells: one enum for the lines of `--json`, for the socket of `conclave up` and for people.

mod check;
mod membership;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use check::{CheckLine, Verdict};
pub(crate) use membership::{
    ConsequenceLine, ExpiryLine, ExpiryWord, IdentityLine, OpenTicketLine, SelfLine, StandingLine,
    StandingWord, StatusLine, TicketLine,
};

use super::failure::Failure;
use super::secret::SecretText;
use super::transfer::ContentHash;

/// The version of the JSON lines. It grows when a line that exists changes its meaning, not when something is added.
pub(crate) const LINES_VERSION: u32 = 1;

/// One line of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// Which way a file goes, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Sending,
    Receiving,
}

/// Who said a line of a conversation, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Speaker {
    Us,
    Them,
}

/// A member as other commands name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberLine {
    pub(crate) name: String,
    pub(crate) member_id: String,
    pub(crate) identity: String,
    pub(crate) addresses: Vec<String>,
    /// When the record in the card ends, in seconds since 1970.
    pub(crate) expires: u64,
}

/// A file that is on its way or has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileLine {
    pub(crate) direction: Direction,
    pub(crate) member: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// The answer to `init` and `id`: the own card.
    Card { card: String, member: MemberLine },
    /// An identity was made; whoever has the words is that member.
    IdentityMade {
        #[serde(flatten)]
        identity: IdentityLine,
        recovery_words: SecretText,
    },
    /// An identity was brought back.
    Recovered {
        #[serde(flatten)]
        identity: IdentityLine,
    },
    /// The identity is kept under another passphrase, or under none, or no more under none.
    Passphrase { was_sealed: bool, sealed: bool },
    /// A member was added.
    MemberAdded(MemberLine),
    /// A member was replaced by a newer card of the same identity.
    MemberUpdated(MemberLine),
    /// A member was revoked by `member remove`.
    MemberRemoved { name: String, member_id: String },
    /// A ticket was issued.
    Ticket(TicketLine),
    /// A ticket that opens still, from `tickets`.
    OpenTicket(OpenTicketLine),
    /// A ticket opens no more.
    TicketWithdrawn { ticket_id: String },
    /// This node came in by a ticket of this member.
    Joined(MemberLine),
    /// Two members were introduced; `told` says which of them heard it at once.
    Introduced { one: String, other: String, told: Vec<String> },
    /// A member is kept out from now on.
    Revoked { name: String, member_id: String },
    /// A device of this node's own identity is kept out from now on.
    DeviceRevoked { device: String },
    /// A revocation of this node's own was undone.
    Readmitted { name: String, member_id: String, standing: StandingWord },
    /// Somebody whose standing would change, from a revocation that was not made.
    WouldChange(ConsequenceLine),
    /// A line of `members`.
    Standing(StandingLine),
    /// The answer to `whoami`.
    Whoami(SelfLine),
    /// The answer to `status`.
    Status(StatusLine),
    /// Something that ends soon, from `status`.
    Expires(ExpiryLine),
    /// The node runs, under this identity.
    Up { member_id: String, identity: String },
    /// It takes connections there.
    Listening { address: String },
    /// Files are received into this folder.
    ReceivingInto { folder: String },
    /// A session with a member began.
    Connected { member: String },
    /// A session with a member ended; what that means, where it does not follow from the cause.
    Disconnected {
        member: String,
        cause: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        advice: String,
    },
    /// A member's node was restarted since it was last spoken with.
    Restarted { member: String },
    /// A dial to a member, or a first packet from somewhere, failed; said once until it changes.
    Unreachable { member: String, cause: String },
    /// A ping came back.
    Pong { member: String, sequence: u32, micros: u64 },
    /// A file begins or goes on, from `offset`.
    FileStarted { file: FileLine, offset: u64 },
    /// How far a file is.
    Progress { file: FileLine, done: u64 },
    /// The connection was lost in the middle of a file; it goes on by itself.
    FileInterrupted { file: FileLine, cause: String },
    /// A file is whole, at the receiver, with this hash.
    FileDone { file: FileLine, stored_as: String, sha256: ContentHash, resumed_bytes: u64, millis: u64 },
    /// Receiving a file ended before the end; what there is of it is kept for a while.
    FileStopped { file: FileLine, done: u64, reason: String },
    /// A line of an earlier conversation.
    ChatKept { member: String, speaker: Speaker, text: String, age_seconds: u64, delivered: bool },
    /// A conversation is open: what is said from now on is sent.
    ChatOpened { member: String },
    /// A member says something.
    Heard { member: String, text: String },
    /// What was said is in the member's mailbox. The number is that of the line that was read.
    Delivered { member: String, number: u64, text: String },
    /// What was said was not delivered, or may not have been.
    Undelivered { member: String, number: u64, text: String, failure: Failure },
    /// A service that a member offers.
    Service { member: String, name: String, schema: String, format: String },
    /// What a service answered.
    Answer { member: String, service: String, output: Value },
    /// The script that lets a shell complete commands.
    Completions { shell: String, script: String },
    /// A page of the manual, and the name of its file.
    ManPage { name: String, page: String },
    /// A page of the manual was written.
    ManPageWritten { path: String },
    /// One line of `doctor`.
    Check(CheckLine),
    /// One entry of `why`.
    Cause { member: String, age_seconds: u64, what: String, advice: String },
    /// Something is not as it should be, but the command goes on.
    Notice { what: String, advice: String },
    /// A step of the demo.
    Step { step: String, held: bool, detail: String, millis: u64 },
    /// The demo is over, and every step held.
    Held { millis: u64 },
    /// The node stops.
    Down,
    /// A command that went through the socket is done.
    Done,
    /// It is over, and not well.
    Failed(Failure),
}

/// Where the text of an event belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard output: what the command was asked for.
    Data,
    /// Standard error: how it is going.
    Talk,
    /// Standard error, also when quiet: something did not go well.
    Warning,
    /// Shown in another way, or not at all.
    Nowhere,
}

impl Event {
    /// The line of `--json`.
    pub(crate) fn to_json(&self) -> String {
        let line = Line { version: LINES_VERSION, event: self.clone() };
        // Numbers, strings and lists of them always have a JSON form.
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Where its text belongs.
    pub(crate) fn place(&self) -> Place {
        match self {
            Event::IdentityMade { .. }
            | Event::Recovered { .. }
            | Event::Passphrase { .. }
            | Event::TicketWithdrawn { .. }
            | Event::MemberAdded(_)
            | Event::MemberUpdated(_)
            | Event::MemberRemoved { .. }
            | Event::Joined(_)
            | Event::Introduced { .. }
            | Event::Revoked { .. }
            | Event::DeviceRevoked { .. }
            | Event::Readmitted { .. }
            | Event::FileStarted { file: FileLine { direction: Direction::Sending, .. }, .. }
            | Event::FileInterrupted { .. }
            | Event::ChatOpened { .. }
            | Event::Delivered { .. } => Place::Talk,
            Event::Notice { .. } | Event::Undelivered { .. } | Event::Expires(_) => Place::Warning,
            Event::Progress { .. } | Event::Done | Event::Failed(_) => Place::Nowhere,
            _ => Place::Data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Kind;
    use super::*;

    #[test]
    fn every_line_names_its_version_and_its_event_and_comes_back() {
        let file =
            FileLine { direction: Direction::Sending, member: "bob".into(), name: "a".into(), bytes: 7 };
        for event in [
            Event::Pong { member: "bob".into(), sequence: 1, micros: 42 },
            Event::Progress { file, done: 3 },
            Event::Failed(Failure::new(Kind::NoAnswer, "silence")),
            Event::Done,
            Event::Answer {
                member: "bob".into(),
                service: "sum".into(),
                output: serde_json::json!({"a": [1.5]}),
            },
            Event::Undelivered {
                member: "bob".into(),
                number: 1,
                text: "hello".into(),
                failure: Failure::new(Kind::NoAnswer, "silence"),
            },
        ] {
            let json = event.to_json();
            assert!(json.starts_with(r#"{"version":1,"event":""#), "{json}");
            assert!(!json.contains('\n'));
            assert_eq!(serde_json::from_str::<Line>(&json).unwrap().event, event);
        }
    }

    #[test]
    fn why_somebody_went_is_told_also_by_an_older_node() {
        let older = r#"{"version":1,"event":"disconnected","member":"bob","cause":"idle"}"#;
        let event = serde_json::from_str::<Line>(older).unwrap().event;
        assert_eq!(event.to_json(), older);
        assert_eq!(event.text(), "disconnected: bob (idle)");
    }
}
