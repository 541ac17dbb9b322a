//! Nodes to test with.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use membership::{NetAddress, UnixSeconds};
use node::{
    Builder, Card, Device, DeviceKey, Door, Identity, IdentityKey, Incoming, Limits, MemoryNetwork, Node,
    Receiver, Record, Sender, StreamName, StreamOptions,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// No single thing that a test waits for by the clock of the machine takes longer, however slow that is.
pub const PATIENCE: Duration = Duration::from_secs(60);

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

    pub fn identity(&self) -> IdentityKey {
        self.record.identity()
    }

    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_file_bytes(&self.key).unwrap()
    }

    pub fn door(&self) -> Door {
        Door::from_bytes(self.door)
    }

    pub fn card(&self, address: SocketAddr) -> Card {
        self.card_with_door(address, self.door())
    }

    pub fn card_with_door(&self, address: SocketAddr, door: Door) -> Card {
        let address = NetAddress::new(address.to_string()).unwrap();
        Card::new(vec![self.record.clone()], door, vec![address], None).unwrap()
    }

    pub fn builder(&self) -> Builder {
        Node::builder().device(Device::new(self.key(), self.record.clone()).unwrap()).door(self.door())
    }

    /// A node in memory, at its own host, that knows these people at theirs.
    pub async fn start(
        &self,
        network: &MemoryNetwork,
        at: SocketAddr,
        limits: Limits,
        knows: &[(&Self, u8)],
    ) -> Node {
        let node = self.builder().memory(network).listen(at).limits(limits).spawn().await.unwrap();
        for (person, number) in knows {
            node.add_member(&person.card(host(*number))).unwrap();
        }
        node
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

/// Bytes that do not repeat soon, and do not compress.
pub fn noise(length: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; length];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes.into()
}

/// Two nodes that know each other.
pub struct Pair {
    pub alice: Node,
    pub bob: Node,
}

impl Pair {
    pub async fn tcp() -> Self {
        Self::tcp_with(Limits::default()).await
    }

    pub async fn tcp_with(limits: Limits) -> Self {
        let (alice, bob) = (Person::new(1), Person::new(2));
        let start = async |person: &Person| {
            person.builder().limits(limits.clone()).listen(loopback()).spawn().await.unwrap()
        };
        let nodes = (start(&alice).await, start(&bob).await);
        nodes.0.add_member(&bob.card(nodes.1.local_addresses()[0])).unwrap();
        nodes.1.add_member(&alice.card(nodes.0.local_addresses()[0])).unwrap();
        Self { alice: nodes.0, bob: nodes.1 }
    }

    pub async fn memory() -> Self {
        Self::memory_with(&MemoryNetwork::new(), Limits::default()).await
    }

    /// Alice is at host 1, Bob at host 2.
    pub async fn memory_with(network: &MemoryNetwork, limits: Limits) -> Self {
        let (alice, bob) = (Person::new(1), Person::new(2));
        Self {
            alice: alice.start(network, host(1), limits.clone(), &[(&bob, 2)]).await,
            bob: bob.start(network, host(2), limits, &[(&alice, 1)]).await,
        }
    }

    /// A stream from Alice to Bob.
    pub fn stream(&self, stream: &str) -> (Sender, Receiver) {
        self.stream_with(stream, StreamOptions::default())
    }

    pub fn stream_with(&self, stream: &str, options: StreamOptions) -> (Sender, Receiver) {
        let receiver = self.bob.receiver(name(stream)).unwrap();
        (self.alice.sender(self.bob.identity(), name(stream), options), receiver)
    }
}

/// The bytes of the next message.
pub async fn next(receiver: &mut Receiver) -> Bytes {
    whole(receiver.recv().await.unwrap()).await
}

pub async fn whole(incoming: Incoming) -> Bytes {
    incoming.body.collect(u64::MAX).await.unwrap()
}
