//! Two endpoints dial each other at the same moment, with real handshakes, and end with one session.
//!
//! A wire here is a function call. What a node does with sockets and tasks around this is in the crate `node`.

#![allow(clippy::expect_used)]

use std::sync::Arc;
use std::time::Instant;

use endpoint::{Action, Config, Endpoint, HandshakeKeys, Inbound, Now, Outbound, PathFacts, PathId, Step};
use endpoint::{Target, Urgency, WaiterId};
use membership::{Card, DeviceKey, Door, Identity, Members, NetAddress, Record, UnixSeconds};
use rand::rngs::ThreadRng;
use x3dh_handshake::{BootId, Capabilities, Limits, ResponderKeys, Suite, TrafficAead};

/// One node: its endpoint, its keys, the handshakes of its two paths.
struct Node {
    name: &'static str,
    endpoint: Endpoint,
    keys: HandshakeKeys,
    members: Arc<Members>,
    outbound: Option<(PathId, Outbound)>,
    inbound: Option<(PathId, Inbound)>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = rand::rng();
    let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_800_000_000)? };
    let (mut ann, mut bob) = two_nodes(&mut rng)?;

    // Both dial, both paths open, both first packets leave before either arrives.
    let to_bob = first_packets(&mut ann, bob.keys.responder.identity.into(), now, &mut rng)?;
    let to_ann = first_packets(&mut bob, ann.keys.responder.identity.into(), now, &mut rng)?;
    receive_first(&mut ann, &to_ann, now, &mut rng)?;
    receive_first(&mut bob, &to_bob, now, &mut rng)?;

    // The smaller peer holds its answer back; the larger answers.
    let (smaller, larger) =
        if ann.keys.local() < bob.keys.local() { (&mut ann, &mut bob) } else { (&mut bob, &mut ann) };
    println!("{} is the smaller peer: its dial survives", smaller.name);
    assert!(smaller.endpoint.poll_action().is_none());
    let Some(Action::Answer { path, admission }) = larger.endpoint.poll_action() else { panic!("an answer") };
    let (_, inbound) = larger.inbound.as_mut().expect("a first packet");
    inbound.answer(&admission, &larger.keys, &mut rng)?;
    let reply = inbound.poll_transmit().expect("a reply").to_vec();
    println!("{} answers on path {path}", larger.name);

    // The answer makes the session at the smaller, and its first sealed packet confirms it at the larger.
    let (path, outbound) = smaller.outbound.as_mut().expect("a dial");
    let Step::Established(established) = outbound.handle_packet(now.instant, &reply) else {
        panic!("the answer")
    };
    smaller.endpoint.established(now, *path, established.peer.boot);
    larger.endpoint.confirmed(now, admission.session);
    for node in [smaller, larger] {
        while let Some(action) = node.endpoint.poll_action() {
            println!("{}: {action:?}", node.name);
        }
        assert_eq!(node.endpoint.sessions().count(), 1);
    }
    Ok(())
}

fn two_nodes(rng: &mut ThreadRng) -> Result<(Node, Node), Box<dyn std::error::Error>> {
    let mut keys = Vec::new();
    let mut members = Members::new();
    for address in ["ann.example:1", "bob.example:1"] {
        let (identity, device, door) =
            (Identity::generate(rng), DeviceKey::generate(rng)?, Door::generate(rng));
        let record = Record::issue(&identity, device.id(), device.key(), UnixSeconds::MAX)?;
        keys.push(HandshakeKeys {
            responder: ResponderKeys {
                static_secret: device.secret().clone(),
                identity: identity.key(),
                door: door.clone(),
                previous_doors: Vec::new(),
                anonymous_door: None,
            },
            credential: record.to_credential(),
            boot: BootId(rand::random()),
            suites: vec![Suite::X3dhHybrid],
            aead: TrafficAead::Aes256Gcm,
            capabilities: Capabilities::BOTH_AEADS,
            limits: Limits { session_window_kib: 1024, stream_window_kib: 256 },
        });
        members.add(&Card::new(vec![record], door, vec![NetAddress::new(address)?], None)?)?;
    }
    let members = Arc::new(members);
    let mut node = |name, keys: HandshakeKeys| Node {
        name,
        endpoint: Endpoint::new(Config::default(), keys.local(), Arc::clone(&members), rng),
        keys,
        members: Arc::clone(&members),
        outbound: None,
        inbound: None,
    };
    let (bobs, anns) = (keys.pop().expect("two"), keys.pop().expect("two"));
    Ok((node("Ann", anns), node("Bob", bobs)))
}

/// Dials up to the packets of our handshake.
fn first_packets(
    node: &mut Node,
    to: Target,
    now: Now,
    rng: &mut ThreadRng,
) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    node.endpoint.connect(now, to, Urgency::Prompt, WaiterId(1))?;
    let Some(Action::Dial { attempt, address, .. }) = node.endpoint.poll_action() else { panic!("a dial") };
    let facts = facts(address);
    node.endpoint.path_opened(now, attempt, facts.clone(), 1, rng)?;
    let Some(Action::Begin { path, order }) = node.endpoint.poll_action() else { panic!("a beginning") };
    let mut outbound = Outbound::start(now.instant, &order, &facts, (&node.keys, &node.members), rng)?;
    let mut packets = Vec::new();
    while let Some(packet) = outbound.poll_transmit() {
        packets.push(packet.to_vec());
    }
    node.outbound = Some((path, outbound));
    Ok(packets)
}

/// Accepts a path and takes in the packets that came on it.
fn receive_first(
    node: &mut Node,
    packets: &[Vec<u8>],
    now: Now,
    rng: &mut ThreadRng,
) -> Result<(), Box<dyn std::error::Error>> {
    let facts = facts(NetAddress::new("somewhere")?);
    let accepted = node.endpoint.accept(now, facts.clone())?;
    let mut inbound = Inbound::new(&facts, accepted.deadline);
    for packet in packets {
        if let Step::Proven(proof) =
            inbound.handle_packet(now, packet, (&node.keys, &node.endpoint.admittance()))
        {
            node.endpoint.admit(now, accepted.path, *proof, rng);
        }
    }
    node.inbound = Some((accepted.path, inbound));
    Ok(())
}

fn facts(remote: NetAddress) -> PathFacts {
    PathFacts { kind: "call", reliable: true, mtu_bytes: 65_571, remote }
}
