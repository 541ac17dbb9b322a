//! Everybody but two honest ends: strangers, thieves of keys, hostile members, replayers, flooders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;
mod oracle;

use std::collections::HashSet;

use common::{TICKET, World, accept, secrets, variants};
use oracle::{Forged, Inputs, document::values};
use proptest::prelude::*;
use x3dh_handshake::{
    BootId, Capabilities, Credential, Door, Error, IdentityKey, Initiator, InitiatorConfig, Kind, Knock,
    Limits, Psk, Rejected, ReplyConfig, ResponderKeys, StaticSecret, Suite, Tag, TicketId, TrafficAead,
    rekey,
};

/// Two flips that every byte must survive: the lowest and the highest bit.
const FLIPS: [u8; 2] = [0x01, 0x80];

fn flipped(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..packet.len()).flat_map(move |index| {
        FLIPS.into_iter().map(move |flip| {
            let mut changed = packet.to_vec();
            changed[index] ^= flip;
            changed
        })
    })
}

/// Every shorter length, and a byte too many.
fn resized(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..packet.len()).map(move |length| packet[..length].to_vec()).chain([[packet, &[0]].concat()])
}

/// What somebody who knows the door can do: change a packet and make `mac1` right again.
fn with_door_mac(door: &[u8; 32], packet: &[u8]) -> Vec<u8> {
    let covered = &packet[..packet.len() - 16];
    [covered, &oracle::mac("Conclave1 mac1", door, covered)].concat()
}

#[test]
fn a_changed_first_packet_is_rejected_at_the_door() {
    for mut world in variants() {
        let (_, flight) = world.start();
        let first = flight.packets().next().unwrap();
        for changed in flipped(first).chain(resized(first)) {
            assert_eq!(Knock::check(&world.bob, &changed).unwrap_err(), Rejected);
        }
        assert!(world.accept(first).is_ok());
    }
}

#[test]
fn a_first_packet_changed_by_somebody_who_knows_the_door_is_rejected() {
    for mut world in variants() {
        let (_, flight) = world.start();
        let first = flight.packets().next().unwrap();
        let door = *world.bob.door.dangerous_bytes();
        let covered = 0..first.len() - 16;
        for changed in covered.flat_map(|index| FLIPS.map(|flip| (index, flip))).map(|(index, flip)| {
            let mut changed = first.to_vec();
            changed[index] ^= flip;
            with_door_mac(&door, &changed)
        }) {
            assert!(world.accept(&changed).is_err());
        }
        for changed in resized(first).filter(|changed| changed.len() >= 16) {
            assert!(Knock::check(&world.bob, &with_door_mac(&door, &changed)).is_err(), "one exact size");
        }
        assert!(world.accept(&with_door_mac(&door, first)).is_ok(), "the harness makes good codes");
    }
}

#[test]
fn a_wrong_key_share_changes_nothing() {
    let mut world = World::new(Suite::X3dhHybrid);
    let (initiator, flight) = world.start();
    let packets: Vec<&[u8]> = flight.packets().collect();
    let mut accepted = world.accept(packets[0]).unwrap();
    for wrong in flipped(packets[1]).chain(resized(packets[1])).chain([packets[0].to_vec()]) {
        (accepted, _) = accepted.key_share(&wrong).unwrap_err();
        assert!(accepted.needs_key_share());
    }
    let accepted = accepted.key_share(packets[1]).unwrap();
    assert!(!accepted.needs_key_share());
    // Once more, as a path that repeats packets would have it; and a wrong one behind the right one.
    let accepted = accepted.key_share(packets[1]).unwrap();
    let (accepted, _) = accepted.key_share(&vec![0; packets[1].len()]).unwrap_err();
    let (reply, bob) = accepted.reply(&world.reply_config(), &mut world.rng).unwrap();
    let alice = initiator.read_reply(&reply).unwrap();
    assert_eq!(secrets(alice), secrets(bob));
}

#[test]
fn a_suite_without_a_kem_takes_no_key_share() {
    for suite in [Suite::X3dh, Suite::NoiseIk] {
        let mut world = World::new(suite);
        let (_, flight) = world.start();
        let accepted = world.accept(flight.packets().next().unwrap()).unwrap();
        assert!(!accepted.needs_key_share());
        assert!(accepted.key_share(&[0; 1192]).is_err());
    }
}

#[test]
fn an_unreduced_encapsulation_key_is_refused_though_committed_to() {
    // A malicious initiator commits to a key that FIPS 203 forbids: coefficients at or above q.
    let mut world = World::new(Suite::X3dhHybrid);
    let input = world_inputs(&world);
    let honest = oracle::x3dh(&input);
    let mut part = honest.get("M1b").to_vec();
    part[8..11].fill(0xff);
    let forged = oracle::x3dh_committed(&input, &part);
    let accepted = world.accept(forged.get("M1a")).unwrap();
    let (accepted, _) = accepted.key_share(&part).unwrap_err();
    assert_eq!(accepted.reply(&world.reply_config(), &mut world.rng).unwrap_err(), Error::KeyShareMissing);
}

#[test]
fn a_changed_reply_is_rejected_and_the_attempt_stands() {
    for mut world in variants() {
        let (mut initiator, flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let (reply, bob) = world.respond(&packets).unwrap();
        for wrong in
            flipped(&reply).chain(resized(&reply)).chain(packets.iter().map(|packet| packet.to_vec()))
        {
            (initiator, _) = initiator.read_reply(&wrong).unwrap_err();
        }
        let alice = initiator.read_reply(&reply).unwrap();
        assert_eq!(secrets(alice), secrets(bob));
    }
}

#[test]
fn a_changed_reply_with_a_right_code_is_rejected_too() {
    for mut world in variants() {
        let input = world_inputs(&world);
        let known = values(&input);
        let reply_key = match world.suite {
            Suite::NoiseIk | Suite::NoiseIkPsk2 => known.get("reply key"),
            _ => known.get("m3"),
        };
        let (mut initiator, flight) = start_like(&world, &input);
        let packets: Vec<&[u8]> = flight.packets().collect();
        let (reply, _) = world.respond(&packets).unwrap();
        let covered = reply.len() - 16;
        for index in 0..covered {
            let mut changed = reply[..covered].to_vec();
            changed[index] ^= 1;
            changed.extend(oracle::mac("Conclave1 reply", reply_key, &changed));
            (initiator, _) = initiator.read_reply(&changed).unwrap_err();
        }
        assert!(initiator.read_reply(&reply).is_ok());
    }
}

#[test]
fn whoever_means_somebody_else_never_establishes() {
    let other = StaticSecret::from_bytes(&[0x77; 32]).unwrap();
    for mut world in variants() {
        let other_identity = IdentityKey([0xcc; 32]);
        let other_static = other.public();
        let other_door = Door::from_bytes([0xdd; 32]);
        let other_psk = Psk::from_bytes([0xee; 32]);
        let mut rng = common::SeededRng::new(9);
        let config = world.config();
        let mut wrong = vec![
            // Bob's key under another identity: unknown key share.
            InitiatorConfig { responder_identity: &other_identity, ..config },
            InitiatorConfig { responder_static: &other_static, ..config },
            InitiatorConfig { door: &other_door, ..config },
        ];
        if world.suite.has_tickets() {
            wrong.push(InitiatorConfig { ticket: Some((TICKET, &other_psk)), ..config });
        }
        let firsts: Vec<Vec<u8>> = wrong
            .iter()
            .map(|config| {
                let (_, flight) = Initiator::start(config, &mut rng).unwrap();
                flight.packets().next().unwrap().to_vec()
            })
            .collect();
        for first in firsts {
            assert!(world.accept(&first).is_err());
        }
        // With the ticket's secret missing at either end.
        let (_, flight) = world.start();
        let first = flight.packets().next().unwrap();
        let swapped = if world.psk.is_some() { None } else { Some(Psk::from_bytes([1; 32])) };
        assert!(accept(&world.bob, swapped.as_ref(), first).is_err());
        assert!(accept(&world.bob, world.psk.as_ref(), first).is_ok());
    }
}

#[test]
fn a_ticket_named_without_its_secret_is_rejected() {
    // A malicious initiator names a ticket and computes as if there were none.
    let world = World::new(Suite::X3dhHybrid).with_ticket();
    let mut input = world_inputs(&world);
    input.ticket = Some((TICKET.0, [0; 32]));
    let forged = oracle::x3dh_with_psk(&input, b"");
    for psk in [None, Some(Psk::from_bytes([0; 32])), world.psk.clone()] {
        assert!(accept(&world.bob, psk.as_ref(), forged.get("M1a")).is_err());
    }
}

#[test]
fn a_ticket_in_a_suite_without_tickets_is_rejected() {
    let world = World::new(Suite::NoiseIk);
    let mut input = world_inputs(&world);
    assert!(accept(&world.bob, None, first_packet(&values(&input))).is_ok(), "the harness forges well");
    input.ticket = Some((TICKET.0, [0x5e; 32]));
    let forged = values(&input);
    assert!(Knock::check(&world.bob, first_packet(&forged)).unwrap().claim(&world.bob).is_err());
}

#[test]
fn a_packet_cannot_be_turned_into_one_of_another_suite() {
    for (mut world, other) in variants().into_iter().flat_map(|world| {
        let suite = world.suite;
        let others = Suite::ALL.into_iter().filter(move |other| *other != suite && !other.is_anonymous());
        others.map(move |other| (World { suite, psk: world.psk.clone(), ..World::new(suite) }, other))
    }) {
        let (_, flight) = world.start();
        let mut first = flight.packets().next().unwrap().to_vec();
        first.resize(Kind::First.packet_bytes(other).unwrap(), 0);
        first[2..4].copy_from_slice(&other.id().to_le_bytes());
        let first = with_door_mac(world.bob.door.dangerous_bytes(), &first);
        assert!(Knock::check(&world.bob, &first).is_ok());
        assert!(world.accept(&first).is_err());
    }
}

#[test]
fn a_reply_to_another_attempt_is_rejected() {
    for mut world in variants() {
        let (initiator, flight) = world.start();
        // The same everything, other ephemeral keys.
        let (other, other_flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let other_packets: Vec<&[u8]> = other_flight.packets().collect();
        let (reply, _) = world.respond(&packets).unwrap();
        let (other_reply, _) = world.respond(&other_packets).unwrap();
        let (initiator, _) = initiator.read_reply(&other_reply).unwrap_err();
        let (other, _) = other.read_reply(&reply).unwrap_err();
        assert!(initiator.read_reply(&reply).is_ok());
        assert!(other.read_reply(&other_reply).is_ok());
        // The key share of another attempt, too.
        if packets.len() == 2 {
            assert!(world.accept(packets[0]).unwrap().key_share(other_packets[1]).is_err());
        }
    }
}

#[test]
fn replayed_first_packets_never_give_the_same_secrets() {
    for mut world in variants() {
        let (initiator, flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let (reply, bob) = world.respond(&packets).unwrap();
        let alice = secrets(initiator.read_reply(&reply).unwrap());
        assert_eq!(alice, secrets(bob));
        let mut seen: HashSet<Vec<u8>> = alice.into_iter().collect();
        for _ in 0..200 {
            let (_, replayed) = world.respond(&packets).unwrap();
            assert_eq!(replayed.counter, 7, "what gives a replay away");
            for secret in secrets(replayed) {
                assert!(seen.insert(secret));
            }
        }
    }
}

#[test]
fn reflected_packets_are_rejected() {
    for mut world in variants() {
        let (initiator, flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let (reply, _) = world.respond(&packets).unwrap();
        // Alice as a responder, at worst behind the same door and under the same identity.
        let alice = ResponderKeys {
            static_secret: world.alice.clone(),
            identity: world.bob.identity,
            door: world.bob.door.clone(),
            previous_doors: Vec::new(),
            anonymous_door: None,
        };
        assert!(accept(&alice, world.psk.as_ref(), packets[0]).is_err());
        assert!(Knock::check(&alice, &reply).is_err());
        assert!(Knock::check(&world.bob, &reply).is_err());
        assert!(initiator.read_reply(packets[0]).is_err());
    }
}

#[test]
fn our_own_key_at_the_other_end_is_rejected() {
    for world in variants() {
        let mut input = world_inputs(&world);
        input.a = input.b;
        let knock_and_claim =
            |first: &[u8]| Knock::check(&world.bob, first).unwrap().claim(&world.bob).is_err();
        assert!(knock_and_claim(first_packet(&values(&input))));
    }
}

#[test]
fn a_thief_of_the_responders_key_gets_no_session_in_another_name() {
    // Key compromise impersonation: with b, the door and, if there is one, the ticket's secret, a first packet in
    // Alice's name can be made.
    for world in variants() {
        let mut input = world_inputs(&world);
        let alice_secret = input.a;
        input.a = [0x99; 32]; // the thief does not have Alice's key, only its public half
        input.forged = Forged { a: Some(world.alice.public().0), ..Forged::default() };
        let forged = values(&input);
        let first = first_packet(&forged);
        let mut accepted = world.accept(first).expect("documented: such a packet gets a reply");
        if let Some(part) = forged.find("M1b") {
            accepted = accepted.key_share(part).unwrap();
        }
        let mut rng = common::FixedRng::new(&[&input.y, &input.kem_m]);
        let (reply, bob) = accepted.reply(&reply_like(&input), &mut rng).unwrap();
        assert_eq!(bob.peer.static_key, world.alice.public());
        let bob = secrets(bob);
        // The session needs DH(a, Y). Everything the thief can put in its place gives other secrets, and with them no
        // packet that would confirm it.
        let big_y: [u8; 32] = reply[8..40].try_into().unwrap();
        let guessed = |a: [u8; 32]| {
            let forged = Forged { y: Some(big_y), ..input.forged.clone() };
            let values = values(&Inputs { a, forged, ..input.clone() });
            ["r0", "c_I", "c_R", "ex"].map(|name| values.get(name).to_vec())
        };
        for guess in [input.b, input.x, input.a] {
            for (secret, guessed) in bob.iter().zip(guessed(guess)) {
                assert_ne!(*secret, guessed, "{:?}", world.suite);
            }
        }
        assert_eq!(bob[..4], guessed(alice_secret), "the harness computes well: only Alice's key is missing");
    }
}

#[test]
fn a_thief_of_the_initiators_key_cannot_answer_in_another_name() {
    for mut world in variants() {
        let (mut initiator, flight) = world.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        for secret in [world.alice.clone(), StaticSecret::from_bytes(&[0x99; 32]).unwrap()] {
            let thief = ResponderKeys {
                static_secret: secret,
                identity: world.bob.identity,
                door: world.bob.door.clone(),
                previous_doors: Vec::new(),
                anonymous_door: None,
            };
            assert!(accept(&thief, world.psk.as_ref(), packets[0]).is_err());
        }
        // Nor does a reply made for the thief's own attempt fit Alice's.
        let (_, thiefs_flight) = world.start();
        let thiefs: Vec<&[u8]> = thiefs_flight.packets().collect();
        let (reply, _) = world.respond(&thiefs).unwrap();
        (initiator, _) = initiator.read_reply(&reply).unwrap_err();
        let (reply, _) = world.respond(&packets).unwrap();
        assert!(initiator.read_reply(&reply).is_ok());
    }
}

/// Encodings that no Diffie-Hellman slot may take: low order in canonical form, in other forms, and ordinary points in
/// other forms.
fn bad_points() -> Vec<[u8; 32]> {
    let number = |low: u8, middle: u8, top: u8| {
        let mut bytes = [middle; 32];
        bytes[0] = low;
        bytes[31] = top;
        bytes
    };
    let order_eight = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ]
    .map(|point| <[u8; 32]>::try_from(hex::decode(point).unwrap()).unwrap());
    let mut points = vec![
        number(0, 0, 0),          // 0
        number(1, 0, 0),          // 1
        number(0xec, 0xff, 0x7f), // p - 1
        number(0xed, 0xff, 0x7f), // p
        number(0xee, 0xff, 0x7f), // p + 1
        number(0xf6, 0xff, 0x7f), // p + 9, the base point in another form
        number(0xff, 0xff, 0x7f), // 2^255 - 1
        number(0xda, 0xff, 0xff), // 2p
        number(9, 0, 0x80),       // 9 with the bit that X25519 masks
        number(0xff, 0xff, 0xff), // 2^256 - 1
    ];
    points.extend(order_eight);
    for point in order_eight {
        let mut high = point;
        high[31] |= 0x80;
        points.push(high);
    }
    points
}

#[test]
fn bad_points_are_refused_in_every_slot_of_the_first_packet() {
    for world in variants() {
        let input = world_inputs(&world);
        let forge = |forged: Forged| values(&Inputs { forged, ..input.clone() });
        let good = StaticSecret::from_bytes(&[0x42; 32]).unwrap().public().0;
        let sent =
            |values: &oracle::Values| accept(&world.bob, world.psk.as_ref(), first_packet(values)).is_ok();
        assert!(sent(&forge(Forged { x: Some(good), ..Forged::default() })), "the harness forges well");
        assert!(sent(&forge(Forged { a: Some(good), ..Forged::default() })), "the harness forges well");
        for point in bad_points() {
            assert!(!sent(&forge(Forged { x: Some(point), ..Forged::default() })), "X {point:02x?}");
            assert!(!sent(&forge(Forged { a: Some(point), ..Forged::default() })), "A {point:02x?}");
        }
    }
}

#[test]
fn bad_points_are_refused_in_the_reply() {
    for world in variants() {
        let input = world_inputs(&world);
        let (mut initiator, _) = start_like(&world, &input);
        for point in bad_points() {
            let forged =
                values(&Inputs { forged: Forged { y: Some(point), ..Forged::default() }, ..input.clone() });
            (initiator, _) = initiator.read_reply(forged.get("M2")).unwrap_err();
        }
        let good = StaticSecret::from_bytes(&[0x42; 32]).unwrap().public().0;
        let forged = values(&Inputs { forged: Forged { y: Some(good), ..Forged::default() }, ..input });
        assert!(initiator.read_reply(forged.get("M2")).is_ok(), "the harness forges well");
    }
}

#[test]
fn bad_points_are_refused_as_the_key_to_dial() {
    for world in variants() {
        for point in bad_points() {
            let point = x3dh_handshake::StaticKey(point);
            assert!(!point.is_usable());
            let config = InitiatorConfig { responder_static: &point, ..world.config() };
            let started = Initiator::start(&config, &mut common::SeededRng::new(1));
            assert_eq!(started.unwrap_err(), Error::UnusableStaticKey);
        }
    }
}

#[test]
fn bad_points_and_bad_sizes_are_refused_in_a_rekey() {
    for suite in Suite::ALL {
        let mut rng = common::SeededRng::new(4);
        let offer = || rekey::Offer::new(suite, &mut common::SeededRng::new(5)).unwrap();
        let request = offer().request().to_vec();
        let (response, _) = rekey::answer(suite, &request, &mut rng).unwrap();
        assert_eq!(
            (request.len(), response.len()),
            (rekey::request_bytes(suite), rekey::response_bytes(suite))
        );
        for point in bad_points() {
            let bad = [&point, &request[32..]].concat();
            assert!(matches!(rekey::answer(suite, &bad, &mut rng), Err(Error::Rejected(Rejected))));
            assert!(offer().finish(&[&point, &response[32..]].concat()).is_err());
        }
        for wrong in resized(&request) {
            assert!(rekey::answer(suite, &wrong, &mut rng).is_err());
        }
        for wrong in resized(&response) {
            assert!(offer().finish(&wrong).is_err());
        }
        assert!(offer().finish(&response).is_ok());
    }
}

#[test]
fn a_responder_cannot_choose_what_was_not_offered() {
    for world in variants() {
        for aead in [0, 2, 3, 0xff] {
            let mut input = world_inputs(&world);
            input.capabilities_i = Capabilities::AES_256_GCM.0;
            input.aead = aead;
            let (initiator, _) = start_like(&world, &input);
            assert!(initiator.read_reply(values(&input).get("M2")).is_err());
        }
    }
}

fn first_packet(values: &oracle::Values) -> &[u8] {
    values.find("M1a").or_else(|| values.find("M1")).unwrap()
}

/// The world's keys for the second implementation, with fixed ephemeral keys.
fn world_inputs(world: &World) -> Inputs {
    Inputs {
        suite: world.suite.id(),
        ticket: world.psk.as_ref().map(|psk| (TICKET.0, *psk.dangerous_bytes())),
        a: *world.alice.dangerous_bytes(),
        credential: world.credential.0,
        b: *world.bob.static_secret.dangerous_bytes(),
        identity_r: world.bob.identity.0,
        door: *world.bob.door.dangerous_bytes(),
        ..Inputs::frozen(world.suite.id(), false)
    }
}

/// What a responder says with the inputs of the second implementation.
fn reply_like(input: &Inputs) -> ReplyConfig {
    ReplyConfig {
        aead: TrafficAead::from_id(input.aead).unwrap(),
        boot: BootId(input.boot_r),
        capabilities: Capabilities(input.capabilities_r),
        limits: Limits { session_window_kib: input.windows_r[0], stream_window_kib: input.windows_r[1] },
        tag: Tag(input.tag_r),
    }
}

/// The crate's own attempt with the inputs of the second implementation.
fn start_like(world: &World, input: &Inputs) -> (Initiator, x3dh_handshake::FirstFlight) {
    let mut rng = common::FixedRng::new(&[&input.x, &input.kem_seed]);
    let config = InitiatorConfig {
        credential: &Credential(input.credential),
        ticket: world.psk.as_ref().map(|psk| (TicketId(TICKET.0), psk)),
        counter: input.counter,
        boot: BootId(input.boot_i),
        capabilities: Capabilities(input.capabilities_i),
        limits: Limits { session_window_kib: input.windows_i[0], stream_window_kib: input.windows_i[1] },
        tag: Tag(input.tag_i),
        ..world.config()
    };
    let started = Initiator::start(&config, &mut rng).unwrap();
    assert_eq!(started.1.packets().next().unwrap(), first_packet(&values(input)));
    started
}

proptest! {
    #[test]
    fn garbage_is_rejected(packet in prop::collection::vec(any::<u8>(), 0..1300)) {
        let world = World::new(Suite::X3dhHybrid);
        prop_assert!(Knock::check(&world.bob, &packet).is_err());
    }

    #[test]
    fn garbage_behind_the_door_is_rejected(
        index in 0..variants().len(),
        filling in prop::collection::vec(any::<u8>(), 400),
    ) {
        let mut world = variants().remove(index);
        let (initiator, flight) = world.start();
        let first = flight.packets().next().unwrap();
        let garbage = [&first[..8], &filling[..first.len() - 8]].concat();
        prop_assert!(world.accept(&with_door_mac(world.bob.door.dangerous_bytes(), &garbage)).is_err());
        let mut reply = filling;
        reply.resize(Kind::Reply.packet_bytes(world.suite).unwrap(), 7);
        reply[..8].copy_from_slice(&first[..8]);
        reply[0] = 3;
        prop_assert!(initiator.read_reply(&reply).is_err());
    }
}
