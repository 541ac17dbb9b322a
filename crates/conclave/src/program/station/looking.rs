//! What a running node tells of itself, and of the tickets that it has issued.

use membership::TicketId;

use super::super::account::{self, Account, Look};
use super::super::admission;
use super::super::checkup::{self, Topic};
use super::super::command::doctor::VERSION;
use super::super::command::now;
use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::super::standings::{self, Presence};
use super::Station;

/// So many digits of an id are enough, if they are those of one ticket only.
const MIN_ID_DIGITS: usize = 4;

impl Station {
    /// What there is to see now.
    pub(super) fn look(&self, at: Look) -> Result<Vec<Event>, Failure> {
        let (now, shared) = (now()?, &self.shared);
        let connected = shared.node.sessions().iter().map(|session| session.peer.identity).collect();
        let presence = Presence { connected, seen: account::seen(&shared.store, &shared.home)? };
        let mut roster = shared.roster.lock();
        roster.refresh(now);
        let account = Account {
            home: &shared.home,
            roster: &roster,
            record: &shared.record,
            petname: shared.petname.as_ref(),
            presence,
            running: !shared.is_brief,
            now,
        };
        Ok(account.answer(at))
    }

    /// What is right and wrong with it, for a program of this version.
    pub(super) async fn examine(&self, version: &str) -> Result<Vec<Event>, Failure> {
        let (now, shared) = (now()?, &self.shared);
        let mut lines = vec![if version == VERSION {
            Topic::Version.ok(VERSION)
        } else {
            Topic::Version.warning(
                format!("this is {version}, and the node that runs is {VERSION}"),
                "stop `conclave up` and start it again, so that both are the same program",
            )
        }];
        let sessions = match shared.node.sessions().len() {
            1 => "1 session".to_owned(),
            count => format!("{count} sessions"),
        };
        lines.push(Topic::Node.ok(format!("runs, with {sessions}")));
        let (store, own, home) = (shared.store.clone(), shared.node.identity(), shared.home.clone());
        let read = move || Ok((home.roster(&store, own, now)?, account::seen(&store, &home)?));
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.unwrap_or_else(|error| Err(Failure::new(Kind::Broken, error.to_string())));
        let told = {
            let mut roster = shared.roster.lock();
            roster.refresh(now);
            let seen = read.as_ref().map(|(_, seen)| seen);
            lines.push(checkup::clock(now, seen.ok().map(|seen| (&*roster, seen))));
            lines.push(match &read {
                Ok((stored, _)) => checkup::store(stored.kept()),
                Err(failure) => Topic::Store.failed(failure),
            });
            lines.push(checkup::members(&roster));
            lines.push(checkup::doors(&roster, now));
            lines.extend(checkup::expiry(&roster, &shared.record, now));
            roster.announced()
        };
        lines.extend(checkup::reachability(shared.node.local_addresses(), &told).await);
        Ok(lines)
    }

    /// Whose standing would change.
    pub(super) fn would_revoke(&self, member: &str, undo: bool) -> Result<Vec<Event>, Failure> {
        let Some(signer) = &self.shared.signer else {
            return Err(Failure::new(Kind::Sealed, "the identity of this home is not at hand"));
        };
        let roster = self.shared.roster.lock();
        let subject = roster.find_anybody(member)?;
        standings::consequences(&roster, signer, subject, undo, now()?)
    }

    /// Withdraws the ticket whose id begins with these digits.
    pub(super) async fn withdraw(&self, digits: &str) -> Result<Event, Failure> {
        let id = self.ticket(digits)?;
        let withdrawn = self.shared.node.withdraw_ticket(id).await;
        let withdrawn =
            withdrawn.map_err(|error| admission::unchanged(&error, &self.shared.roster.lock()))?;
        if withdrawn { Ok(Event::TicketWithdrawn { ticket_id: hex::encode(&id.0) }) } else { Err(unknown()) }
    }

    fn ticket(&self, digits: &str) -> Result<TicketId, Failure> {
        let digits = digits.trim().to_ascii_lowercase();
        if digits.len() < MIN_ID_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Failure::new(Kind::BadTicket, "that is no id of a ticket")
                .meaning(format!("an id is 32 hexadecimal digits, of which {MIN_ID_DIGITS} may be enough"))
                .advice("see the ids: `conclave tickets`"));
        }
        let roster = self.shared.roster.lock();
        let mut fitting = roster.kept().tickets.keys().filter(|id| hex::encode(&id.0).starts_with(&digits));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(*id),
            (None, _) => Err(unknown()),
            (Some(_), Some(_)) => Err(Failure::new(Kind::BadTicket, "several tickets begin like that")
                .advice("give more digits: `conclave tickets`")),
        }
    }
}

fn unknown() -> Failure {
    Failure::new(Kind::BadTicket, "no ticket of that id is open")
        .meaning("it is used up, withdrawn or expired already, or another home has issued it")
        .advice("see those that are open: `conclave tickets`")
}
