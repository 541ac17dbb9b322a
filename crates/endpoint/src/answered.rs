//! Which first packets of a device were answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::config::MAX_DEVICES_PER_MEMBER;
use crate::id::PeerId;

/// First packets of one device that were answered and never confirmed, remembered one by one.
pub(crate) const MAX_UNCONFIRMED_COUNTERS: usize = 64;
/// Devices that are gone, are not on the list, and whose counters are remembered.
pub(crate) const MAX_DEPARTED: usize = 4_096;

/// Which first packets of one device were answered: all up to the highest that it has confirmed, and some above.
///
/// Whoever holds this node's static key can make first packets in anybody's name, with any counter; only what is
/// confirmed is surely of the device. A counter that was merely answered therefore keeps out itself and nothing else, or
/// one forged packet would keep the device out for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    confirmed: u64,
    unconfirmed: BTreeSet<u64>,
}

impl Answered {
    /// Whether a first packet with this counter was never answered, as far as is remembered.
    pub(crate) fn is_new(&self, counter: u64) -> bool {
        counter > self.confirmed && !self.unconfirmed.contains(&counter)
    }

    /// Notes that a first packet is answered. Of too many the highest is forgotten: that of a clock far ahead of all
    /// others, or of somebody who makes them up.
    pub(crate) fn answer(&mut self, counter: u64) {
        self.unconfirmed.insert(counter);
        if self.unconfirmed.len() > MAX_UNCONFIRMED_COUNTERS {
            self.unconfirmed.pop_last();
        }
    }

    /// Notes that the device has confirmed a session, in this process or one before.
    pub(crate) fn confirm(&mut self, counter: u64) {
        self.confirmed = self.confirmed.max(counter);
        self.unconfirmed.retain(|unconfirmed| *unconfirmed > self.confirmed);
        if self.unconfirmed.is_empty() {
            // An emptied set keeps its last node.
            self.unconfirmed = BTreeSet::new();
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was answered of devices that are gone and not on the list: a member can sign for any number of them, and who
/// came by a ticket is on none before they have said with what they can be met.
#[derive(Debug, Default)]
pub(crate) struct Departed {
    devices: BTreeMap<PeerId, Answered>,
    /// The one that has been gone for longest comes first.
    order: VecDeque<PeerId>,
}

impl Departed {
    pub(crate) fn get(&self, id: &PeerId) -> Option<&Answered> {
        self.devices.get(id)
    }

    /// A device is back.
    pub(crate) fn take(&mut self, id: &PeerId) -> Answered {
        let Some(answered) = self.devices.remove(id) else { return Answered::default() };
        self.order.retain(|other| other != id);
        answered
    }

    /// A device is gone. Of too many, of its identity or in all, the one that has been for longest is forgotten.
    pub(crate) fn put(&mut self, id: PeerId, answered: Answered) {
        if answered.is_empty() {
            return;
        }
        self.take(&id);
        let siblings = self.order.iter().filter(|other| other.identity == id.identity);
        let crowded = siblings.clone().count() >= MAX_DEVICES_PER_MEMBER;
        let oldest = if crowded { siblings.clone().next() } else { self.order.front() };
        if let Some(oldest) = oldest.copied().filter(|_| crowded || self.order.len() >= MAX_DEPARTED) {
            self.take(&oldest);
        }
        self.devices.insert(id, answered);
        self.order.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use membership::{IdentityKey, StaticKey};

    use super::*;

    fn device(identity: u16, device: u16) -> PeerId {
        let bytes = |number: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_le_bytes());
            bytes
        };
        PeerId { identity: IdentityKey(bytes(identity)), device: StaticKey(bytes(device)) }
    }

    fn answered(counter: u64) -> Answered {
        let mut answered = Answered::default();
        answered.answer(counter);
        answered
    }

    #[test]
    fn each_counter_once_and_none_below_what_is_confirmed() {
        let mut answered = answered(9);
        assert!(!answered.is_new(9) && answered.is_new(8) && answered.is_new(10));
        answered.confirm(8);
        assert!(!answered.is_new(8) && !answered.is_new(1) && !answered.is_new(9) && answered.is_new(10));
        answered.confirm(3);
        assert!(!answered.is_new(8));
    }

    #[test]
    fn made_up_counters_keep_the_device_out_of_nothing() {
        let mut answered = Answered::default();
        (0..10_000).for_each(|made_up| answered.answer(u64::MAX - made_up));
        assert_eq!(answered.unconfirmed.len(), MAX_UNCONFIRMED_COUNTERS);
        assert!(answered.is_new(5));
        answered.answer(5);
        assert!(!answered.is_new(5));
    }

    #[test]
    fn who_is_gone_is_remembered_within_bounds() {
        let mut departed = Departed::default();
        for number in 0..10_000 {
            departed.put(device(number, 1), answered(7));
        }
        assert_eq!((departed.devices.len(), departed.order.len()), (MAX_DEPARTED, MAX_DEPARTED));
        assert!(departed.get(&device(0, 1)).is_none());
        for number in 0..100 {
            departed.put(device(9_999, number), answered(7));
        }
        let of_one = departed.devices.keys().filter(|id| id.identity == device(9_999, 0).identity);
        assert_eq!(of_one.count(), MAX_DEVICES_PER_MEMBER);
        assert_eq!(departed.devices.len(), departed.order.len());
        assert!(departed.get(&device(9_990, 1)).is_some(), "one member's devices crowd out no others'");
        assert!(!departed.take(&device(9_990, 1)).is_new(7));
        assert!(departed.take(&device(9_990, 1)).is_new(7));
    }
}
