//! Events in words, one line each.

mod membership;

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::super::size::Bytes;
use super::super::transfer::{is_misleading, printable};
use super::{Direction, Event, FileLine, MemberLine, Speaker, StandingWord};

/// So much of a line says which one it was.
const BEGINNING_LETTERS: usize = 40;

impl Event {
    /// One line for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Event::Card { card, .. } => card.clone(),
            Event::IdentityMade { identity, recovery_words } => identity.made(recovery_words.expose()),
            Event::Recovered { identity } => identity.recovered(),
            Event::Passphrase { was_sealed, sealed } => match (was_sealed, sealed) {
                (false, true) => "the identity is kept under the passphrase now",
                (true, true) => "the identity is kept under the new passphrase now",
                (true, false) => "the identity is kept without a passphrase now",
                (false, false) => "the identity is kept without a passphrase, as before",
            }
            .to_owned(),
            Event::MemberAdded(member) => {
                format!("{} is a member now{}", printable(&member.name), id_beside_name(member))
            }
            Event::MemberUpdated(member) => format!("{} has a new card now", printable(&member.name)),
            Event::MemberRemoved { name, .. } | Event::Revoked { name, .. } => format!(
                "{} is revoked: no longer a member here, nor wherever your word counts",
                printable(name)
            ),
            Event::Ticket(ticket) => ticket.text(),
            Event::OpenTicket(ticket) => ticket.text(),
            Event::TicketWithdrawn { ticket_id } => {
                format!("the ticket {ticket_id} is withdrawn: nobody comes in by it any more")
            }
            Event::Joined(member) => {
                format!("{} has let you in{}", printable(&member.name), id_beside_name(member))
            }
            Event::Introduced { one, other, told } => {
                let when = match told.as_slice() {
                    [] => "they hear it when they next connect".to_owned(),
                    [_, _] => "both have heard it".to_owned(),
                    [first, ..] => {
                        format!("{} has heard it, the other does on connecting", printable(first))
                    }
                };
                format!("{} and {} are introduced to each other; {when}", printable(one), printable(other))
            }
            Event::DeviceRevoked { device } => format!("the device {device} of yours is revoked"),
            Event::Readmitted { name, standing, .. } => {
                let now = match standing {
                    StandingWord::Member => "is a member again",
                    StandingWord::Revoked => "stays out by the word of somebody else",
                    StandingWord::Expired => "may come in again, but the voucher for them has ended",
                    StandingWord::Unknown => "may come in again, and nobody vouches for them yet",
                };
                format!("your revocation is undone: {} {now}", printable(name))
            }
            Event::WouldChange(change) => change.text(),
            Event::Standing(line) => line.text(),
            Event::Whoami(line) => line.text(),
            Event::Status(line) => line.text(),
            Event::Expires(line) => line.text(),
            Event::Up { member_id, .. } => format!("up as {member_id}"),
            Event::Listening { address } => format!("listening on {address}"),
            Event::ReceivingInto { folder } => format!("receiving files into {}", printable(folder)),
            Event::Connected { member } => format!("connected: {}", printable(member)),
            Event::Disconnected { member, cause, advice } => {
                let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
                format!("disconnected: {} ({cause}{advice})", printable(member))
            }
            Event::Restarted { member } => format!("restarted: {}", printable(member)),
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
            Event::ChatKept { member, speaker, text, age_seconds, delivered } => {
                let speaker = if *speaker == Speaker::Us { "you" } else { member };
                let undelivered = if *delivered { "" } else { ", not confirmed" };
                format!("{} ({} ago{undelivered})", said(speaker, text), age(*age_seconds))
            }
            Event::ChatOpened { member } => {
                format!("what you type goes to {}; Ctrl-D or /quit ends it", printable(member))
            }
            Event::Heard { member, text } => said(member, text),
            Event::Delivered { text, .. } => format!("delivered: {}", beginning(text)),
            Event::Undelivered { text, failure, .. } => {
                format!("not delivered: {}\n  {failure}", beginning(text))
            }
            Event::Service { name, schema, format, .. } => {
                [name, schema, format].map(|text| printable(text)).join("\t")
            }
            Event::Answer { output, .. } => harmless_json(output),
            Event::Completions { script: content, .. } | Event::ManPage { page: content, .. } => {
                content.trim_end().to_owned()
            }
            Event::ManPageWritten { path } => printable(path),
            Event::Check(line) => line.text(),
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

/// A line of a conversation. No other event looks like it, whatever somebody is called.
/// Whoever has no name yet is called by their id: it is not said twice.
fn id_beside_name(member: &MemberLine) -> String {
    if member.name == member.member_id { String::new() } else { format!(": {}", member.member_id) }
}

fn said(speaker: &str, text: &str) -> String {
    format!("<{}> {}", printable(speaker), printable(text))
}

fn beginning(text: &str) -> String {
    let mut letters = text.chars();
    let beginning: String = letters.by_ref().take(BEGINNING_LETTERS).collect();
    let rest = if letters.next().is_some() { "…" } else { "" };
    printable(&beginning) + rest
}

/// JSON of a peer as a terminal may show it, and as every other program reads it.
fn harmless_json(value: &Value) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        if is_misleading(letter) {
            // Outside of strings JSON has no such letters, and within them any letter may be escaped.
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(letter);
        }
    }
    text
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
    use super::*;

    #[test]
    fn a_peer_cannot_write_on_the_terminal() {
        let nasty = || "bob\u{1b}[2J\r\n\u{9b}\u{202e}".to_owned();
        let member = nasty;
        for event in [
            Event::Disconnected { member: member(), cause: "idle".into(), advice: String::new() },
            Event::Restarted { member: member() },
            Event::Heard { member: member(), text: nasty() },
            Event::ChatKept {
                member: member(),
                speaker: Speaker::Them,
                text: nasty(),
                age_seconds: 1,
                delivered: true,
            },
            Event::Delivered { member: member(), number: 1, text: nasty() },
            Event::Service { member: member(), name: nasty(), schema: nasty(), format: nasty() },
            Event::Answer { member: member(), service: nasty(), output: nasty().into() },
        ] {
            assert!(!event.text().contains(['\u{1b}', '\r', '\n', '\u{9b}', '\u{202e}']), "{event:?}");
        }
    }

    #[test]
    fn an_id_is_told_once() {
        let joined = |name: &str| {
            let (name, member_id) = (name.to_owned(), "c718".to_owned());
            Event::Joined(MemberLine {
                name,
                member_id,
                identity: String::new(),
                addresses: Vec::new(),
                expires: 0,
            })
        };
        assert_eq!(joined("ann").text(), "ann has let you in: c718");
        assert_eq!(joined("c718").text(), "c718 has let you in");
    }

    #[test]
    fn ages_are_told_in_the_largest_unit() {
        assert_eq!([5, 65, 7_300, 200_000].map(age), ["5 s", "1 min", "2 h", "2 d"]);
    }

    #[test]
    fn an_answer_stays_the_same_json_when_it_is_made_harmless() {
        let answer =
            serde_json::json!({"a\u{202e}": ["ü\u{7f}", "\u{e0041}", "\u{9b}31m", "\"\\", 1.5, null]});
        let text = harmless_json(&answer);
        assert!(text.contains(r"\udb40\udc41") && text.contains('ü'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), answer);
    }

    #[test]
    fn a_line_is_told_by_its_beginning() {
        assert_eq!(beginning("short"), "short");
        assert_eq!(beginning(&"ü".repeat(100)), format!("{}…", "ü".repeat(40)));
    }
}
