//! What a command tells: one enum for the lines of `--json`, for the socket of `conclave up` and for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::size::Bytes;
use super::transfer::{ContentHash, printable};

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
    /// A member of this home, from `member list`.
    Member(MemberLine),
    /// A member was added.
    MemberAdded(MemberLine),
    /// A member was replaced by a newer card of the same identity.
    MemberUpdated(MemberLine),
    /// A member was removed.
    MemberRemoved { name: String, member_id: String },
    /// The node runs, under this identity.
    Up { member_id: String, identity: String },
    /// It takes connections there.
    Listening { address: String },
    /// Files are received into this folder.
    ReceivingInto { folder: String },
    /// A session with a member began.
    Connected { member: String },
    /// A session with a member ended.
    Disconnected { member: String, cause: String },
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
    /// Standard error, also when quiet.
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
            Event::MemberAdded(_)
            | Event::MemberUpdated(_)
            | Event::MemberRemoved { .. }
            | Event::FileStarted { file: FileLine { direction: Direction::Sending, .. }, .. }
            | Event::FileInterrupted { .. } => Place::Talk,
            Event::Notice { .. } => Place::Warning,
            Event::Progress { .. } | Event::Done | Event::Failed(_) => Place::Nowhere,
            _ => Place::Data,
        }
    }

    /// One line for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Event::Card { card, .. } => card.clone(),
            Event::Member(member) => member.text(),
            Event::MemberAdded(member) => {
                format!("{} is a member now: {}", printable(&member.name), member.member_id)
            }
            Event::MemberUpdated(member) => format!("{} has a new card now", printable(&member.name)),
            Event::MemberRemoved { name, .. } => format!("{} is no longer a member here", printable(name)),
            Event::Up { member_id, .. } => format!("up as {member_id}"),
            Event::Listening { address } => format!("listening on {address}"),
            Event::ReceivingInto { folder } => format!("receiving files into {}", printable(folder)),
            Event::Connected { member } => format!("connected: {}", printable(member)),
            Event::Disconnected { member, cause } => format!("disconnected: {} ({cause})", printable(member)),
            Event::Unreachable { member, cause } => format!("no session: {} ({cause})", printable(member)),
            Event::Pong { member, sequence, micros } => {
                format!("{}: ping {sequence} back after {}", printable(member), milliseconds(*micros))
            }
            Event::FileStarted { file, offset: 0 } => file.text("from the start"),
            Event::FileStarted { file, offset } => file.text(&format!("going on at {}", Bytes(*offset))),
            Event::Progress { file, done } => file.text(&Bytes(*done).to_string()),
            Event::FileInterrupted { file, cause } => {
                file.text(&format!("interrupted ({cause}), trying again"))
            }
            Event::FileDone { file, stored_as, sha256, millis, .. } => {
                let rate = file.bytes.saturating_mul(1_000) / (*millis).max(1);
                let done = format!(
                    "done as {} in {:.1?}, {}/s, SHA-256 {sha256} verified",
                    printable(stored_as),
                    Duration::from_millis(*millis),
                    Bytes(rate),
                );
                file.text(&done)
            }
            Event::FileStopped { file, done, reason } => {
                file.text(&format!("stopped at {} ({reason})", Bytes(*done)))
            }
            Event::Cause { member, age_seconds, what, advice } => {
                let advice = if advice.is_empty() { String::new() } else { format!("\n    {advice}") };
                format!("{}, {} ago: {what}{advice}", printable(member), age(*age_seconds))
            }
            Event::Notice { what, advice } if advice.is_empty() => what.clone(),
            Event::Notice { what, advice } => format!("{what}\n  what to do: {advice}"),
            Event::Step { step, held, detail, millis } => {
                let mark = if *held { "ok  " } else { "FAIL" };
                format!("{mark} {:>6.1} s  {step}: {detail}", Duration::from_millis(*millis).as_secs_f64())
            }
            Event::Held { millis } => {
                format!("everything held, in {:.1} s", Duration::from_millis(*millis).as_secs_f64())
            }
            Event::Down => "down".to_owned(),
            Event::Done => "done".to_owned(),
            Event::Failed(failure) => failure.to_string(),
        }
    }
}

impl MemberLine {
    fn text(&self) -> String {
        let addresses =
            if self.addresses.is_empty() { "no address".to_owned() } else { self.addresses.join(",") };
        format!("{}\t{}\t{addresses}", printable(&self.name), self.member_id)
    }
}

impl FileLine {
    fn text(&self, how: &str) -> String {
        let towards = match self.direction {
            Direction::Sending => "to",
            Direction::Receiving => "from",
        };
        format!(
            "{} {towards} {} ({}): {how}",
            printable(&self.name),
            printable(&self.member),
            Bytes(self.bytes)
        )
    }
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{:03} ms", micros / 1_000, micros % 1_000)
}

/// How long ago, in the largest unit that fits.
fn age(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "min"),
        3_600..86_400 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit}")
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
        ] {
            let json = event.to_json();
            assert!(json.starts_with(r#"{"version":1,"event":""#), "{json}");
            assert!(!json.contains('\n'));
            assert_eq!(serde_json::from_str::<Line>(&json).unwrap().event, event);
        }
    }

    #[test]
    fn a_peer_cannot_write_on_the_terminal() {
        let event = Event::Disconnected { member: "bob\u{1b}[2J\n".into(), cause: "idle".into() };
        assert!(!event.text().contains(['\u{1b}', '\n']));
    }

    #[test]
    fn ages_are_told_in_the_largest_unit() {
        assert_eq!([5, 65, 7_300, 200_000].map(age), ["5 s", "1 min", "2 h", "2 d"]);
    }
}
