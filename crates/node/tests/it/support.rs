//! Nodes to test with.

use std::net::{Ipv4Addr, SocketAddr};

use membership::{NetAddress, UnixSeconds};
use node::{
    Builder, Card, Device, DeviceKey, Door, Identity, Limits, MemoryNetwork, Node, Receiver, Record,
    StreamName, StreamOptions,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Somebody who can run a node, again and again.
pub struct Person {
    key: Vec<u8>,
    pub record: Record,
    door: [u8; 32],
}

impl Person {
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let identity = Identity::generate(&mut rng);
        let key = DeviceKey::generate(&mut rng).unwrap();
        let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).unwrap();
        let mut door = [0; 32];
        rng.fill_bytes(&mut door);
        Self { key: key.dangerous_file_bytes().to_vec(), record, door }
    }

    pub fn device(&self) -> Device {
        Device::new(DeviceKey::from_file_bytes(&self.key).unwrap(), self.record.clone()).unwrap()
    }

    pub fn door(&self) -> Door {
        Door::from_bytes(self.door)
    }

    pub fn card(&self, address: Option<SocketAddr>) -> Card {
        let addresses =
            address.map(|address| NetAddress::new(address.to_string()).unwrap()).into_iter().collect();
        Card::new(vec![self.record.clone()], self.door(), addresses, None).unwrap()
    }

    pub fn builder(&self) -> Builder {
        Node::builder().device(self.device()).door(self.door())
    }
}

pub fn host(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 4433))
}

pub fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// Two nodes that know each other.
pub struct Pair {
    pub alice: Node,
    pub bob: Node,
}

impl Pair {
    pub async fn tcp() -> Self {
        Self::make(None, Limits::default()).await
    }

    pub async fn memory() -> Self {
        Self::make(Some(MemoryNetwork::new()), Limits::default()).await
    }

    pub async fn make(network: Option<MemoryNetwork>, limits: Limits) -> Self {
        let (alice, bob) = (Person::new(1), Person::new(2));
        let start = async |person: &Person, number: u8| {
            let builder = person.builder().limits(limits.clone());
            let builder = match &network {
                Some(network) => builder.memory(network).listen(host(number)),
                None => builder.listen(loopback()),
            };
            builder.spawn().await.unwrap()
        };
        let nodes = (start(&alice, 1).await, start(&bob, 2).await);
        nodes.0.add_member(&bob.card(Some(nodes.1.local_addresses()[0]))).unwrap();
        nodes.1.add_member(&alice.card(Some(nodes.0.local_addresses()[0]))).unwrap();
        Self { alice: nodes.0, bob: nodes.1 }
    }

    /// A stream from Alice to Bob.
    pub fn stream(&self, stream: &str) -> (node::Sender, Receiver) {
        let receiver = self.bob.receiver(name(stream)).unwrap();
        (self.alice.sender(self.bob.identity(), name(stream), StreamOptions::default()), receiver)
    }
}
