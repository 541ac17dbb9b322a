//! What a home tells of itself and of others: the same whether a node runs in it or not.

use std::collections::BTreeMap;

use membership::{IdentityKey, MemberId, Petname, Record, UnixSeconds};
use node::store::{KeptCause, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::event::{Event, MemberLine, OpenTicketLine, SelfLine, StatusLine};
use super::failure::Failure;
use super::hex;
use super::home::{Home, Roster};
use super::standings::{self, Presence};

/// Something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Look {
    Members,
    Status,
    Whoami,
    Tickets,
}

/// A home at one moment.
pub(crate) struct Account<'a> {
    pub(crate) home: &'a Home,
    pub(crate) roster: &'a Roster,
    pub(crate) record: &'a Record,
    /// What the owner is called in their own cards.
    pub(crate) petname: Option<&'a Petname>,
    pub(crate) presence: Presence,
    /// Whether a node runs in it.
    pub(crate) running: bool,
    pub(crate) now: UnixSeconds,
}

impl Account<'_> {
    pub(crate) fn answer(&self, look: Look) -> Vec<Event> {
        match look {
            Look::Members => standings::tree(self.roster, &self.presence, self.now),
            Look::Status => {
                let mut lines = vec![self.status()];
                lines.extend(standings::expiries(self.roster, self.record, self.now));
                lines
            }
            Look::Whoami => vec![self.whoami()],
            Look::Tickets => self.tickets(),
        }
    }

    fn status(&self) -> Event {
        let roster = self.roster;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let open = roster
            .kept()
            .tickets
            .values()
            .filter(|terms| self.now.max(roster.kept().horizon) <= terms.expires)
            .count();
        Event::Status(StatusLine {
            running: self.running,
            member_id: MemberId::of(&roster.own()).to_string(),
            members: count(roster.members().len()),
            revoked: count(roster.settled().revoked().count()),
            open_tickets: count(open),
            sessions: self.presence.connected.iter().map(|identity| roster.name_of(identity)).collect(),
            addresses: roster.announced().iter().map(ToString::to_string).collect(),
        })
    }

    fn whoami(&self) -> Event {
        let own = self.roster.own();
        let member_id = MemberId::of(&own).to_string();
        let card = self.roster.directory().card(&own);
        let records = card.into_iter().flat_map(|card| card.records());
        let others = records.map(Record::device).filter(|device| *device != self.record.device());
        Event::Whoami(SelfLine {
            member: MemberLine {
                name: self.petname.map_or_else(|| member_id.clone(), ToString::to_string),
                member_id,
                identity: hex::encode(own.as_bytes()),
                addresses: self.roster.announced().iter().map(ToString::to_string).collect(),
                expires: self.record.expires().seconds(),
            },
            device: self.record.device().to_string(),
            static_key: hex::encode(self.record.static_key().as_bytes()),
            home: self.home.folder().display().to_string(),
            other_devices: others.map(|device| device.to_string()).collect(),
        })
    }

    /// The tickets that open, those that end first before the others.
    fn tickets(&self) -> Vec<Event> {
        // By the latest date seen, as the node judges them.
        let date = self.now.max(self.roster.kept().horizon);
        let open = self.roster.kept().tickets.iter().filter(|(_, terms)| date <= terms.expires);
        let mut lines: Vec<OpenTicketLine> = open
            .map(|(id, terms)| OpenTicketLine {
                ticket_id: hex::encode(&id.0),
                expires: terms.expires.seconds(),
                seconds: terms.expires.seconds().saturating_sub(self.now.seconds()),
                uses: terms.uses_left,
                bound: terms.bound.map(|bound| self.roster.name_of(&bound)),
                relation: standings::relation_word(terms.grant.scope.relation).to_owned(),
                depth: terms.grant.depth,
            })
            .collect();
        lines.sort_by(|one, other| (one.expires, &one.ticket_id).cmp(&(other.expires, &other.ticket_id)));
        lines.into_iter().map(Event::OpenTicket).collect()
    }
}

/// When there was last a session with whom.
pub(crate) type Seen = BTreeMap<IdentityKey, UnixSeconds>;

/// Reads when there was last a session with whom.
pub(crate) fn seen(store: &Store, home: &Home) -> Result<Seen, Failure> {
    let read = || store.snapshot().all_seen()?.collect::<Result<_, StoreError>>();
    read().map_err(|error| home.unopened(&error))
}

/// What went wrong with somebody, or with strangers, as far as it is on the disk.
pub(crate) fn kept_causes(
    store: &Store,
    home: &Home,
    whom: Option<&IdentityKey>,
) -> Result<Vec<KeptCause>, Failure> {
    store.snapshot().causes(whom).map_err(|error| home.unopened(&error))
}

/// The lines of `conclave why`, the latest last.
pub(crate) fn cause_lines(called: &str, mut causes: Vec<KeptCause>, now: UnixSeconds) -> Vec<Event> {
    causes.sort_by_key(|cause| cause.at);
    causes.dedup();
    let line = |cause: KeptCause| Event::Cause {
        member: called.to_owned(),
        age_seconds: now.seconds().saturating_sub(cause.at.seconds()),
        what: cause.what,
        advice: cause.advice,
    };
    causes.into_iter().map(line).collect()
}
