//! Who takes part: real keys, real records, real member lists.

use membership::{Card, DeviceId, DeviceKey, Door, Identity, Members, NetAddress, Record, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::{BootId, Capabilities, Limits, ResponderKeys, Suite, TrafficAead};

use endpoint::{HandshakeKeys, PeerId};

/// One person with one device.
pub(crate) struct Person {
    identity: Identity,
    device: DeviceKey,
    door: Door,
}

/// `count` people, in the order of their keys: the first is the smallest peer.
pub(crate) fn people(count: usize) -> Vec<Person> {
    let mut rng = StdRng::seed_from_u64(42);
    let mut people: Vec<_> = (0..count)
        .map(|_| Person {
            identity: Identity::generate(&mut rng),
            device: DeviceKey::generate(&mut rng).unwrap(),
            door: Door::generate(&mut rng),
        })
        .collect();
    people.sort_by_key(|person| person.identity.key());
    people
}

impl Person {
    pub(crate) fn peer(&self) -> PeerId {
        PeerId { identity: self.identity.key(), device: self.device.key() }
    }

    fn record(&self) -> Record {
        Record::issue(&self.identity, DeviceId([1; 16]), self.device.key(), UnixSeconds::MAX).unwrap()
    }

    /// What its node holds handshakes with, in a process of its own.
    pub(crate) fn keys(&self, boot: BootId) -> HandshakeKeys {
        HandshakeKeys {
            responder: ResponderKeys {
                static_secret: self.device.secret().clone(),
                identity: self.identity.key(),
                door: self.door.clone(),
                previous_doors: Vec::new(),
                anonymous_door: None,
            },
            credential: self.record().to_credential(),
            boot,
            suites: vec![Suite::X3dhHybrid],
            aead: TrafficAead::Aes256Gcm,
            capabilities: Capabilities::BOTH_AEADS,
            limits: Limits { session_window_kib: 1024, stream_window_kib: 256 },
        }
    }
}

/// A list with these people at these addresses.
pub(crate) fn members(people: &[Person], addresses: &[Vec<String>]) -> Members {
    let mut members = Members::new();
    for (person, addresses) in people.iter().zip(addresses) {
        let addresses = addresses.iter().map(|address| NetAddress::new(address.as_str()).unwrap()).collect();
        let card = Card::new(vec![person.record()], person.door.clone(), addresses, None).unwrap();
        members.add(&card).unwrap();
    }
    members
}
