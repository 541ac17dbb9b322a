//! Any packets, and packets of a true handshake with any bytes changed: an `Inbound` sends nothing unless every byte
//! was right, whatever came before on an unreliable path, and an `Outbound` takes nothing but its own answer.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::{
    Admission, Admittance, HandshakeKeys, Inbound, Now, Order, Outbound, PathFacts, SessionId, Step,
};
use libfuzzer_sys::fuzz_target;
use membership::{Card, DeviceKey, Door, Identity, Members, NetAddress, Record, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::{BootId, Capabilities, Limits, ResponderKeys, Suite, Tag, TrafficAead};

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let reliable = choice & 1 == 0;
    let mut rng = StdRng::seed_from_u64(1);
    let suite = [Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk][usize::from(choice >> 1) % 3];
    let (ann, bob, members) = people(suite, &mut rng);
    let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_000).expect("a date") };
    let deadline = now.instant + Duration::from_secs(10);
    let path = path(reliable);
    let order = Order { peer: bob.local(), counter: 1, tag: Tag(1), deadline, ticket: None };
    let mut outbound =
        Outbound::start(now.instant, &order, &path, (&ann, &members), &mut rng).expect("a handshake");
    let admittance = Admittance::from(Arc::new(members));
    let mut inbound = Inbound::new(&path, deadline);

    let mut spoiled = false;
    let mut proven = false;
    let mut changes = data.chunks(3);
    while let Some(packet) = outbound.poll_transmit().map(<[u8]>::to_vec) {
        let (sent, changed) = change(&packet, changes.next());
        let step = inbound.handle_packet(now, &sent, (&bob, &admittance));
        spoiled |= changed && matches!(step, Step::Failed(_));
        assert!(!changed || !matches!(step, Step::Proven(_)), "a changed packet proves nothing");
        proven |= matches!(step, Step::Proven(_));
        assert!(inbound.poll_transmit().is_none(), "nothing is sent before it is allowed");
        if changed && !spoiled {
            let step = inbound.handle_packet(now, &packet, (&bob, &admittance));
            proven |= matches!(step, Step::Proven(_));
        }
    }
    assert_eq!(proven, !spoiled, "what is right is taken, unless the path is spoiled");
    if !proven {
        return;
    }
    let junk = inbound.handle_packet(now, data, (&bob, &admittance));
    if reliable {
        assert!(matches!(junk, Step::Failed(_)));
        return;
    }
    let admission = Admission { session: SessionId(1), tag: Tag(2) };
    let theirs = inbound.answer(&admission, &bob, &mut rng).expect("an answer");
    let reply = inbound.poll_transmit().expect("a reply").to_vec();
    let (sent, changed) = change(&reply, changes.next());
    if changed {
        assert!(matches!(outbound.handle_packet(now.instant, &sent), Step::Wait));
    }
    let Step::Established(ours) = outbound.handle_packet(now.instant, &reply) else { panic!("the answer") };
    assert_eq!(ours.transcript, theirs.transcript);
});

/// The packet with one byte changed, cut off, or as it is.
fn change(packet: &[u8], how: Option<&[u8]>) -> (Vec<u8>, bool) {
    let mut changed = packet.to_vec();
    if let Some([low, high, mask]) = how {
        let at = usize::from(u16::from_le_bytes([*low, *high])) % (2 * packet.len());
        match changed.get_mut(at) {
            Some(byte) => *byte ^= mask,
            None => changed.truncate(at - packet.len()),
        }
    }
    let is_changed = changed != packet;
    (changed, is_changed)
}

fn path(reliable: bool) -> PathFacts {
    let remote = NetAddress::new("somewhere").expect("an address");
    PathFacts { kind: "fuzz", reliable, mtu_bytes: 65_536, remote }
}

fn people(suite: Suite, rng: &mut StdRng) -> (HandshakeKeys, HandshakeKeys, Members) {
    let mut members = Members::new();
    let mut person = |rng: &mut StdRng| {
        let (identity, device, door) =
            (Identity::generate(rng), DeviceKey::generate(rng).expect("a key"), Door::generate(rng));
        let record = Record::issue(&identity, device.id(), device.key(), UnixSeconds::MAX).expect("a record");
        let credential = record.to_credential();
        members
            .add(&Card::new(vec![record], door.clone(), Vec::new(), None).expect("a card"))
            .expect("a member");
        HandshakeKeys {
            responder: ResponderKeys {
                static_secret: device.secret().clone(),
                identity: identity.key(),
                door,
                previous_doors: Vec::new(),
                anonymous_door: None,
            },
            credential,
            boot: BootId([1; 16]),
            suites: vec![suite],
            aead: TrafficAead::Aes256Gcm,
            capabilities: Capabilities::BOTH_AEADS,
            limits: Limits { session_window_kib: 1024, stream_window_kib: 256 },
        }
    };
    let (ann, bob) = (person(rng), person(rng));
    (ann, bob, members)
}
