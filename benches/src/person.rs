//! Somebody who can run a node.

use std::net::SocketAddr;
use std::time::SystemTime;

use node::{
    Card, Device, DeviceKey, DirectoryConfig, Door, Identity, IdentityKey, Limits, Members, Node, Record,
};

const LOOPBACK: &str = "127.0.0.1:0";
/// With this argument members follow from vouchers, and every message is measured by them.
const VOUCHED: &str = "--vouched";

/// What makes a node, before it runs.
pub struct Person {
    record: Record,
    /// What vouches for others; until the node is started.
    signer: Option<Identity>,
    /// Until the node is started: a device key is not copied.
    device: Option<Device>,
    door: Door,
}

impl Person {
    /// Draws the keys, and signs a record of a day.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let mut rng = rand::rng();
        let identity = Identity::generate(&mut rng);
        let key = DeviceKey::generate(&mut rng).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let expires = membership::UnixSeconds::new(now + 86_400).unwrap();
        let record = Record::issue(&identity, key.id(), key.key(), expires).unwrap();
        let device = Some(Device::new(key, record.clone()).unwrap());
        Self { record, signer: Some(identity), device, door: Door::generate(&mut rng) }
    }

    /// Who it is.
    pub fn identity(&self) -> IdentityKey {
        self.record.identity()
    }

    /// Its card, with where it listens.
    pub fn card(&self, address: Option<SocketAddr>) -> Card {
        let addresses = address.map(|address| membership::NetAddress::new(address.to_string()).unwrap());
        Card::new(vec![self.record.clone()], self.door.clone(), addresses.into_iter().collect(), None)
            .unwrap()
    }

    /// A node with these members; once.
    pub async fn start(&mut self, listens: bool, cards: &[Card], limits: Limits) -> Node {
        let builder =
            Node::builder().device(self.device.take().unwrap()).door(self.door.clone()).limits(limits);
        let builder = if listens { builder.listen(LOOPBACK.parse().unwrap()) } else { builder };
        if std::env::args().any(|argument| argument == VOUCHED) {
            let config = DirectoryConfig::new(self.signer.take().unwrap());
            let node = builder.directory(config).spawn().await.unwrap();
            for card in cards {
                node.vouch_for(card.clone(), None).await.unwrap();
            }
            return node;
        }
        let mut members = Members::new();
        for card in cards {
            members.add(card).unwrap();
        }
        builder.members(members).spawn().await.unwrap()
    }
}
