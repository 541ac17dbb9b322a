//! People with devices and cards.
#![allow(dead_code, unreachable_pub)]

use membership::{Card, DeviceKey, Door, Identity, NetAddress, Petname, Record, UnixSeconds};
use rand::{SeedableRng, rngs::StdRng};

pub const NOW: u64 = 1_900_000_000;

pub fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

/// A person with their devices.
#[derive(Debug)]
pub struct Person {
    pub identity: Identity,
    pub devices: Vec<DeviceKey>,
    pub door: Door,
}

impl Person {
    /// The same seed makes the same person.
    pub fn new(seed: u64, devices: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        Self {
            identity: Identity::generate(&mut rng),
            devices: (0..devices).map(|_| DeviceKey::generate(&mut rng).unwrap()).collect(),
            door: Door::generate(&mut rng),
        }
    }

    pub fn record_until(&self, device: usize, expires: u64) -> Record {
        let device = &self.devices[device];
        Record::issue(&self.identity, device.id(), device.key(), date(expires)).unwrap()
    }

    pub fn record(&self, device: usize) -> Record {
        self.record_until(device, NOW + 1_000)
    }

    pub fn records(&self) -> Vec<Record> {
        (0..self.devices.len()).map(|device| self.record(device)).collect()
    }

    pub fn card(&self, petname: &str, addresses: &[&str]) -> Card {
        let addresses = addresses.iter().map(|address| NetAddress::new(*address).unwrap()).collect();
        let petname = (!petname.is_empty()).then(|| Petname::new(petname).unwrap());
        Card::new(self.records(), self.door.clone(), addresses, petname).unwrap()
    }
}
