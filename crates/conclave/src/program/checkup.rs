//! What `conclave doctor` looks at: one line for each thing, and what to do where it is not as it should be.
//!
//! What is on the disk is looked at by the command; what a running node has in hand, the store among it, by that node.

mod files;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use membership::{NetAddress, Statement, UnixSeconds};
use node::Kept;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::account::Seen;
use super::event::{CheckLine, Event, ExpiryLine, ExpiryWord, Verdict};
use super::failure::{Failure, reason};
use super::home::Roster;
use super::span::Span;
use super::standings;

pub(crate) use files::{identity, permissions};

/// Nothing was written before this program was: the first second of 2026.
const EARLIEST_SECONDS: u64 = 1_767_225_600;
/// Nor does it run for longer: the first second of 2100.
const LATEST_SECONDS: u64 = 4_102_444_800;
/// Clocks of different machines may be so far apart.
const CLOCK_TOLERANCE_SECONDS: u64 = 5 * 60;
/// How long a connection to this machine itself may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Names in one line.
const MAX_NAMES: usize = 5;

/// What is looked at, as the lines of `--json` name it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    Home,
    Permissions,
    Identity,
    Keys,
    Clock,
    Store,
    Node,
    Version,
    Reachability,
    Members,
    Expiry,
    Door,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Topic::Home => "home",
            Topic::Permissions => "permissions",
            Topic::Identity => "identity",
            Topic::Keys => "keys",
            Topic::Clock => "clock",
            Topic::Store => "store",
            Topic::Node => "node",
            Topic::Version => "version",
            Topic::Reachability => "reachability",
            Topic::Members => "members",
            Topic::Expiry => "expiry",
            Topic::Door => "door",
        }
    }

    fn line(self, verdict: Verdict, what: impl Into<String>, advice: impl Into<String>) -> Event {
        let (check, what, advice) = (self.name().to_owned(), what.into(), advice.into());
        Event::Check(CheckLine { check, verdict, what, advice })
    }

    /// It is as it should be.
    pub(crate) fn ok(self, what: impl Into<String>) -> Event {
        self.line(Verdict::Ok, what, "")
    }

    /// It works, and will not for ever, or not for everybody.
    pub(crate) fn warning(self, what: impl Into<String>, advice: impl Into<String>) -> Event {
        self.line(Verdict::Warning, what, advice)
    }

    /// It does not work.
    pub(crate) fn problem(self, what: impl Into<String>, advice: impl Into<String>) -> Event {
        self.line(Verdict::Problem, what, advice)
    }

    /// A command would fail like this.
    pub(crate) fn failed(self, failure: &Failure) -> Event {
        self.problem(failure.what.clone(), failure.advice.join("; or: "))
    }
}

/// Whether the date can be right: by itself, by when members were last here, and by what they have signed.
pub(crate) fn clock(now: UnixSeconds, known: Option<(&Roster, &Seen)>) -> Event {
    let advice = "set the clock, or have the system do it: `timedatectl set-ntp true`";
    let seconds = now.seconds();
    if !(EARLIEST_SECONDS..LATEST_SECONDS).contains(&seconds) {
        let when = if seconds < EARLIEST_SECONDS { "before this program was written" } else { "after 2100" };
        return Topic::Clock.problem(format!("the clock of this machine says a date {when}"), advice);
    }
    let Some((roster, seen)) = known else { return Topic::Clock.ok("the date can be right") };
    let latest = seen.values().copied().chain([roster.kept().horizon]).max().unwrap_or_default();
    let back = latest.seconds().saturating_sub(seconds);
    if back > CLOCK_TOLERANCE_SECONDS {
        let what = format!("the clock was set back: this home has seen a date {} later", rounded(back));
        return Topic::Clock.problem(what, advice);
    }
    let ahead = latest_of_others(roster).saturating_sub(seconds);
    if ahead > CLOCK_TOLERANCE_SECONDS {
        let what = format!(
            "members have signed something {} from now: this clock is behind, or theirs is ahead",
            rounded(ahead)
        );
        return Topic::Clock.warning(what, advice);
    }
    Topic::Clock.ok("the date can be right, and goes with what members have signed")
}

/// The latest date that somebody else has signed at: versions and serials are dates.
fn latest_of_others(roster: &Roster) -> u64 {
    let dates = roster.directory().statements().filter(|statement| statement.issuer() != roster.own()).map(
        |statement| match statement {
            Statement::Announcement(announcement) => announcement.version(),
            Statement::Voucher(voucher) => voucher.version(),
            Statement::Revocation(revocation) => revocation.serial(),
        },
    );
    dates.max().unwrap_or_default()
}

/// All that is kept could be read, and every signature in it holds.
pub(crate) fn store(kept: &Kept) -> Event {
    Topic::Store.ok(format!(
        "opens, and all of it verifies: {} statements, {} cards, {} tickets",
        kept.directory.len(),
        kept.directory.cards().count(),
        kept.tickets.len()
    ))
}

/// Members whom this node cannot dial.
pub(crate) fn members(roster: &Roster) -> Event {
    let lost: Vec<String> = roster
        .members()
        .iter()
        .filter(|member| member.addresses().is_empty())
        .map(|member| roster.name_of(&member.identity()))
        .collect();
    let all = roster.members().len();
    if lost.is_empty() {
        let what = if all == 0 {
            "there is nobody yet".to_owned()
        } else {
            format!("of all {all} an address is known")
        };
        return Topic::Members.ok(what);
    }
    let more = lost.len().saturating_sub(MAX_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = lost.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
    Topic::Members.warning(
        format!("no address is known of {names}{more}: they are met when they dial this node, and only then"),
        "have them run `conclave up --addresses HOST:PORT`: they tell it when they connect",
    )
}

/// What ends within a month, or has ended. Tickets end as a matter of course.
pub(crate) fn expiry(roster: &Roster, record: &membership::Record, now: UnixSeconds) -> Vec<Event> {
    let mut lines = Vec::new();
    for event in standings::expiries(roster, record, now) {
        let Event::Expires(line) = event else { continue };
        let ours = matches!(line.what, ExpiryWord::Record | ExpiryWord::Announcement);
        match &line {
            ExpiryLine { what: ExpiryWord::Ticket, .. } => {}
            ExpiryLine { seconds: 0, advice, .. } if ours => {
                lines.push(Topic::Expiry.problem(line.what_ends(), advice.clone()));
            }
            ExpiryLine { advice, .. } => lines.push(Topic::Expiry.warning(line.what_ends(), advice.clone())),
        }
    }
    if lines.is_empty() {
        lines.push(Topic::Expiry.ok("nothing ends within 30 days but tickets"));
    }
    lines
}

/// The doors before the current one.
pub(crate) fn doors(roster: &Roster, now: UnixSeconds) -> Event {
    let open = roster.kept().doors.iter().flat_map(|doors| &doors.previous).filter(|door| now <= door.date);
    let latest = open.map(|door| door.date.seconds()).max();
    Topic::Door.ok(match latest {
        None => "only the door in your cards opens".to_owned(),
        Some(until) => format!(
            "a door before the one in your cards opens for {} more, for members who have not heard of the new one",
            rounded(until.saturating_sub(now.seconds()))
        ),
    })
}

/// Whether this machine takes connections where the node says that it listens, and whether members are told a place
/// that can be it.
pub(crate) async fn reachability(listening: &[SocketAddr], told: &[NetAddress]) -> Vec<Event> {
    if listening.is_empty() {
        return vec![Topic::Reachability.warning(
            "the node listens nowhere: members are met when it dials them, and only then",
            "restart it with an address: `conclave up --listen ADDRESS:PORT`",
        )];
    }
    let mut lines = Vec::new();
    for address in listening {
        let dialed = timeout(DIAL_TIMEOUT, TcpStream::connect(own(*address))).await;
        let why = match dialed {
            Ok(Ok(_)) => {
                lines.push(Topic::Reachability.ok(format!("{address} takes connections of this machine")));
                continue;
            }
            Ok(Err(error)) => reason(&error),
            Err(_) => "no reply in time".to_owned(),
        };
        lines.push(Topic::Reachability.problem(
            format!("{address} takes no connection, not even of this machine: {why}"),
            "look for a firewall, and restart `conclave up`",
        ));
    }
    lines.extend(told_where(listening, told));
    lines
}

/// The address at which this machine reaches itself.
fn own(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn told_where(listening: &[SocketAddr], told: &[NetAddress]) -> Vec<Event> {
    if told.is_empty() {
        return vec![Topic::Reachability.warning(
            "members are told no address: they cannot dial this node, and its tickets lead nowhere",
            "say where it can be reached: `conclave up --addresses HOST:PORT`",
        )];
    }
    let mut lines = Vec::new();
    for address in told {
        let parts = address.as_str().rsplit_once(':');
        let (host, port) = parts.unwrap_or((address.as_str(), ""));
        let is_bound = listening.iter().any(|bound| port == bound.port().to_string());
        let is_loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        lines.push(if !is_bound {
            Topic::Reachability.warning(
                format!("members are told {address}, and this node does not listen on that port"),
                "if no router forwards it: `conclave up --listen ADDRESS:PORT --addresses HOST:PORT`",
            )
        } else if is_loopback {
            Topic::Reachability.warning(
                format!("members are told {address}, which reaches this machine from itself only"),
                "say where others reach it: `conclave up --addresses HOST:PORT`",
            )
        } else {
            Topic::Reachability.ok(format!(
                "members are told {address}; whether that leads here from elsewhere, only they can try: `conclave ping`"
            ))
        });
    }
    lines
}

/// A length of time in its largest unit.
fn rounded(seconds: u64) -> String {
    let unit = [24 * 3_600, 3_600, 60].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    Span(seconds / unit * unit).to_string()
}

#[cfg(test)]
mod tests;
