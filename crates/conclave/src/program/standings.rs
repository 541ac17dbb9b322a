//! Who is in, and by whom: what follows from a roster, for people.

use std::collections::{BTreeMap, BTreeSet};

use membership::{
    Directory, Grant, Identity, IdentityKey, MemberId, Policy, Reach, Relation, Revocation, Revoked, Settled,
    Standing, Statement, UnixSeconds,
};

use super::event::{ConsequenceLine, Event, ExpiryLine, ExpiryWord, MemberLine, StandingLine, StandingWord};
use super::failure::{Failure, Kind};
use super::hex;
use super::home::{Roster, member_line};

/// What ends within this time is warned of.
pub(crate) const WARNING_SECONDS: u64 = 30 * 24 * 3_600;
/// So many digits say which ticket it is.
const TICKET_ID_DIGITS: usize = 8;

/// How this node calls itself in the lines of others.
const OURSELVES: &str = "you";

/// What is known of sessions.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// With whom there are sessions now.
    pub(crate) connected: BTreeSet<IdentityKey>,
    /// When there last were.
    pub(crate) seen: BTreeMap<IdentityKey, UnixSeconds>,
}

impl StandingWord {
    pub(crate) fn of(standing: &Standing) -> StandingWord {
        match standing {
            Standing::Member { .. } => StandingWord::Member,
            Standing::Revoked { .. } => StandingWord::Revoked,
            Standing::Expired => StandingWord::Expired,
            Standing::Unknown => StandingWord::Unknown,
        }
    }
}

/// Who a person is told that somebody is in by.
fn by_name(roster: &Roster, by: &IdentityKey) -> String {
    if *by == roster.own() { OURSELVES.to_owned() } else { roster.name_of(by) }
}

/// The tree of members, each below whoever vouches for them, and behind it those who are out.
pub(crate) fn tree(roster: &Roster, presence: &Presence, now: UnixSeconds) -> Vec<Event> {
    let mut lines = Vec::new();
    // The tree is as deep as the policy allows, and nobody stands in it twice: each is reached by one.
    let mut next = children(roster, &roster.own());
    next.reverse();
    while let Some((identity, reach)) = next.pop() {
        lines.push(line(roster, presence, now, &identity, Some(reach)));
        let mut below = children(roster, &identity);
        below.retain(|(_, child)| child.distance > reach.distance);
        below.reverse();
        next.append(&mut below);
    }
    let out = roster.everybody().into_iter().filter(|identity| {
        matches!(roster.settled().standing(identity), Standing::Revoked { .. } | Standing::Expired)
    });
    lines.extend(out.map(|identity| line(roster, presence, now, &identity, None)));
    lines.into_iter().map(Event::Standing).collect()
}

/// Those who are in by the word of one, by name.
fn children<'a>(roster: &'a Roster, by: &IdentityKey) -> Vec<(IdentityKey, &'a Reach)> {
    let mut children: Vec<_> = roster
        .settled()
        .members()
        .filter(|(_, reach)| reach.by == *by)
        .map(|(identity, reach)| (*identity, reach))
        .collect();
    children.sort_by_cached_key(|(identity, _)| roster.name_of(identity));
    children
}

fn line(
    roster: &Roster,
    presence: &Presence,
    now: UnixSeconds,
    identity: &IdentityKey,
    reach: Option<&Reach>,
) -> StandingLine {
    let standing = roster.settled().standing(identity);
    let by = match &standing {
        Standing::Member { by, .. } | Standing::Revoked { by } => Some(*by),
        _ => None,
    };
    StandingLine {
        member: some_line(roster, identity),
        standing: StandingWord::of(&standing),
        by: by.map(|by| by_name(roster, &by)),
        by_member_id: by.map(|by| MemberId::of(&by).to_string()),
        distance: reach.map_or(0, |reach| reach.distance),
        until: reach.map(|reach| reach.until.seconds()),
        relation: reach.map(|reach| relation_word(reach.scope.relation).to_owned()),
        depth: reach.map_or(0, |reach| reach.depth),
        connected: presence.connected.contains(identity),
        last_seen: presence.seen.get(identity).map(|seen| seen.seconds()),
        now: now.seconds(),
    }
}

/// A line for somebody, member or not.
pub(crate) fn some_line(roster: &Roster, identity: &IdentityKey) -> MemberLine {
    if let Some(member) = roster.members().get(identity) {
        return member_line(member);
    }
    let card = roster.directory().card(identity);
    MemberLine {
        name: roster.name_of(identity),
        member_id: MemberId::of(identity).to_string(),
        identity: hex::encode(identity.as_bytes()),
        addresses: card.into_iter().flat_map(|card| card.addresses()).map(ToString::to_string).collect(),
        expires: card
            .into_iter()
            .flat_map(|card| card.records())
            .map(|record| record.expires().seconds())
            .max()
            .unwrap_or_default(),
    }
}

/// What a relation is called.
pub(crate) fn relation_word(relation: Relation) -> &'static str {
    match relation {
        Relation::Peer => "peer",
        Relation::Client => "client",
    }
}

/// Everybody whose standing here would change if this node revoked somebody, or undid that.
pub(crate) fn consequences(
    roster: &Roster,
    identity: &Identity,
    subject: IdentityKey,
    undo: bool,
    now: UnixSeconds,
) -> Result<Vec<Event>, Failure> {
    let about = Revoked::Member(subject);
    let own = identity.key();
    let before = roster.directory().revocation(&own, &about);
    let serial = before.map_or(0, Revocation::serial);
    let statement = if undo {
        Revocation::lift(identity, about, serial)
    } else {
        Revocation::issue(identity, about, serial.saturating_add(1))
    };
    let failed =
        |error: membership::Error| Failure::new(Kind::Usage, format!("this cannot be revoked: {error}"));
    let mut directory = Directory::clone(roster.directory());
    directory.merge_own(Statement::Revocation(statement.map_err(failed)?)).map_err(failed)?;
    let after = Settled::new(&directory, &Policy::of(own), now.max(roster.kept().horizon));
    let change = |identity: IdentityKey| {
        let (before, after) = (roster.settled().standing(&identity), after.standing(&identity));
        let by = match after {
            Standing::Member { by, .. } | Standing::Revoked { by } => Some(by_name(roster, &by)),
            _ => None,
        };
        (before != after).then(|| {
            Event::WouldChange(ConsequenceLine {
                name: roster.name_of(&identity),
                member_id: MemberId::of(&identity).to_string(),
                before: StandingWord::of(&before),
                after: StandingWord::of(&after),
                by,
            })
        })
    };
    Ok(roster.everybody().into_iter().filter_map(change).collect())
}

/// Everything that ends within [`WARNING_SECONDS`], and what to do about each.
pub(crate) fn expiries(roster: &Roster, record: &membership::Record, now: UnixSeconds) -> Vec<Event> {
    let own = roster.own();
    let mut lines = Vec::new();
    let soon = now.saturating_add(WARNING_SECONDS);
    let mut add = |what, member: Option<String>, expires: UnixSeconds, advice: &str| {
        if expires <= soon {
            let seconds = expires.seconds().saturating_sub(now.seconds());
            let (expires, advice) = (expires.seconds(), advice.to_owned());
            lines.push(ExpiryLine { what, member, expires, seconds, advice });
        }
    };
    add(ExpiryWord::Record, None, record.expires(), "run any command of this home: it renews the record");
    if let Some(said) = roster.own_announcement() {
        add(ExpiryWord::Announcement, None, said.facts().expires, "run `conclave up`: it says it anew");
    }
    for voucher in roster.directory().vouchers_of(&own) {
        let Grant { expires, .. } = voucher.grant();
        let called = roster.name_of(&voucher.subject());
        if !matches!(roster.settled().standing(&voucher.subject()), Standing::Revoked { .. }) {
            let advice = "vouch for them again: `conclave member add -`, with their card";
            add(ExpiryWord::VoucherByUs, Some(called), *expires, advice);
        }
    }
    for voucher in roster.directory().vouchers_for(&own) {
        let called = roster.name_of(&voucher.issuer());
        let advice = "ask them to vouch for you again: `conclave member add -`, with your card";
        add(ExpiryWord::VoucherForUs, Some(called), voucher.grant().expires, advice);
    }
    for member in roster.members().iter() {
        if let Some(said) = roster.directory().announcement(&member.identity()) {
            let advice = "connect with them: a node that runs says it anew in time";
            let called = roster.name_of(&member.identity());
            add(ExpiryWord::AnnouncementOfMember, Some(called), said.facts().expires, advice);
        }
    }
    for (id, terms) in &roster.kept().tickets {
        let name: String = hex::encode(&id.0).chars().take(TICKET_ID_DIGITS).collect();
        add(ExpiryWord::Ticket, Some(name), terms.expires, "");
    }
    lines.sort_by_key(|line| line.expires);
    lines.into_iter().map(Event::Expires).collect()
}
