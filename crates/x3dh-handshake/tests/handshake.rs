//! Two honest ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;

use common::{TICKET, World, secrets, variants};
use x3dh_handshake::{
    BootId, Capabilities, Door, Error, IdentityKey, Initiator, Kind, Knock, MAX_PACKET_BYTES, Psk, Role,
    Suite, Tag, TicketId, TrafficAead,
};

#[test]
fn both_ends_learn_the_same() {
    for mut world in variants() {
        let ticket = world.psk.as_ref().map(|_| TICKET);
        let (alice, bob) = world.handshake();
        assert_eq!((alice.role, bob.role), (Role::Initiator, Role::Responder));
        assert_eq!((alice.local_tag, alice.remote_tag), (Tag(0x1111_2222), Tag(0x3333_4444)));
        assert_eq!((bob.local_tag, bob.remote_tag), (alice.remote_tag, alice.local_tag));
        assert_eq!((alice.counter, bob.counter), (7, 7));
        assert_eq!((alice.ticket, bob.ticket), (ticket, ticket));
        assert_eq!((alice.aead, bob.aead), (TrafficAead::Aes256Gcm, TrafficAead::Aes256Gcm));
        assert_eq!(alice.peer.static_key, world.bob_static);
        assert_eq!(alice.peer.identity, world.bob.identity);
        assert_eq!(alice.peer.boot, BootId([0xbb; 16]));
        assert_eq!(alice.peer.limits, common::LIMITS);
        assert_eq!(alice.peer.credential, None);
        assert_eq!(bob.peer.static_key, world.alice.public());
        assert_eq!(bob.peer.identity, IdentityKey([0xa1; 32]));
        assert_eq!(bob.peer.credential, Some(world.credential));
        assert_eq!(bob.peer.boot, BootId([0xaa; 16]));
        assert_eq!(bob.peer.limits, common::LIMITS);

        let (mut here, mut there) = ([0; 48], [0; 48]);
        alice.secrets.exporter().export("test", b"context", &mut here);
        bob.secrets.exporter().export("test", b"context", &mut there);
        assert_eq!(here, there);
        alice.secrets.exporter().export("test", b"other", &mut there);
        assert_ne!(here, there);
        assert_eq!(secrets(alice), secrets(bob));
    }
}

#[test]
fn the_four_secrets_differ() {
    for mut world in variants() {
        let mut all = secrets(world.handshake().0).to_vec();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 5);
    }
}

#[test]
fn every_packet_has_its_one_size() {
    let sizes = |suite| Kind::ALL.map(|kind| kind.packet_bytes(suite));
    assert_eq!(sizes(Suite::X3dhHybrid), [Some(348), Some(1192), Some(1196), Some(57), Some(373)]);
    assert_eq!(sizes(Suite::X3dh), [Some(316), None, Some(108), Some(57), Some(341)]);
    assert_eq!(sizes(Suite::NoiseIk), [Some(300), None, Some(108), Some(57), Some(325)]);
    assert_eq!(sizes(Suite::NoiseIkPsk2), [Some(316), None, Some(108), Some(57), Some(341)]);
    assert_eq!(sizes(Suite::NoiseNk), [Some(108), None, Some(108), Some(57), Some(133)]);
    for mut world in variants() {
        let (_, flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let (reply, _) = world.respond(&packets).unwrap();
        for packet in packets.into_iter().chain([&reply[..]]) {
            let kind = Kind::from_byte(packet[0]).unwrap();
            assert_eq!(kind.packet_bytes(world.suite), Some(packet.len()));
            assert!(packet.len() <= MAX_PACKET_BYTES);
        }
        assert!(reply.len() <= packets_bytes(&flight), "no amplification");
    }
}

fn packets_bytes(flight: &x3dh_handshake::FirstFlight) -> usize {
    flight.packets().map(<[u8]>::len).sum()
}

#[test]
fn the_responder_chooses_among_what_both_can() {
    for (own, peer, preferred, chosen) in [
        (Capabilities::BOTH_AEADS, Capabilities::BOTH_AEADS, TrafficAead::ChaCha20Poly1305, Some(2)),
        (Capabilities::BOTH_AEADS, Capabilities::AES_256_GCM, TrafficAead::ChaCha20Poly1305, Some(1)),
        (Capabilities::CHACHA20_POLY1305, Capabilities::BOTH_AEADS, TrafficAead::Aes256Gcm, Some(2)),
        (Capabilities::CHACHA20_POLY1305, Capabilities::AES_256_GCM, TrafficAead::Aes256Gcm, None),
    ] {
        let mut world = World::new(Suite::X3dh);
        let mut config = world.config();
        config.capabilities = peer;
        let (initiator, flight) = Initiator::start(&config, &mut common::SeededRng::new(2)).unwrap();
        let accepted = world.accept(flight.packets().next().unwrap()).unwrap();
        let reply_config =
            x3dh_handshake::ReplyConfig { aead: preferred, capabilities: own, ..world.reply_config() };
        match accepted.reply(&reply_config, &mut world.rng) {
            Ok((reply, bob)) => {
                assert_eq!(Some(bob.aead.id()), chosen);
                assert_eq!(initiator.read_reply(&reply).unwrap().aead, bob.aead);
            }
            Err(error) => {
                assert_eq!(error, Error::NoCommonAead);
                assert_eq!(chosen, None);
            }
        }
    }
}

#[test]
fn unnamed_capabilities_pass_through() {
    let mut world = World::new(Suite::X3dhHybrid);
    let mut config = world.config();
    config.capabilities = Capabilities(0xf000_0001);
    let (_, flight) = Initiator::start(&config, &mut common::SeededRng::new(2)).unwrap();
    let packets: Vec<&[u8]> = flight.packets().collect();
    let (_, bob) = world.respond(&packets).unwrap();
    assert_eq!(bob.peer.capabilities, Capabilities(0xf000_0001));
}

#[test]
fn a_door_stays_open_until_it_is_retired() {
    let mut world = World::new(Suite::X3dhHybrid);
    let (_, flight) = world.start();
    let first = flight.packets().next().unwrap();
    let old = std::mem::replace(&mut world.bob.door, Door::from_bytes([9; 32]));
    world.bob.previous_doors = vec![old];
    assert!(world.accept(first).is_ok());
    world.bob.previous_doors = Vec::new();
    assert!(Knock::check(&world.bob, first).is_err());
}

#[test]
fn misuse_is_told_apart() {
    let mut rng = common::SeededRng::new(3);
    let world = World::new(Suite::NoiseIk);
    let psk = Psk::from_bytes([1; 32]);
    let mut config = world.config();
    config.ticket = Some((TICKET, &psk));
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::TicketUnsupported);
    config.suite = Suite::NoiseNk;
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::AnonymousSuite);
    config.suite = Suite::NoiseIkPsk2;
    config.ticket = None;
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::TicketMissing);
    config.suite = Suite::X3dh;
    config.ticket = Some((TicketId([0; 16]), &psk));
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::ZeroTicketId);
    config.ticket = None;
    config.capabilities = Capabilities(4);
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::NoCommonAead);
    config.capabilities = Capabilities::BOTH_AEADS;
    let own = world.alice.public();
    config.responder_static = &own;
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::SelfDial);
    let zero = x3dh_handshake::StaticKey([0; 32]);
    config.responder_static = &zero;
    assert_eq!(Initiator::start(&config, &mut rng).unwrap_err(), Error::UnusableStaticKey);

    let mut hybrid = World::new(Suite::X3dhHybrid);
    let (_, flight) = hybrid.start();
    let accepted = hybrid.accept(flight.packets().next().unwrap()).unwrap();
    assert!(accepted.needs_key_share());
    assert_eq!(accepted.reply(&hybrid.reply_config(), &mut rng).unwrap_err(), Error::KeyShareMissing);
}

#[test]
fn secrets_do_not_show_in_debug() {
    let mut world = World::new(Suite::X3dhHybrid).with_ticket();
    let (initiator, _) = world.start();
    let shown = format!("{:?} {:?} {:?} {initiator:?}", world.alice, world.bob.door, world.psk);
    assert!(shown.contains("Door(..)") && shown.contains("Psk(..)"), "{shown}");
    let (alice, _) = world.handshake();
    let shown = format!("{alice:?}");
    assert!(shown.contains("RootSecret(..)") && shown.contains("ExporterSecret(..)"), "{shown}");
}
