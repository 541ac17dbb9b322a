//! Who is in, and by whom, in words.

use super::super::{
    ConsequenceLine, ExpiryLine, ExpiryWord, IdentityLine, OpenTicketLine, SelfLine, StandingLine,
    StandingWord, StatusLine, TicketLine,
};
use super::{age, printable};

impl TicketLine {
    pub(super) fn text(&self) -> String {
        let picture = self.qr.as_ref().map_or("", |qr| qr.expose());
        let gap = if picture.is_empty() { "" } else { "\n" };
        [picture, gap, self.uri.expose()].concat()
    }
}

impl OpenTicketLine {
    pub(super) fn text(&self) -> String {
        let whom = self.bound.as_deref().map_or_else(|| "whoever has it".to_owned(), printable);
        let mut facts = vec![format!("for {whom}")];
        facts.push(if self.uses == 1 { "once".to_owned() } else { format!("{} times", self.uses) });
        if self.relation != "peer" {
            facts.push(self.relation.clone());
        }
        if self.depth > 0 {
            facts.push("may introduce".to_owned());
        }
        format!("{}\tends in {}\t{}", self.ticket_id, age(self.seconds), facts.join(", "))
    }
}

/// Recovery words in one row.
const WORDS_IN_A_ROW: usize = 6;

impl IdentityLine {
    fn kept(&self) -> &'static str {
        if self.sealed { "under the passphrase" } else { "without a passphrase" }
    }

    /// With the words that bring it back, numbered for whoever writes them down.
    pub(super) fn made(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let numbered = |(at, word): (usize, &&str)| format!("{:>2} {word:<8}", at + 1);
        let cells: Vec<String> = words.iter().enumerate().map(numbered).collect();
        let rows: Vec<String> =
            cells.chunks(WORDS_IN_A_ROW).map(|row| format!("    {}", row.join("  ").trim_end())).collect();
        format!(
            "made {} in {}; its identity is kept {}\n\
             WRITE THESE WORDS DOWN ON PAPER, in their order. They are not shown again. They bring your identity back where \
             this machine is lost (`conclave recover`), and whoever reads them is you:\n\n{}\n",
            self.member_id,
            printable(&self.home),
            self.kept(),
            rows.join("\n"),
        )
    }

    pub(super) fn recovered(&self) -> String {
        format!(
            "you are {} again, in {}; the identity is kept {}\n\
             not restored: the device key (this machine has a new one), the door, tickets (those you had issued open no \
             more), your members and what was said by whom, conversations\n  \
             what to do: come back in by a ticket of any member: `conclave join`; members take you for who you were\n          \
             or: exchange cards anew: this one, and `conclave member add -`\n          \
             or: if the old machine is lost, keep it out: `conclave revoke --device ID`, once you are back; the ids: \
             `conclave whoami`",
            self.member_id,
            printable(&self.home),
            self.kept(),
        )
    }
}

impl StandingWord {
    fn text(self) -> &'static str {
        match self {
            StandingWord::Member => "member",
            StandingWord::Revoked => "revoked",
            StandingWord::Expired => "expired",
            StandingWord::Unknown => "unknown",
        }
    }
}

impl StandingLine {
    /// The tree is drawn by indentation: who stands below somebody is in by their word.
    pub(super) fn text(&self) -> String {
        let indent = "  ".repeat(usize::from(self.distance.saturating_sub(1)));
        let by = self.by.as_deref().map(printable).unwrap_or_default();
        let mut facts = vec![match self.standing {
            StandingWord::Member => format!("by {by}"),
            StandingWord::Revoked => format!("revoked by {by}"),
            other => other.text().to_owned(),
        }];
        facts.extend(self.relation.as_ref().filter(|relation| *relation != "peer").cloned());
        if let Some(until) = self.until {
            facts.push(format!("for {}", age(until.saturating_sub(self.now))));
        }
        if self.depth > 0 {
            facts.push("may introduce".to_owned());
        }
        match (self.connected, self.last_seen) {
            (true, _) => facts.push("connected".to_owned()),
            (false, Some(seen)) => facts.push(format!("seen {} ago", age(self.now.saturating_sub(seen)))),
            (false, None) => {}
        }
        format!("{indent}{}\t{}\t{}", printable(&self.member.name), self.member.member_id, facts.join(", "))
    }
}

impl ConsequenceLine {
    pub(super) fn text(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(", by {}", printable(by))).unwrap_or_default();
        format!(
            "{}\t{}\t{} -> {}{by}",
            printable(&self.name),
            self.member_id,
            self.before.text(),
            self.after.text()
        )
    }
}

impl SelfLine {
    pub(super) fn text(&self) -> String {
        let addresses = if self.member.addresses.is_empty() {
            "none".to_owned()
        } else {
            self.member.addresses.join(",")
        };
        let mut lines = vec![
            format!("name\t{}", printable(&self.member.name)),
            format!("member id\t{}", self.member.member_id),
            format!("identity\t{}", self.member.identity),
            format!("device\t{}", self.device),
            format!("addresses\t{}", printable(&addresses)),
            format!("home\t{}", printable(&self.home)),
        ];
        lines.extend(self.other_devices.iter().map(|device| format!("other device\t{device}")));
        lines.join("\n")
    }
}

impl StatusLine {
    pub(super) fn text(&self) -> String {
        let running = if self.running { "running" } else { "not running: `conclave up` starts it" };
        let or_none = |list: &[String]| match list {
            [] => "none".to_owned(),
            list => list.iter().map(|one| printable(one)).collect::<Vec<_>>().join(", "),
        };
        [
            format!("node\t{running}"),
            format!("member id\t{}", self.member_id),
            format!("addresses\t{}", or_none(&self.addresses)),
            format!("sessions\t{}", or_none(&self.sessions)),
            format!("members\t{}, and {} revoked", self.members, self.revoked),
            format!("tickets\t{} open", self.open_tickets),
        ]
        .join("\n")
    }
}

impl ExpiryLine {
    /// What ends, and when.
    pub(crate) fn what_ends(&self) -> String {
        let whom = self.member.as_deref().map(printable).unwrap_or_default();
        let what = match self.what {
            ExpiryWord::Record => "the record of this device".to_owned(),
            ExpiryWord::Announcement => "what this node tells members about itself".to_owned(),
            ExpiryWord::VoucherByUs => format!("your voucher for {whom}"),
            ExpiryWord::VoucherForUs => format!("the voucher of {whom} for you"),
            ExpiryWord::AnnouncementOfMember => format!("what {whom} has told about how to be reached"),
            ExpiryWord::Ticket => format!("the ticket {whom}"),
        };
        let when = match self.seconds {
            0 => "has ended".to_owned(),
            seconds => format!("ends in {}", age(seconds)),
        };
        format!("{what} {when}")
    }

    pub(super) fn text(&self) -> String {
        let advice =
            if self.advice.is_empty() { String::new() } else { format!("\n  what to do: {}", self.advice) };
        self.what_ends() + &advice
    }
}
