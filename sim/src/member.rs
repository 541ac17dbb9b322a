//! Somebody who runs a node, again and again, on a machine of their own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use node::{Device, DeviceKey, Door, Identity, IdentityKey, Record};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::life::Life;

/// Where every node listens.
pub(crate) const PORT: u16 = 4433;

/// Somebody, by number.
pub(crate) struct Member {
    pub(crate) number: u8,
    pub(crate) identity: IdentityKey,
    seed: u64,
    pub(crate) clock: Arc<Clock>,
    pub(crate) state: Mutex<State>,
}

/// What changes from life to life.
#[derive(Default)]
pub(crate) struct State {
    /// `None` while the machine is off.
    pub(crate) life: Option<Arc<Life>>,
    /// How many there were.
    pub(crate) lives: u32,
    /// What is on the disks while the machine is off.
    pub(crate) person: Vec<u8>,
    pub(crate) machine: Vec<u8>,
    /// Somebody is about to turn it on or off.
    pub(crate) busy: bool,
}

/// The keys of somebody.
pub(crate) struct Secrets {
    pub(crate) identity: Identity,
    pub(crate) device: Device,
    pub(crate) door: Door,
    /// For callers without a name.
    pub(crate) anonymous_door: Door,
}

impl Member {
    pub(crate) fn new(number: u8, seed: u64, began: Instant) -> Option<Self> {
        let identity = secrets(seed)?.identity.key();
        Some(Self { number, identity, seed, clock: Arc::new(Clock::new(began)), state: Mutex::default() })
    }

    pub(crate) fn secrets(&self) -> Option<Secrets> {
        secrets(self.seed)
    }

    pub(crate) fn host(&self) -> IpAddr {
        host(self.number)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host(), PORT)
    }
}

fn secrets(seed: u64) -> Option<Secrets> {
    let mut rng = StdRng::seed_from_u64(seed);
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng).ok()?;
    let record = Record::issue(&identity, key.id(), key.key(), membership::UnixSeconds::MAX).ok()?;
    let (door, anonymous_door) = (Door::generate(&mut rng), Door::generate(&mut rng));
    Some(Secrets { identity, device: Device::new(key, record).ok()?, door, anonymous_door })
}

pub(crate) fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, number, 1))
}
