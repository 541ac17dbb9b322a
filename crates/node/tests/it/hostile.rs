//! A member that says by hand what no node would say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use endpoint::EndCause;
use link::CloseReason;
use node::{Allow, Event, Limits, MemoryNetwork, MemoryStream, Node};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{Association, OVERHEAD_BYTES, PathNumber, Sealer, split};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x3dh_handshake::{BootId, Capabilities, Initiator, InitiatorConfig, Suite, Tag};

use crate::actors::till;
use crate::support::{Person, host};

/// The record that says that its sender has the keys.
const CONFIRM: &[u8] = b"\x01";

/// A member without a node, in a session with one.
struct Hostile {
    stream: MemoryStream,
    sealer: Sealer,
}

impl Hostile {
    async fn meet(network: &MemoryNetwork, who: &Person, whom: &Person) -> Self {
        let mut stream = network.connect(host(1), host(2)).await.unwrap();
        let (key, credential) = (who.key(), who.record.to_credential());
        let config = InitiatorConfig {
            suite: Suite::X3dhHybrid,
            static_secret: key.secret(),
            credential: &credential,
            responder_identity: &whom.identity(),
            responder_static: &whom.record.static_key(),
            door: &whom.door(),
            ticket: None,
            counter: 1,
            boot: BootId([1; 16]),
            capabilities: Capabilities::AES_256_GCM,
            limits: x3dh_handshake::Limits { session_window_kib: 1_024, stream_window_kib: 1_024 },
            tag: Tag(1),
        };
        let (initiator, flight) = Initiator::start(&config, &mut StdRng::seed_from_u64(1)).unwrap();
        for packet in flight.packets() {
            write(&mut stream, packet).await;
        }
        let mut decoder = selfsync_codec::Decoder::new(selfsync_codec::Config::reliable(4_096));
        let mut input = BytesMut::new();
        let reply = loop {
            stream.read_buf(&mut input).await.unwrap();
            if let Some(reply) = decoder.next_frame(&mut input).unwrap() {
                break reply;
            }
        };
        let established = initiator.read_reply(&reply).map_err(|_| "no reply to this").unwrap();
        let association = Association {
            secrets: established.secrets,
            role: established.role,
            suite: established.suite,
            aead: established.aead,
            local_tag: established.local_tag,
            remote_tag: established.remote_tag,
        };
        let (sealer, _, _) = split(association, secure_channel::Limits::default()).unwrap();
        let mut hostile = Self { stream, sealer };
        hostile.say(CONFIRM).await;
        hostile
    }

    /// Says these records (PROTOCOL.md §8) in one packet.
    async fn say(&mut self, records: &[u8]) {
        let mut packet = vec![0; OVERHEAD_BYTES + records.len()];
        self.sealer.reserve(PathNumber(0)).unwrap().seal(&mut packet, records).unwrap();
        write(&mut self.stream, &packet).await;
    }
}

async fn write(stream: &mut MemoryStream, packet: &[u8]) {
    let mut frame = BytesMut::new();
    selfsync_codec::encode(packet, &mut frame);
    stream.write_all(&frame).await.unwrap();
}

/// Bob's node, and a member in a session with it.
async fn met() -> (Node, Hostile) {
    let (network, alice, bob) = (MemoryNetwork::new(), Person::new(1), Person::new(2));
    let node = bob.start(&network, host(2), Limits::default(), &[(&alice, 1)]).await;
    let mut events = node.events();
    let hostile = Hostile::meet(&network, &alice, &bob).await;
    while !matches!(events.next().await.unwrap(), Event::PeerUp { .. }) {}
    (node, hostile)
}

fn open(stream: u8, name: &str) -> Vec<u8> {
    [&[0x02, stream, 1, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn a_lane_of_actors_that_is_opened_twice_ends_the_session() {
    for lane in 0..5 {
        let (node, mut hostile) = met().await;
        let mut events = node.events();
        let name = format!("conclave.actors/{lane}");
        hostile.say(&open(1, &name)).await;
        hostile.say(&open(2, &name)).await;
        let Some(Event::PeerDown { cause, .. }) = events.next().await else { panic!("no end") };
        assert_eq!(cause, EndCause::ClosedHere(CloseReason::Protocol));
        assert!(node.sessions().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_of_actors_may_be_opened_again_after_its_end() {
    let (node, mut hostile) = met().await;
    for stream in 1..40 {
        let end = [0x03, stream, 0];
        hostile.say(&[&open(stream, "conclave.actors/1"), &end[..]].concat()).await;
    }
    for (stream, lane) in (40..).zip(0..5) {
        hostile.say(&open(stream, &format!("conclave.actors/{lane}"))).await;
    }
    // What is no lane is refused, as often as it is opened.
    for stream in 45..60 {
        hostile.say(&open(stream, "conclave.actors/01")).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.sessions().len(), 1);
}

/// A message on stream 1.
fn message(number: u8, envelope: &[u8]) -> Vec<u8> {
    [&[0x04, 1, number, u8::try_from(envelope.len()).unwrap()], envelope].concat()
}

#[tokio::test(start_paused = true)]
async fn what_a_member_says_after_its_removal_reaches_no_actor() {
    for is_removed in [false, true] {
        let (node, mut hostile) = met().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let allow = Allow::when(move |_| count.fetch_add(1, Ordering::Relaxed) < usize::MAX);
        node.serve("till", allow, till).unwrap();
        let hello = [0x01, 1, 0, 0, 0x20, 0];
        let (holds_done, list) = ([0x0c], [0x10, 1, 0, 0, 0]);
        let first = [&open(1, "conclave.actors/0"), &message(0, &hello)[..], &message(1, &holds_done)];
        hostile.say(&first.concat()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // It has arrived, and nobody has looked at it yet.
        hostile.say(&message(2, &list)).await;
        if is_removed {
            node.remove_member(&Person::new(1).identity()).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(asked.load(Ordering::Relaxed), usize::from(!is_removed));
    }
}
