//! One member, as this node knows them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Card, DeviceId, Door, Error, IdentityKey, MemberId, NetAddress, Petname, Reach, Record, StaticKey,
    UnixSeconds,
};

/// Devices kept for one member.
pub const MAX_MEMBER_DEVICES: usize = 16;

/// An identity with what is needed to meet it: its devices, its door, where it may be found.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    identity: IdentityKey,
    petname: Option<Petname>,
    door: Option<Door>,
    addresses: Vec<NetAddress>,
    devices: BTreeMap<DeviceId, Record>,
    /// Those that it has given up.
    lost: BTreeSet<DeviceId>,
    /// By whom it is in; `None` on a list that was written by hand.
    reach: Option<Reach>,
}

impl Member {
    /// Without devices yet.
    pub(crate) fn new(
        identity: IdentityKey,
        petname: Option<Petname>,
        door: Option<Door>,
        addresses: Vec<NetAddress>,
    ) -> Self {
        Self {
            identity,
            petname,
            door,
            addresses,
            devices: BTreeMap::new(),
            lost: BTreeSet::new(),
            reach: None,
        }
    }

    pub(crate) fn from_card(card: &Card) -> Result<Self, Error> {
        Self::new(card.identity(), None, Some(card.door().clone()), Vec::new()).updated(card)
    }

    /// The key that everything about the member is decided by.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.identity
    }

    /// The id to list the member under.
    #[must_use]
    pub fn id(&self) -> MemberId {
        MemberId::of(&self.identity)
    }

    /// What this node's owner calls the member.
    #[must_use]
    pub fn petname(&self) -> Option<&Petname> {
        self.petname.as_ref()
    }

    /// The secret that has the member's node look at a first packet; `None` until the member has told it.
    #[must_use]
    pub fn door(&self) -> Option<&Door> {
        self.door.as_ref()
    }

    /// Where the member may be found, the best first.
    #[must_use]
    pub fn addresses(&self) -> &[NetAddress] {
        &self.addresses
    }

    /// The records of the member's devices, ordered by device id.
    pub fn devices(&self) -> impl Iterator<Item = &Record> {
        self.devices.values()
    }

    /// The record of the device with this key.
    #[must_use]
    pub fn device(&self, static_key: &StaticKey) -> Option<&Record> {
        self.devices().find(|record| record.static_key() == *static_key)
    }

    /// By whom the member is in, what it may do, and until when; `None` on a list that was written by hand, where
    /// members are peers that may use everything.
    #[must_use]
    pub fn reach(&self) -> Option<&Reach> {
        self.reach.as_ref()
    }

    /// Whether the member was in by a voucher that does not hold any more.
    #[must_use]
    pub fn is_expired(&self, now: UnixSeconds) -> bool {
        self.reach.as_ref().is_some_and(|reach| now > reach.until)
    }

    /// Whether the member has given this device up.
    #[must_use]
    pub fn has_lost(&self, device: &DeviceId) -> bool {
        self.lost.contains(device)
    }

    /// Puts in what follows from a directory.
    pub(crate) fn bind(&mut self, reach: Reach, lost: BTreeSet<DeviceId>) {
        self.devices.retain(|device, _| !lost.contains(device));
        self.lost = lost;
        self.reach = Some(reach);
    }

    pub(crate) fn set_petname(&mut self, petname: Option<Petname>) {
        self.petname = petname;
    }

    /// What a newer card of the same identity says: its door and addresses, a name if there was none, its devices
    /// besides those known.
    pub(crate) fn updated(&self, card: &Card) -> Result<Self, Error> {
        let mut member = self.clone();
        member.door = Some(card.door().clone());
        member.addresses = card.addresses().to_vec();
        member.petname = member.petname.or_else(|| card.petname().cloned());
        for record in card.records() {
            member.learn(record)?;
        }
        Ok(member)
    }

    /// Takes in a record of this identity; says whether it was news. The later expiry wins.
    pub(crate) fn learn(&mut self, record: &Record) -> Result<bool, Error> {
        if let Some(known) = self.devices.get(&record.device()) {
            if known.static_key() != record.static_key() {
                return Err(Error::DeviceConflict);
            }
            if record.expires() <= known.expires() {
                return Ok(false);
            }
        } else if self.device(&record.static_key()).is_some() {
            return Err(Error::DeviceConflict);
        } else if self.devices.len() >= MAX_MEMBER_DEVICES {
            return Err(Error::TooLarge { what: "devices of a member", limit: MAX_MEMBER_DEVICES });
        }
        self.devices.insert(record.device(), record.clone());
        Ok(true)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("identity", &self.identity)
            .field("petname", &self.petname)
            .field("addresses", &self.addresses)
            .field("devices", &self.devices.keys())
            .finish_non_exhaustive()
    }
}
