//! Whatever a stranger says to a whole node, in whatever pieces, and however it goes on: the node says nothing, keeps
//! nothing, and serves its members as before.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use membership::{Card, DeviceKey, Door, Identity, NetAddress, Record, UnixSeconds};
use node::{Builder, Device, Event, MemoryNetwork, Node};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Connections that one input makes.
const MAX_CONNECTIONS: usize = 6;

fuzz_target!(|input: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(play(input));
});

async fn play(mut input: &[u8]) {
    let network = MemoryNetwork::new();
    let (ann, bob) = (Person::new(1), Person::new(2));
    let node = bob.builder().memory(&network).listen(host(2)).anonymous_door(Door::from_bytes([9; 32]));
    let node = node.spawn().await.expect("a node");
    node.add_member(&ann.card(1)).expect("a member");
    let mut events = node.events();
    network.set_recording(true);
    for connection in 0..MAX_CONNECTIONS {
        let Some((&length, rest)) = input.split_first() else { break };
        let (script, rest) = rest.split_at(rest.len().min(8 * usize::from(length)));
        speak(&network, connection, script).await;
        input = rest;
    }
    let recordings = network.recordings();
    let said = recordings.iter().filter(|recording| recording.from == host(2));
    assert_eq!(said.map(|recording| recording.bytes.len()).sum::<usize>(), 0, "a stranger was answered");
    assert!(node.sessions().is_empty());
    assert_eq!(node.anonymous_callers().present, 0);
    network.set_recording(false);
    // From a host of her own, a member comes in as ever.
    let caller = ann.builder().memory(&network).listen(host(1)).spawn().await.expect("a node");
    caller.add_member(&bob.card(2)).expect("a member");
    caller.connect(node.identity()).await.expect("a member is let in");
    while let Some(event) = events.next().await {
        if matches!(event, Event::PeerUp { .. }) {
            break;
        }
        assert!(!matches!(event, Event::PeerDown { .. }), "nobody was up");
    }
    end([caller, node]).await;
}

/// Says what a script has it say over one connection: first a byte that says how, then pieces behind their lengths.
async fn speak(network: &MemoryNetwork, connection: usize, script: &[u8]) {
    let from = SocketAddr::from((Ipv4Addr::new(10, 9, 0, connection as u8), 1));
    let Ok(mut stream) = network.connect(from, host(2)).await else { return };
    let Some((&how, mut script)) = script.split_first() else { return };
    while let Some((&length, rest)) = script.split_first() {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(length)));
        let mut framed = BytesMut::new();
        if how & 1 == 0 {
            selfsync_codec::encode(piece, &mut framed);
        } else {
            framed.extend_from_slice(piece);
        }
        if stream.write_all(&framed).await.is_err() {
            return;
        }
        // Lets the node look at each piece alone.
        tokio::task::yield_now().await;
        script = rest;
    }
    match how & 6 {
        0 => stream.reset(),
        2 => drop(stream.shutdown().await),
        _ => {}
    }
    let mut answer = Vec::new();
    // Ends when the node has given up: at the latest at the deadline of handshakes.
    stream.read_to_end(&mut answer).await.ok();
    assert!(answer.is_empty());
}

async fn end(nodes: [Node; 2]) {
    for node in nodes {
        node.shutdown().await;
    }
}

fn host(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 4433))
}

struct Person {
    key: Vec<u8>,
    record: Record,
    door: [u8; 32],
}

impl Person {
    fn new(seed: u8) -> Self {
        let mut rng = StdRng::seed_from_u64(seed.into());
        let identity = Identity::generate(&mut rng);
        let key = DeviceKey::generate(&mut rng).expect("a key");
        let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).expect("a record");
        Self { key: key.dangerous_file_bytes().to_vec(), record, door: [seed; 32] }
    }

    fn builder(&self) -> Builder {
        let key = DeviceKey::from_file_bytes(&self.key).expect("a key");
        let device = Device::new(key, self.record.clone()).expect("the record's key");
        Node::builder().device(device).door(Door::from_bytes(self.door))
    }

    fn card(&self, number: u8) -> Card {
        let address = NetAddress::new(host(number).to_string()).expect("an address");
        let door = Door::from_bytes(self.door);
        Card::new(vec![self.record.clone()], door, vec![address], None).expect("a card")
    }
}
