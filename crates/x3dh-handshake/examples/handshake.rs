//! Two parties in memory: `cargo run -p x3dh-handshake --example handshake`.
//!
//! Alice has a ticket to Bob's node. They shake hands with every suite that has names, and end with the same exported
//! secret.

use rand_core::CryptoRng;
use x3dh_handshake::{
    BootId, CREDENTIAL_BYTES, Capabilities, Credential, Door, Error, Established, IdentityKey, Initiator,
    InitiatorConfig, Knock, Limits, Psk, ReplyConfig, ResponderKeys, StaticSecret, Suite, Tag, TicketId,
    TrafficAead,
};

const LIMITS: Limits = Limits { session_window_kib: 1024, stream_window_kib: 256 };

/// What Bob handed to Alice beforehand.
struct Invitation {
    id: TicketId,
    secret: Psk,
}

fn main() -> Result<(), Error> {
    let rng = &mut rand::rng();
    let bob = ResponderKeys {
        static_secret: StaticSecret::generate(rng)?,
        identity: IdentityKey([0xb0; 32]),
        door: Door::generate(rng),
        previous_doors: Vec::new(),
        anonymous_door: None,
    };
    let invitation = Invitation { id: TicketId([7; 16]), secret: Psk::generate(rng) };
    let alice = StaticSecret::generate(rng)?;
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.is_anonymous()) {
        let (at_alice, at_bob) = handshake(suite, &alice, &bob, &invitation, rng)?;
        let (mut one, mut other) = ([0; 32], [0; 32]);
        at_alice.secrets.exporter().export("example", b"", &mut one);
        at_bob.secrets.exporter().export("example", b"", &mut other);
        assert_eq!(one, other);
        println!("{suite:?}: {:?} and {:?} agree", at_bob.peer.static_key, at_alice.peer.static_key);
    }
    Ok(())
}

fn handshake(
    suite: Suite,
    alice: &StaticSecret,
    bob: &ResponderKeys,
    invitation: &Invitation,
    rng: &mut dyn CryptoRng,
) -> Result<(Established, Established), Error> {
    let config = InitiatorConfig {
        suite,
        static_secret: alice,
        credential: &Credential([0xa1; CREDENTIAL_BYTES]),
        responder_identity: &bob.identity,
        responder_static: &bob.static_secret.public(),
        door: &bob.door,
        ticket: suite.has_tickets().then_some((invitation.id, &invitation.secret)),
        counter: 1,
        boot: BootId([0xaa; 16]),
        capabilities: Capabilities::BOTH_AEADS,
        limits: LIMITS,
        tag: Tag(1),
    };
    let (initiator, flight) = Initiator::start(&config, rng)?;
    let mut packets = flight.packets();

    let first = packets.next().unwrap_or_default();
    println!("{suite:?}: the first packet has {} bytes", first.len());
    let proven = Knock::check(bob, first)?.claim(bob)?.prove(bob)?;
    // A node looks the ticket up here, and the counter.
    let secret = proven.ticket().filter(|id| *id == invitation.id).map(|_| &invitation.secret);
    let mut accepted = proven.accept(secret)?;
    for part in packets {
        println!("{suite:?}: the key share has {} bytes", part.len());
        accepted = accepted.key_share(part).map_err(|(_, rejected)| rejected)?;
    }
    let config = ReplyConfig {
        aead: TrafficAead::Aes256Gcm,
        boot: BootId([0xbb; 16]),
        capabilities: Capabilities::BOTH_AEADS,
        limits: LIMITS,
        tag: Tag(2),
    };
    let (reply, at_bob) = accepted.reply(&config, rng)?;
    println!("{suite:?}: the reply has {} bytes", reply.len());
    let at_alice = initiator.read_reply(&reply).map_err(|(_, rejected)| rejected)?;
    Ok((at_alice, at_bob))
}
