//! Who says what about whom, as this home keeps it: what is in the store, and what follows from it.
//!
//! The node decides; here is what it starts from, what it has made durable, and what members are called.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use membership::{
    Announcement, Directory, IdentityKey, Member, MemberId, Members, NetAddress, Petname, Policy, Settled,
    Standing, UnixSeconds,
};
use node::store::Store;
use node::{Keep, Kept};

use super::super::event::MemberLine;
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::{Home, HomeLock, archive};

/// The roster in the hands of several tasks.
#[derive(Debug, Clone)]
pub(crate) struct SharedRoster(Arc<Mutex<Roster>>);

impl SharedRoster {
    pub(crate) fn new(roster: Roster) -> SharedRoster {
        SharedRoster(Arc::new(Mutex::new(roster)))
    }

    /// The roster, for as long as the guard lives. Nothing is awaited meanwhile.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Roster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Roster::name_of`].
    pub(crate) fn name_of(&self, identity: &IdentityKey) -> String {
        self.lock().name_of(identity)
    }

    /// Makes durable what the node of this home keeps, and shows it here.
    pub(crate) fn keep(&self, home: &Home, store: &Store) -> Keep {
        let (own, kept) = {
            let roster = self.lock();
            (roster.own, roster.kept.clone())
        };
        let (shared, home) = (self.clone(), home.clone());
        Keep::in_store(store, own, kept).followed_by(move |kept| {
            // Not under the mutex: nobody who wants to know a name waits for a disk.
            if let Err(failure) = home.follow_doors(kept) {
                tracing::warn!(%failure, "cards carry the door before, until the next start");
            }
            let now = super::super::command::now().unwrap_or(kept.horizon);
            shared.lock().show(kept.clone(), now);
        })
    }
}

/// What is kept, and what follows from it at a date.
#[derive(Debug)]
pub(crate) struct Roster {
    own: IdentityKey,
    kept: Kept,
    settled: Settled,
    members: Members,
}

impl Home {
    /// Reads what the store keeps for the identity `own`, verifying all of it.
    pub(crate) fn roster(
        &self,
        store: &Store,
        own: IdentityKey,
        now: UnixSeconds,
    ) -> Result<Roster, Failure> {
        let kept = Kept::load(store, &own).map_err(|error| archive::damaged(self.folder(), &error))?;
        Ok(Roster::new(own, kept, now))
    }

    /// The same for a node that is about to run: its cards carry the door that is kept.
    pub(crate) fn own_roster(
        &self,
        _lock: &HomeLock,
        store: &Store,
        own: IdentityKey,
        now: UnixSeconds,
    ) -> Result<Roster, Failure> {
        let roster = self.roster(store, own, now)?;
        self.follow_doors(&roster.kept)?;
        Ok(roster)
    }
}

impl Roster {
    pub(crate) fn new(own: IdentityKey, kept: Kept, now: UnixSeconds) -> Roster {
        let (settled, members) = settle(own, &kept, now);
        Roster { own, kept, settled, members }
    }

    fn show(&mut self, kept: Kept, now: UnixSeconds) {
        *self = Roster::new(self.own, kept, now);
    }

    /// Looks again, as of `now`: vouchers end by themselves.
    pub(crate) fn refresh(&mut self, now: UnixSeconds) {
        (self.settled, self.members) = settle(self.own, &self.kept, now);
    }

    /// Whose roster it is.
    pub(crate) fn own(&self) -> IdentityKey {
        self.own
    }

    /// Everything that is kept.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What was said.
    pub(crate) fn directory(&self) -> &Directory {
        &self.kept.directory
    }

    /// Everybody's standing.
    pub(crate) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// Who is in.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// Where this node has told members to find it.
    pub(crate) fn announced(&self) -> Vec<NetAddress> {
        let announcement = self.directory().announcement(&self.own);
        announcement.map(|known| known.facts().card.addresses().to_vec()).unwrap_or_default()
    }

    /// What this node says about itself.
    pub(crate) fn own_announcement(&self) -> Option<&Announcement> {
        self.directory().announcement(&self.own)
    }

    /// The member a person means.
    pub(crate) fn find(&self, text: &str) -> Result<IdentityKey, Failure> {
        match self.members.find(text) {
            Ok(member) => Ok(member.identity()),
            Err(membership::Error::NoSuchMember) => Err(self.no_member(text)),
            Err(error) => Err(ambiguous(text, &error.to_string())),
        }
    }

    /// Anybody a person means of whom anything was said: also those who are kept out.
    pub(crate) fn find_anybody(&self, text: &str) -> Result<IdentityKey, Failure> {
        if let Ok(member) = self.members.find(text) {
            return Ok(member.identity());
        }
        let fits = |identity: &IdentityKey| {
            let id = MemberId::of(identity).to_string();
            let by_id = text.len() >= membership::MIN_PREFIX_DIGITS
                && id.get(..text.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(text));
            by_id || self.name_of(identity) == text || hex::encode(identity.as_bytes()) == text
        };
        let mut found = self.everybody().into_iter().filter(|identity| fits(identity));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(ambiguous(text, "several fit")),
            (None, _) => Err(self.find(text).err().unwrap_or_else(|| self.no_member(text))),
        }
    }

    /// Everybody of whom anything was said, but this node itself.
    pub(crate) fn everybody(&self) -> std::collections::BTreeSet<IdentityKey> {
        let mut all: std::collections::BTreeSet<IdentityKey> =
            self.directory().cards().map(membership::Card::identity).collect();
        for statement in self.directory().statements() {
            all.insert(statement.issuer());
            match statement {
                membership::Statement::Voucher(voucher) => drop(all.insert(voucher.subject())),
                membership::Statement::Revocation(revocation) => {
                    if let membership::Revoked::Member(subject) = revocation.about() {
                        all.insert(subject);
                    }
                }
                membership::Statement::Announcement(_) => {}
            }
        }
        all.remove(&self.own);
        all
    }

    /// What somebody is called: by name, else by id.
    pub(crate) fn name_of(&self, identity: &IdentityKey) -> String {
        if let Some(member) = self.members.get(identity) {
            return display_name(member);
        }
        let suggested = || self.directory().card(identity)?.petname();
        let name = self.kept.names.get(identity).or_else(suggested);
        let free = name.filter(|name| self.owner_of(name).is_none());
        free.map_or_else(|| MemberId::of(identity).to_string(), ToString::to_string)
    }

    /// Who is called that.
    pub(crate) fn owner_of(&self, name: &Petname) -> Option<IdentityKey> {
        self.members.iter().find(|member| member.petname() == Some(name)).map(Member::identity)
    }

    fn no_member(&self, text: &str) -> Failure {
        let known = self.everybody().into_iter().find(|identity| self.name_of(identity) == text);
        let failure = Failure::new(Kind::UnknownMember, format!("there is no member `{text}` here"));
        match known.map(|identity| self.settled.standing(&identity)) {
            Some(Standing::Revoked { by }) if by == self.own => failure
                .meaning("you have revoked them")
                .advice(format!("undo it: `conclave revoke {text} --undo`")),
            Some(Standing::Revoked { by }) => failure
                .meaning(format!("{} has revoked them, and that counts here", self.name_of(&by)))
                .advice("only whoever revoked them can undo it"),
            Some(Standing::Expired) => failure.meaning("the voucher by which they were in has ended").advice(
                "take them in again: `conclave member add -`, or hand them a ticket: `conclave invite`",
            ),
            _ => failure
                .advice("see who there is: `conclave members`")
                .advice("let them in: `conclave invite`, and hand them the ticket"),
        }
    }
}

fn settle(own: IdentityKey, kept: &Kept, now: UnixSeconds) -> (Settled, Members) {
    // As the node does it: a clock that is set back brings nobody back.
    let settled = Settled::new(&kept.directory, &Policy::of(own), now.max(kept.horizon));
    let members = Members::settled(&kept.directory, &settled, &kept.names);
    (settled, members)
}

/// A member for other commands and for people.
pub(crate) fn member_line(member: &Member) -> MemberLine {
    MemberLine {
        name: display_name(member),
        member_id: member.id().to_string(),
        identity: hex::encode(member.identity().as_bytes()),
        addresses: member.addresses().iter().map(ToString::to_string).collect(),
        expires: member.devices().map(|record| record.expires().seconds()).max().unwrap_or_default(),
    }
}

fn display_name(member: &Member) -> String {
    member.petname().map_or_else(|| member.id().to_string(), ToString::to_string)
}

fn ambiguous(text: &str, why: &str) -> Failure {
    Failure::new(Kind::UnknownMember, format!("`{text}` is not one member: {why}"))
        .advice("name more digits of the member id")
}

#[cfg(test)]
mod tests;
