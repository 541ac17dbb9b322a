//! The static list of members.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::stored::StoredMembers;
use crate::{
    Card, Credential, Error, IdentityKey, Member, MemberId, Petname, Record, StaticKey, UnixSeconds,
};

#[cfg(test)]
mod tests;

/// Members on one list.
pub const MAX_MEMBERS: usize = 65_536;
/// Digits of a member id that [`Members::find`] wants at least.
pub const MIN_PREFIX_DIGITS: usize = 4;

/// Who may come in. Decides by full keys; the member id is only an index.
///
/// Serializes to a list for a file of the node's own: it holds the doors of all members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredMembers", into = "StoredMembers")]
pub struct Members {
    by_id: BTreeMap<MemberId, Member>,
    by_name: BTreeMap<Petname, MemberId>,
    /// Who is kept out, whatever they show.
    revoked: BTreeSet<IdentityKey>,
}

/// What [`Members::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The identity was not on the list.
    New(MemberId),
    /// It was: its door, addresses and devices were brought up to date.
    Updated(MemberId),
}

/// What the list says about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceStanding {
    /// A member, with a device whose record holds.
    Member,
    /// A member, but the record of the device has expired.
    Expired,
    /// A member's identity, but the device is not on the list, or the record shown for it does not hold.
    UnknownDevice,
    /// Not a member.
    Unknown,
    /// Kept out: not even a ticket lets them in.
    Revoked,
}

impl Members {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the member of a card, or brings a known one up to date.
    ///
    /// # Errors
    /// [`Error::IdTaken`], [`Error::DeviceConflict`], [`Error::PetnameTaken`], [`Error::TooLarge`]; the list is as before then.
    pub fn add(&mut self, card: &Card) -> Result<Added, Error> {
        let id = MemberId::of(&card.identity());
        self.add_under(id, card)
    }

    /// The id is a parameter so that the tests can make two keys meet under one.
    fn add_under(&mut self, id: MemberId, card: &Card) -> Result<Added, Error> {
        let known = self.by_id.get(&id);
        if known.is_some_and(|known| known.identity() != card.identity()) {
            return Err(Error::IdTaken { id });
        }
        let member = match known {
            Some(known) => known.updated(card)?,
            None if self.by_id.len() >= MAX_MEMBERS => {
                return Err(Error::TooLarge { what: "members", limit: MAX_MEMBERS });
            }
            None => Member::from_card(card)?,
        };
        let added = if known.is_some() { Added::Updated(id) } else { Added::New(id) };
        self.put(id, member)?;
        Ok(added)
    }

    /// Takes a member in if its name does not belong to another. Its device keys may stand in the record of another: who
    /// that is proves nothing by it, as a handshake proves both keys of a device together, and to refuse it would let
    /// anybody who knows a device key shut its owner out.
    pub(crate) fn put(&mut self, id: MemberId, member: Member) -> Result<(), Error> {
        if let Some(owner) = member.petname().and_then(|name| self.named(name)).filter(|owner| *owner != id) {
            return Err(Error::PetnameTaken { owner });
        }
        let name = member.petname().cloned();
        if let Some(former) = self.by_id.insert(id, member).as_ref().and_then(Member::petname) {
            self.by_name.remove(former);
        }
        self.by_name.extend(name.map(|name| (name, id)));
        Ok(())
    }

    /// Strikes a member off the list.
    pub fn remove(&mut self, identity: &IdentityKey) -> Option<Member> {
        let id = self.get(identity)?.id();
        self.by_name.retain(|_, owner| *owner != id);
        self.by_id.remove(&id)
    }

    /// Takes in a record of a known member, as shown in a handshake; says whether it was news.
    ///
    /// # Errors
    /// [`Error::NoSuchMember`] and those of [`add`](Self::add).
    pub fn learn(&mut self, record: &Record) -> Result<bool, Error> {
        let mut member = self.get(&record.identity()).ok_or(Error::NoSuchMember)?.clone();
        let news = member.learn(record)?;
        if news {
            self.put(member.id(), member)?;
        }
        Ok(news)
    }

    /// Calls a member by another name, or by none.
    ///
    /// # Errors
    /// [`Error::NoSuchMember`], [`Error::PetnameTaken`].
    pub fn rename(&mut self, identity: &IdentityKey, petname: Option<Petname>) -> Result<(), Error> {
        let mut member = self.get(identity).ok_or(Error::NoSuchMember)?.clone();
        member.set_petname(petname);
        self.put(member.id(), member)
    }

    /// The member with this key.
    #[must_use]
    pub fn get(&self, identity: &IdentityKey) -> Option<&Member> {
        self.by_id.get(&MemberId::of(identity)).filter(|member| member.identity() == *identity)
    }

    /// The member with this id.
    #[must_use]
    pub fn by_id(&self, id: &MemberId) -> Option<&Member> {
        self.by_id.get(id)
    }

    /// The member whom a person means by `text`: a petname, a member id, or at least
    /// [`MIN_PREFIX_DIGITS`] first digits of one.
    ///
    /// # Errors
    /// [`Error::NoSuchMember`]; [`Error::Ambiguous`] when a name and an id, or several ids, fit.
    pub fn find(&self, text: &str) -> Result<&Member, Error> {
        let named = |member: &Member| member.petname().is_some_and(|name| name.as_str() == text);
        let digits = text.len() >= MIN_PREFIX_DIGITS;
        let fits = |id: &MemberId| digits && starts_with_ignoring_case(&id.to_string(), text);
        let mut candidates = self.by_id.iter().filter(|(id, member)| named(member) || fits(id));
        let (first_id, first) = candidates.next().ok_or(Error::NoSuchMember)?;
        match candidates.next() {
            None => Ok(first),
            Some((second, _)) => Err(Error::Ambiguous { first: *first_id, second: *second }),
        }
    }

    /// What the list says about a device, by the records it holds.
    #[must_use]
    pub fn standing(
        &self,
        identity: &IdentityKey,
        static_key: &StaticKey,
        now: UnixSeconds,
    ) -> DeviceStanding {
        let Some(member) = self.get(identity) else { return self.standing_of_stranger(identity) };
        member
            .device(static_key)
            .map_or(DeviceStanding::UnknownDevice, |record| DeviceStanding::of(member, record, now))
    }

    /// What the list says about a claim made in a handshake. A new device of a member is as good as a known one if
    /// the identity has signed for it. Costs a signature check only for members, and for their known records none.
    #[must_use]
    pub fn standing_of_claim(
        &self,
        static_key: &StaticKey,
        credential: &Credential,
        now: UnixSeconds,
    ) -> DeviceStanding {
        let Some(member) = self.get(&credential.identity()) else {
            return self.standing_of_stranger(&credential.identity());
        };
        if let Some(known) = member.device(static_key).filter(|known| known.to_credential() == *credential) {
            return DeviceStanding::of(member, known, now);
        }
        let Ok(record) = Record::from_credential(*static_key, credential) else {
            return DeviceStanding::UnknownDevice;
        };
        let contradicts = |known: &Record| {
            (known.device() == record.device()) != (known.static_key() == record.static_key())
        };
        if member.devices().any(contradicts) || member.has_lost(&record.device()) {
            return DeviceStanding::UnknownDevice;
        }
        DeviceStanding::of(member, &record, now)
    }

    fn standing_of_stranger(&self, identity: &IdentityKey) -> DeviceStanding {
        if self.revoked.contains(identity) { DeviceStanding::Revoked } else { DeviceStanding::Unknown }
    }

    /// Whether a claim of somebody who is not a member holds in itself: their identity has signed for the device, and
    /// the date has not passed. What a ticket can let in.
    #[must_use]
    pub fn may_join(&self, static_key: &StaticKey, credential: &Credential, now: UnixSeconds) -> bool {
        let identity = credential.identity();
        let strange = self.get(&identity).is_none()
            && self.by_id(&MemberId::of(&identity)).is_none()
            && !self.revoked.contains(&identity);
        strange
            && Record::from_credential(*static_key, credential).is_ok_and(|record| !record.is_expired(now))
    }

    /// Whether somebody is kept out.
    #[must_use]
    pub fn is_revoked(&self, identity: &IdentityKey) -> bool {
        self.revoked.contains(identity)
    }

    /// Keeps somebody out, whatever they show.
    pub(crate) fn keep_out(&mut self, identity: IdentityKey) {
        self.revoked.insert(identity);
    }

    /// All members, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn is_taken(&self, name: &Petname) -> bool {
        self.named(name).is_some()
    }

    fn named(&self, name: &Petname) -> Option<MemberId> {
        self.by_name.get(name).copied()
    }
}

impl DeviceStanding {
    fn of(member: &Member, record: &Record, now: UnixSeconds) -> Self {
        if record.is_expired(now) || member.is_expired(now) { Self::Expired } else { Self::Member }
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
