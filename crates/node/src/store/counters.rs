//! Handshake counters: what this node has reserved, and what the devices of members have confirmed.

use endpoint::PeerId;
use membership::{IdentityKey, StaticKey};

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::{Items, Snapshot};
use super::table::Table;
use super::value::{Fields, number, value};

impl Batch {
    /// Keeps that every value up to this one may have been used by this node's device.
    pub fn put_reserved_counter(&mut self, own: &StaticKey, reserved: u64) -> &mut Self {
        self.put(Table::Reserved, own.as_bytes(), &value(&[&reserved.to_be_bytes()]))
    }

    /// Keeps the highest counter that a peer has confirmed.
    pub fn put_confirmed_counter(&mut self, peer: &PeerId, counter: u64) -> &mut Self {
        self.put(Table::Confirmed, &name(peer), &value(&[&counter.to_be_bytes()]))
    }

    /// Forgets the counter of a peer: one whose key is refused anyway.
    pub fn remove_confirmed_counter(&mut self, peer: &PeerId) -> &mut Self {
        self.remove(Table::Confirmed, &name(peer))
    }
}

impl Snapshot {
    /// Up to where this node's device has reserved its counter; 0 if it never did.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreError::Unreadable`].
    pub fn reserved_counter(&self, own: &StaticKey) -> Result<u64, StoreError> {
        let found = self.get(Table::Reserved, own.as_bytes())?;
        found.map_or(Ok(0), |found| number(Table::Reserved, &found))
    }

    /// The highest counter that each peer has confirmed.
    ///
    /// # Errors
    /// As [`reserved_counter`](Self::reserved_counter), here and in each item.
    pub fn confirmed_counters(&self) -> Result<Items<PeerId, u64>, StoreError> {
        self.items(Table::Confirmed, &[], |(key, counter)| {
            Ok((peer(&key)?, number(Table::Confirmed, &counter)?))
        })
    }
}

fn name(peer: &PeerId) -> Vec<u8> {
    [*peer.identity.as_bytes(), *peer.device.as_bytes()].concat()
}

fn peer(key: &[u8]) -> Result<PeerId, StoreError> {
    let mut fields = Fields::of_key(Table::Confirmed, key);
    let peer = PeerId { identity: IdentityKey(fields.array()?), device: StaticKey(fields.array()?) };
    fields.end()?;
    Ok(peer)
}
