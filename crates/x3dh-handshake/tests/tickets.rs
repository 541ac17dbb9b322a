//! Tickets in Noise IKpsk2: who redeems one, and who does not get as far as a reply.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

mod common;
mod oracle;

use common::{SeededRng, TICKET, World, accept};
use oracle::{Forged, Inputs, noise, noise_proved_by};
use x3dh_handshake::{
    Error, Initiator, InitiatorConfig, Knock, Psk, Rejected, StaticSecret, Suite, TicketId,
};

const PSK: [u8; 32] = [0x5e; 32];

fn world() -> World {
    World::new(Suite::NoiseIkPsk2).with_ticket()
}

/// The world's keys for the second implementation.
fn inputs(world: &World) -> Inputs {
    Inputs {
        ticket: Some((TICKET.0, PSK)),
        a: *world.alice.dangerous_bytes(),
        credential: world.credential.0,
        b: *world.bob.static_secret.dangerous_bytes(),
        identity_r: world.bob.identity.0,
        door: *world.bob.door.dangerous_bytes(),
        ..Inputs::frozen(Suite::NoiseIkPsk2.id(), true)
    }
}

fn redeem(world: &World, first: &[u8]) -> Result<(), Rejected> {
    accept(&world.bob, world.psk.as_ref(), first).map(|_| ())
}

#[test]
fn the_ticket_is_known_before_its_secret_is_asked_for() {
    let mut world = world();
    let (_, flight) = world.start();
    let knock = Knock::check(&world.bob, flight.packets().next().unwrap()).unwrap();
    assert_eq!(knock.suite(), Suite::NoiseIkPsk2);
    let proven = knock.claim(&world.bob).unwrap().prove(&world.bob).unwrap();
    assert_eq!((proven.static_key(), proven.ticket()), (world.alice.public(), Some(TICKET)));
    let (_, bob) =
        proven.accept(world.psk.as_ref()).unwrap().reply(&world.reply_config(), &mut world.rng).unwrap();
    assert_eq!(bob.ticket, Some(TICKET));
}

#[test]
fn whoever_knows_only_the_id_gets_no_reply() {
    let mut world = world();
    let input = inputs(&world);
    assert_eq!(redeem(&world, noise(&input).get("M1")), Ok(()), "the harness forges well");
    // Every bit of the proof counts: with another secret, with zeros, with one bit of the secret changed.
    let mut close = PSK;
    close[31] ^= 0x80;
    for wrong in [[0; 32], [0xff; 32], close] {
        assert_eq!(redeem(&world, noise_proved_by(&input, Some(wrong)).get("M1")), Err(Rejected));
        let elsewhere = Inputs { ticket: Some((TICKET.0, wrong)), ..input.clone() };
        assert_eq!(redeem(&world, noise(&elsewhere).get("M1")), Err(Rejected));
    }
    // The secret of another ticket under this id.
    let other = Psk::from_bytes([0x77; 32]);
    let config = InitiatorConfig { ticket: Some((TICKET, &other)), ..world.config() };
    let (_, flight) = Initiator::start(&config, &mut SeededRng::new(3)).unwrap();
    let first = flight.packets().next().unwrap();
    assert_eq!(redeem(&world, first), Err(Rejected));
    // No secret, where one is needed.
    let (_, flight) = world.start();
    assert_eq!(accept(&world.bob, None, flight.packets().next().unwrap()).unwrap_err(), Rejected);
}

#[test]
fn a_proof_alone_does_not_make_a_session() {
    // The secret goes into Noise as well: a proof that was let through under another secret, as a broken check would,
    // leaves an initiator without a reply that it can read.
    let world = world();
    let input = inputs(&world);
    let honest = noise(&input);
    let other = Inputs { ticket: Some((TICKET.0, [0x77; 32])), ..input.clone() };
    let crossed = noise_proved_by(&other, Some(PSK));
    assert_eq!(honest.get("proof"), crossed.get("proof"));
    assert_eq!(honest.get("M1"), crossed.get("M1"), "the secret is in message 1 by the proof alone");
    assert_ne!(honest.get("M2"), crossed.get("M2"));
    for name in ["r0", "c_I", "c_R", "ex", "h6"] {
        assert_ne!(honest.get(name), crossed.get(name));
    }
}

#[test]
fn a_proof_is_of_one_message() {
    // A thief of b reads a redeemer's message and its proof, and puts the proof into messages of its own: with another
    // ephemeral key, in another name, with another counter, tag or credential, for another responder.
    let world = world();
    let input = inputs(&world);
    let proof = noise(&input).get("proof").to_vec();
    let mallory = StaticSecret::from_bytes(&[0x44; 32]).unwrap();
    let others = [
        Inputs { x: [0x45; 32], ..input.clone() },
        Inputs { a: *mallory.dangerous_bytes(), ..input.clone() },
        Inputs { counter: input.counter + 1, ..input.clone() },
        Inputs { tag_i: input.tag_i + 1, ..input.clone() },
        Inputs { credential: [0x46; 120], ..input.clone() },
        Inputs { boot_i: [0x47; 16], ..input.clone() },
        Inputs { ticket: Some(([0x48; 16], PSK)), ..input.clone() },
        Inputs { capabilities_i: input.capabilities_i ^ 0x100, ..input.clone() },
        Inputs { identity_r: [0x49; 32], ..input.clone() },
        Inputs { b: [0x4a; 32], ..input.clone() },
        Inputs { forged: Forged { a: Some(mallory.public().0), ..Forged::default() }, ..input.clone() },
    ];
    for other in others {
        let mut keys = world.bob.clone();
        keys.identity.0 = other.identity_r;
        keys.static_secret = StaticSecret::from_bytes(&other.b).unwrap();
        let honest = noise(&other);
        assert_ne!(honest.get("proof"), proof, "{other:?}");
        assert!(accept(&keys, world.psk.as_ref(), honest.get("M1")).is_ok(), "the harness forges well");
        let replayed = oracle::noise_with_proof(&other, &proof);
        assert!(accept(&keys, world.psk.as_ref(), replayed.get("M1")).is_err(), "{other:?}");
    }
    assert!(redeem(&world, oracle::noise_with_proof(&input, &proof).get("M1")).is_ok());
}

#[test]
fn every_changed_bit_of_the_proof_is_rejected() {
    let world = world();
    let input = inputs(&world);
    let proof = noise(&input).get("proof").to_vec();
    for bit in 0..128 {
        let mut changed = proof.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(redeem(&world, oracle::noise_with_proof(&input, &changed).get("M1")), Err(Rejected));
    }
}

#[test]
fn a_message_without_a_ticket_is_rejected_before_any_secret_is_looked_up() {
    let world = world();
    let input = Inputs { ticket: Some(([0; 16], PSK)), ..inputs(&world) };
    let first = noise(&input).get("M1").to_vec();
    assert!(Knock::check(&world.bob, &first).unwrap().claim(&world.bob).is_err());
    let config =
        InitiatorConfig { ticket: Some((TicketId([0; 16]), world.psk.as_ref().unwrap())), ..world.config() };
    assert_eq!(Initiator::start(&config, &mut SeededRng::new(3)).unwrap_err(), Error::ZeroTicketId);
}

#[test]
fn a_thief_of_the_responders_key_redeems_no_ticket() {
    // Key compromise impersonation without the ticket's secret: not even a reply.
    let world = world();
    let mut input = inputs(&world);
    input.forged.a = Some(world.alice.public().0);
    input.a = [0x99; 32];
    assert_eq!(redeem(&world, noise(&input).get("M1")), Ok(()), "the harness forges well");
    assert_eq!(redeem(&world, noise_proved_by(&input, Some([0x99; 32])).get("M1")), Err(Rejected));
}
