//! Callers without a name: what they get, and what nobody gets through their door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;
mod oracle;

use common::{SeededRng, World, anonymous_secrets, variants};
use oracle::{Forged, Inputs, noise};
use x3dh_handshake::{
    BootId, Capabilities, Door, Error, IdentityKey, Kind, Knock, Rejected, Role, StaticKey, StaticSecret,
    Suite, Tag, TrafficAead,
    anonymous::{AnonymousEstablished, AnonymousKnock, Call, Caller, CallerConfig},
};

fn world() -> World {
    World::new(Suite::NoiseNk)
}

fn first(world: &mut World) -> (Caller, Vec<u8>) {
    let (caller, flight) = world.call();
    let mut packets = flight.packets();
    let first = packets.next().unwrap().to_vec();
    assert!(packets.next().is_none());
    (caller, first)
}

fn answer(world: &mut World, first: &[u8]) -> (Vec<u8>, AnonymousEstablished) {
    world.hear(first).unwrap().reply(&world.reply_config(), &mut world.rng).unwrap()
}

fn door(world: &World) -> [u8; 32] {
    *world.bob.anonymous_door.as_ref().unwrap().dangerous_bytes()
}

/// The last 16 bytes made right again for a door.
fn with_door_mac(door: &[u8; 32], packet: &[u8]) -> Vec<u8> {
    let covered = &packet[..packet.len() - 16];
    [covered, &oracle::mac("Conclave1 mac1", door, covered)].concat()
}

fn inputs(world: &World) -> Inputs {
    Inputs {
        b: *world.bob.static_secret.dangerous_bytes(),
        identity_r: world.bob.identity.0,
        door: door(world),
        ..Inputs::frozen(Suite::NoiseNk.id(), false)
    }
}

#[test]
fn both_ends_agree_and_only_the_caller_knows_whom_it_has() {
    let mut world = world();
    let (caller, first) = first(&mut world);
    assert_eq!(caller.tag(), Tag(0x1111_2222));
    let knock = AnonymousKnock::check(&world.bob, &first).unwrap();
    assert_eq!((knock.tag(), knock.mac1().to_vec()), (caller.tag(), first[92..].to_vec()));
    let call = knock.open(&world.bob).unwrap();
    assert_eq!((call.capabilities(), call.limits()), (Capabilities::BOTH_AEADS, common::LIMITS));
    let (reply, node) = call.reply(&world.reply_config(), &mut world.rng).unwrap();
    let caller = caller.read_reply(&reply).unwrap();
    assert_eq!((caller.role, node.role), (Role::Initiator, Role::Responder));
    assert_eq!((caller.suite, node.suite), (Suite::NoiseNk, Suite::NoiseNk));
    assert_eq!((caller.aead, node.aead), (TrafficAead::Aes256Gcm, TrafficAead::Aes256Gcm));
    assert_eq!((caller.local_tag, caller.remote_tag), (Tag(0x1111_2222), Tag(0x3333_4444)));
    assert_eq!((node.local_tag, node.remote_tag), (caller.remote_tag, caller.local_tag));
    assert_eq!((caller.boot, node.boot), (Some(BootId([0xbb; 16])), None));
    assert_eq!((caller.limits, node.limits), (common::LIMITS, common::LIMITS));
    assert_eq!(anonymous_secrets(caller), anonymous_secrets(node));
}

#[test]
fn the_reply_is_no_longer_than_the_call() {
    let mut world = world();
    let (_, first) = first(&mut world);
    let (reply, _) = answer(&mut world, &first);
    assert_eq!(Kind::First.packet_bytes(Suite::NoiseNk), Some(first.len()));
    assert_eq!(Kind::Reply.packet_bytes(Suite::NoiseNk), Some(reply.len()));
    assert!(reply.len() <= first.len(), "no amplification");
}

#[test]
fn nothing_is_said_twice_and_nothing_of_the_caller_is_in_it() {
    // Two calls of one caller have nothing in common but what the configuration says of every caller.
    let mut world = world();
    let (_, one) = first(&mut world);
    let (_, other) = first(&mut world);
    assert_eq!(one[..8], other[..8]);
    let differing = one[8..].iter().zip(&other[8..]).filter(|(one, other)| one != other).count();
    assert!(differing > 80, "{differing} of 100");
}

#[test]
fn a_changed_call_is_rejected() {
    let mut world = world();
    let (_, first) = first(&mut world);
    for index in 0..first.len() {
        for flip in [0x01, 0x80] {
            let mut changed = first.clone();
            changed[index] ^= flip;
            assert!(AnonymousKnock::check(&world.bob, &changed).is_err(), "byte {index}");
            // By somebody who knows the door.
            if index < first.len() - 16 {
                assert!(world.hear(&with_door_mac(&door(&world), &changed)).is_err(), "byte {index}");
            }
        }
        assert!(AnonymousKnock::check(&world.bob, &first[..index]).is_err());
    }
    assert!(AnonymousKnock::check(&world.bob, &[&first[..], &[0]].concat()).is_err());
    assert!(world.hear(&with_door_mac(&door(&world), &first)).is_ok(), "the harness makes good codes");
}

#[test]
fn a_changed_reply_is_rejected_and_the_call_stands() {
    let mut world = world();
    let input = inputs(&world);
    let mut rng = common::FixedRng::new(&[&input.x]);
    let config = CallerConfig {
        capabilities: Capabilities(input.capabilities_i),
        limits: x3dh_handshake::Limits {
            session_window_kib: input.windows_i[0],
            stream_window_kib: input.windows_i[1],
        },
        tag: Tag(input.tag_i),
        ..world.caller_config()
    };
    let (mut caller, flight) = Caller::start(&config, &mut rng).unwrap();
    let known = noise(&input);
    let first = flight.packets().next().unwrap().to_vec();
    assert_eq!(first, known.get("M1"));
    let (reply, node) = answer(&mut world, &first);
    let reply_key = known.get("reply key");
    for index in 0..reply.len() {
        let mut changed = reply.clone();
        changed[index] ^= 1;
        (caller, _) = caller.read_reply(&changed).unwrap_err();
        (caller, _) = caller.read_reply(&reply[..index]).unwrap_err();
        // By somebody who knows the door, and with it the key of the outer code.
        if index < reply.len() - 16 {
            let covered = &changed[..reply.len() - 16];
            let coded = [covered, &oracle::mac("Conclave1 reply", reply_key, covered)].concat();
            (caller, _) = caller.read_reply(&coded).unwrap_err();
        }
    }
    (caller, _) = caller.read_reply(&first).unwrap_err();
    let (other_reply, _) = answer(&mut world, &self::first(&mut World::seeded(Suite::NoiseNk, 1)).1);
    (caller, _) = caller.read_reply(&other_reply).unwrap_err();
    assert_eq!(anonymous_secrets(caller.read_reply(&reply).unwrap()), anonymous_secrets(node));
}

#[test]
fn a_call_behind_a_members_door_is_not_looked_at() {
    let mut world = world();
    let (_, first) = first(&mut world);
    world.bob.previous_doors = vec![Door::from_bytes([0x0e; 32])];
    for members in [*world.bob.door.dangerous_bytes(), [0x0e; 32]] {
        let behind = with_door_mac(&members, &first);
        assert!(AnonymousKnock::check(&world.bob, &behind).is_err());
        assert!(Knock::check(&world.bob, &behind).is_err());
    }
    assert!(Knock::check(&world.bob, &first).is_err(), "a member's stages do not take it");
    assert!(AnonymousKnock::check(&world.bob, &first).is_ok());
    // Not even if somebody made both doors the same.
    world.bob.door = world.bob.anonymous_door.clone().unwrap();
    assert!(Knock::check(&world.bob, &first).is_err());
}

#[test]
fn a_member_behind_the_anonymous_door_is_not_looked_at() {
    for mut world in variants() {
        let (_, flight) = world.start();
        let first = flight.packets().next().unwrap().to_vec();
        let behind = with_door_mac(&door(&world), &first);
        assert!(Knock::check(&world.bob, &behind).is_err());
        assert!(AnonymousKnock::check(&world.bob, &behind).is_err());
        assert!(AnonymousKnock::check(&world.bob, &first).is_err(), "the anonymous stages do not take it");
        world.bob.anonymous_door = Some(world.bob.door.clone());
        assert!(AnonymousKnock::check(&world.bob, &first).is_err());
        assert!(Knock::check(&world.bob, &first).is_ok());
    }
}

#[test]
fn a_node_without_an_anonymous_door_takes_no_call() {
    let mut world = world();
    let (_, first) = first(&mut world);
    world.bob.anonymous_door = None;
    for door in [*world.bob.door.dangerous_bytes(), [0; 32], [0x0d; 32]] {
        assert!(AnonymousKnock::check(&world.bob, &with_door_mac(&door, &first)).is_err());
    }
}

#[test]
fn a_members_packet_cannot_be_turned_into_a_call_nor_a_call_into_a_members() {
    for mut world in variants() {
        let (_, flight) = world.start();
        let mut packet = flight.packets().next().unwrap().to_vec();
        packet.resize(108, 0);
        packet[2..4].copy_from_slice(&Suite::NoiseNk.id().to_le_bytes());
        let packet = with_door_mac(&door(&world), &packet);
        assert!(AnonymousKnock::check(&world.bob, &packet).unwrap().open(&world.bob).is_err());

        let (_, call) = first(&mut world);
        let mut packet = call.clone();
        packet.resize(Kind::First.packet_bytes(world.suite).unwrap(), 0);
        packet[2..4].copy_from_slice(&world.suite.id().to_le_bytes());
        let packet = with_door_mac(world.bob.door.dangerous_bytes(), &packet);
        assert!(Knock::check(&world.bob, &packet).unwrap().claim(&world.bob).is_err());
    }
}

#[test]
fn whoever_means_somebody_else_is_not_answered() {
    let world = world();
    let other_identity = IdentityKey([0xcc; 32]);
    let other_static = StaticSecret::from_bytes(&[0x77; 32]).unwrap().public();
    let other_door = Door::from_bytes([0xdd; 32]);
    let config = world.caller_config();
    for wrong in [
        CallerConfig { responder_identity: &other_identity, ..config },
        CallerConfig { responder_static: &other_static, ..config },
        CallerConfig { door: &other_door, ..config },
    ] {
        let (_, flight) = Caller::start(&wrong, &mut SeededRng::new(9)).unwrap();
        assert_eq!(world.hear(flight.packets().next().unwrap()).unwrap_err(), Rejected);
    }
}

#[test]
fn only_the_nodes_key_answers() {
    // Whoever knows the door and everything public, and has any key but b, gets nothing out of the call and cannot answer.
    let mut world = world();
    let (caller, first) = first(&mut world);
    let mut thief = world.bob.clone();
    thief.static_secret = StaticSecret::from_bytes(&[0x99; 32]).unwrap();
    assert!(AnonymousKnock::check(&thief, &first).unwrap().open(&thief).is_err());
    let (reply, _) = answer(&mut world, &first);
    assert!(caller.read_reply(&reply).is_ok());
}

#[test]
fn a_replayed_call_never_gives_the_same_secrets() {
    let mut world = world();
    let (caller, first) = first(&mut world);
    let (reply, node) = answer(&mut world, &first);
    let mut seen = anonymous_secrets(caller.read_reply(&reply).unwrap()).to_vec();
    assert_eq!(seen, anonymous_secrets(node));
    for _ in 0..50 {
        let (_, replayed) = answer(&mut world, &first);
        seen.extend(anonymous_secrets(replayed));
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

fn bad_points() -> Vec<[u8; 32]> {
    let mut points = vec![[0; 32], [0xff; 32]];
    let number = |low: u8, middle: u8, top: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (low, top);
        bytes
    };
    points.extend([number(1, 0, 0), number(9, 0, 0x80)]);
    points.extend([0xec, 0xed, 0xee, 0xf6, 0xff].map(|low| number(low, 0xff, 0x7f)));
    for point in [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ] {
        points.push(hex::decode(point).unwrap().try_into().unwrap());
    }
    points
}

#[test]
fn bad_points_are_refused_in_every_slot() {
    let world = world();
    let input = inputs(&world);
    let forged = |forged: Forged| noise(&Inputs { forged, ..input.clone() });
    let good = StaticSecret::from_bytes(&[0x42; 32]).unwrap().public().0;
    let call = |x| world.hear(forged(Forged { x: Some(x), ..Forged::default() }).get("M1")).is_ok();
    assert!(call(good), "the harness forges well");
    let start = || {
        let config = CallerConfig {
            capabilities: Capabilities(input.capabilities_i),
            limits: x3dh_handshake::Limits {
                session_window_kib: input.windows_i[0],
                stream_window_kib: input.windows_i[1],
            },
            tag: Tag(input.tag_i),
            ..world.caller_config()
        };
        Caller::start(&config, &mut common::FixedRng::new(&[&input.x])).unwrap().0
    };
    let reply = |y| start().read_reply(forged(Forged { y: Some(y), ..Forged::default() }).get("M2")).is_ok();
    assert!(reply(good), "the harness forges well");
    for point in bad_points() {
        assert!(!call(point), "e of the caller {point:02x?}");
        assert!(!reply(point), "e of the node {point:02x?}");
        let point = StaticKey(point);
        let config = CallerConfig { responder_static: &point, ..world.caller_config() };
        let started = Caller::start(&config, &mut SeededRng::new(1));
        assert_eq!(started.unwrap_err(), Error::UnusableStaticKey);
    }
}

#[test]
fn the_node_chooses_among_what_both_can() {
    let mut world = world();
    let config = CallerConfig { capabilities: Capabilities::CHACHA20_POLY1305, ..world.caller_config() };
    let (caller, flight) = Caller::start(&config, &mut SeededRng::new(2)).unwrap();
    let (reply, node) = answer(&mut world, flight.packets().next().unwrap());
    assert_eq!(node.aead, TrafficAead::ChaCha20Poly1305);
    assert_eq!(caller.read_reply(&reply).unwrap().aead, node.aead);

    let call: Call = world.hear(flight.packets().next().unwrap()).unwrap();
    let only_aes =
        x3dh_handshake::ReplyConfig { capabilities: Capabilities::AES_256_GCM, ..world.reply_config() };
    assert_eq!(call.reply(&only_aes, &mut world.rng).unwrap_err(), Error::NoCommonAead);
    let none = CallerConfig { capabilities: Capabilities(4), ..world.caller_config() };
    assert_eq!(Caller::start(&none, &mut SeededRng::new(2)).unwrap_err(), Error::NoCommonAead);
}

#[test]
fn secrets_do_not_show_in_debug() {
    let mut world = world();
    let (caller, first) = first(&mut world);
    let knock = AnonymousKnock::check(&world.bob, &first).unwrap();
    assert_eq!(format!("{knock:?}"), "AnonymousKnock { tag: Tag(286335522), .. }");
    let call = knock.open(&world.bob).unwrap();
    assert_eq!(format!("{call:?}"), "Call { tag: Tag(286335522), .. }");
    assert_eq!(format!("{caller:?}"), "Caller { tag: Tag(286335522), .. }");
}
