//! A whole node in a session with a member, or with a caller without a name, that says any records by hand: whoever breaks
//! the protocol loses that session and nothing else, a caller without a name is never taken for somebody, and the node
//! serves others as before.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use membership::{Card, DeviceKey, Door, Identity, NetAddress, Record, UnixSeconds};
use node::{
    Allow, AnonymousLimits, Builder, Device, Inbox, MemoryNetwork, MemoryStream, Message, Node, ReplyTo,
    Schema,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{Association, OVERHEAD_BYTES, PathNumber, Sealer, split};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x3dh_handshake::anonymous::{Caller, CallerConfig};
use x3dh_handshake::{BootId, Capabilities, Initiator, InitiatorConfig, Suite, Tag};

const MAX_PACKETS: usize = 60;
const ANONYMOUS_DOOR: [u8; 32] = [9; 32];
/// Streams that nodes speak with each other on: named by one byte of the input, so that they are found at once.
const NAMES: [&str; 8] = [
    "conclave.anonymous",
    "conclave.news",
    "conclave.actors/0",
    "conclave.actors/1",
    "conclave.actors/2",
    "conclave.actors/3",
    "conclave.actors/4",
    "notes",
];

#[derive(Serialize, Deserialize)]
enum Till {
    Put(u64),
    Twice(u64, ReplyTo<u64>),
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("fuzz.till/1");
}

fuzz_target!(|input: &[u8]| {
    let Some((&who, records)) = input.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(play(who & 1 == 0, records));
});

async fn play(is_member: bool, mut script: &[u8]) {
    let network = MemoryNetwork::new();
    let (ann, bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let builder = bob.builder().memory(&network).listen(host(2));
    let node = builder.anonymous_door(Door::from_bytes(ANONYMOUS_DOOR)).spawn().await.expect("a node");
    node.add_member(&ann.card(1)).expect("a member");
    node.add_member(&carol.card(3)).expect("a member");
    node.serve_anonymous("sum", AnonymousLimits::default(), sum).expect("a name");
    node.serve("till", Allow::Members, till).expect("a name");
    let mut heard = node.receiver(node::StreamName::new("notes").expect("a name")).expect("nobody has it");

    let mut hostile = Hostile::meet(&network, &ann, &bob, is_member).await;
    for _ in 0..MAX_PACKETS {
        let [kind, length, rest @ ..] = script else { break };
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        hostile.act(*kind, bytes).await;
        script = rest;
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    if is_member {
        assert!(node.sessions().len() <= 1);
        assert_eq!(node.anonymous_callers().present, 0, "a member without a name");
    } else {
        assert!(node.sessions().is_empty(), "a caller without a name is a peer");
        assert!(tokio::time::timeout(Duration::ZERO, heard.recv()).await.is_err(), "heard of a caller");
    }
    hostile.stream.reset();

    let caller = carol.builder().memory(&network).listen(host(3)).spawn().await.expect("a node");
    caller.add_member(&bob.card(2)).expect("a member");
    let found = caller.service::<Till>(node.identity(), "till").await.expect("the service");
    found.send(Till::Put(6)).await.expect("room");
    assert_eq!(found.ask(|reply| Till::Twice(3, reply), Duration::from_secs(5)).await.expect("an answer"), 6);
    let contact = node.anonymous_contact(address(2)).expect("a door for them");
    let answer = caller.call_anonymously(&contact, "sum", [1, 2, 3]).await;
    assert_eq!(answer.expect("an answer"), "6");
    for node in [caller, node] {
        node.shutdown().await;
    }
}

async fn sum(request: Bytes) -> Bytes {
    request.iter().map(|byte| u32::from(*byte)).sum::<u32>().to_string().into()
}

async fn till(mut inbox: Inbox<Till>) {
    while let Some(message) = inbox.recv().await {
        if let Till::Twice(number, reply) = message {
            reply.send(number.wrapping_mul(2));
        }
    }
}

/// Somebody without a node, in a session with one.
struct Hostile {
    stream: MemoryStream,
    sealer: Sealer,
    numbers: u8,
}

impl Hostile {
    async fn meet(network: &MemoryNetwork, who: &Person, whom: &Person, is_member: bool) -> Self {
        let mut stream = network.connect(host(1), host(2)).await.expect("it listens");
        let mut rng = StdRng::seed_from_u64(1);
        let key = who.key();
        let (door, anonymous_door) = (Door::from_bytes(whom.door), Door::from_bytes(ANONYMOUS_DOOR));
        let credential = who.record.to_credential();
        let (responder_identity, responder_static) = (&whom.record.identity(), &whom.record.static_key());
        let limits = x3dh_handshake::Limits { session_window_kib: 1_024, stream_window_kib: 1_024 };
        let capabilities = Capabilities::AES_256_GCM;
        let association = if is_member {
            let config = InitiatorConfig {
                suite: Suite::X3dhHybrid,
                static_secret: key.secret(),
                credential: &credential,
                responder_identity,
                responder_static,
                door: &door,
                ticket: None,
                counter: 1,
                boot: BootId([1; 16]),
                capabilities,
                limits,
                tag: Tag(1),
            };
            let (initiator, flight) = Initiator::start(&config, &mut rng).expect("sound keys");
            for packet in flight.packets() {
                write(&mut stream, packet).await;
            }
            let reply = read(&mut stream).await;
            let it = initiator.read_reply(&reply).map_err(|_| "no reply to this").expect("a reply");
            let (secrets, role, suite, aead) = (it.secrets, it.role, it.suite, it.aead);
            Association { secrets, role, suite, aead, local_tag: it.local_tag, remote_tag: it.remote_tag }
        } else {
            let config = CallerConfig {
                responder_identity,
                responder_static,
                door: &anonymous_door,
                capabilities,
                limits,
                tag: Tag(1),
            };
            let (caller, flight) = Caller::start(&config, &mut rng).expect("sound keys");
            for packet in flight.packets() {
                write(&mut stream, packet).await;
            }
            let reply = read(&mut stream).await;
            let it = caller.read_reply(&reply).map_err(|_| "no reply to this").expect("a reply");
            let (secrets, role, suite, aead) = (it.secrets, it.role, it.suite, it.aead);
            Association { secrets, role, suite, aead, local_tag: it.local_tag, remote_tag: it.remote_tag }
        };
        let (sealer, _, _) = split(association, secure_channel::Limits::default()).expect("a known cipher");
        let mut hostile = Self { stream, sealer, numbers: 0 };
        // That it has the keys.
        hostile.say(&[0x01]).await;
        hostile
    }

    /// Any records; or, so that they are found soon, records as they should be around any content.
    async fn act(&mut self, kind: u8, bytes: &[u8]) {
        let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        match kind % 8 {
            0 => self.say(bytes).await,
            1 | 2 => {
                let name = NAMES[usize::from(kind >> 3) % NAMES.len()];
                let head = [0x02, 1 + kind % 2, 1, name.len() as u8];
                self.say(&[&head, name.as_bytes()].concat()).await;
            }
            3..=5 => {
                // Two bytes hold a length from 64 on.
                let length = if length < 64 { vec![length] } else { vec![0x40, length] };
                let head = [&[0x04, 1, self.numbers][..], &length].concat();
                self.numbers = (self.numbers + 1) % 64;
                self.say(&[&head[..], bytes].concat()).await;
            }
            6 => tokio::time::sleep(Duration::from_millis(10 * u64::from(length))).await,
            _ => {
                let mut framed = BytesMut::new();
                selfsync_codec::encode(bytes, &mut framed);
                self.stream.write_all(&framed).await.ok();
            }
        }
        tokio::task::yield_now().await;
    }

    /// Says these records (PROTOCOL.md §8) in one packet.
    async fn say(&mut self, records: &[u8]) {
        let mut packet = vec![0; OVERHEAD_BYTES + records.len()];
        let ticket = self.sealer.reserve(PathNumber(0)).expect("a number");
        ticket.seal(&mut packet, records).expect("the buffer fits");
        write(&mut self.stream, &packet).await;
    }
}

async fn write(stream: &mut MemoryStream, packet: &[u8]) {
    let mut frame = BytesMut::new();
    selfsync_codec::encode(packet, &mut frame);
    // Whoever was thrown out hears so.
    stream.write_all(&frame).await.ok();
}

async fn read(stream: &mut MemoryStream) -> BytesMut {
    let mut decoder = selfsync_codec::Decoder::new(selfsync_codec::Config::reliable(4_096));
    let mut input = BytesMut::new();
    loop {
        assert!(stream.read_buf(&mut input).await.expect("an answer") > 0, "an answer");
        if let Some(reply) = decoder.next_frame(&mut input).expect("a frame") {
            return reply;
        }
    }
}

fn host(number: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 4433))
}

fn address(number: u8) -> NetAddress {
    NetAddress::new(host(number).to_string()).expect("an address")
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

    fn key(&self) -> DeviceKey {
        DeviceKey::from_file_bytes(&self.key).expect("a key")
    }

    fn builder(&self) -> Builder {
        let device = Device::new(self.key(), self.record.clone()).expect("the record's key");
        Node::builder().device(device).door(Door::from_bytes(self.door))
    }

    fn card(&self, number: u8) -> Card {
        let door = Door::from_bytes(self.door);
        Card::new(vec![self.record.clone()], door, vec![address(number)], None).expect("a card")
    }
}
