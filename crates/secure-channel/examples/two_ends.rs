//! A session over a network that loses, repeats and reorders packets, through epochs and a rekey.
//!
//! ```text
//! cargo run -p secure-channel --example two_ends
//! ```

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use secure_channel::{
    Association, Error, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Rekey, Role, Sealer,
    SessionSecrets, Suite, Tag, TrafficAead, split,
};

const ROUNDS: u32 = 40;
const PACKETS_PER_ROUND: u32 = 100;

struct End {
    sealer: Sealer,
    opener: Opener,
    rekey: Rekey,
}

fn main() -> Result<(), Error> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut secrets = [0; 128];
    rng.fill(&mut secrets);
    let (mut ada, mut bob) = (end(&secrets, Role::Initiator)?, end(&secrets, Role::Responder)?);
    let (mut sent, mut lost, mut delivered, mut refused) = (0, 0, 0, 0);

    for round in 0..ROUNDS {
        let mut network = Vec::new();
        for _ in 0..PACKETS_PER_ROUND {
            let packet = seal(&mut ada, b"a message")?;
            sent += 1;
            match rng.random_range(0..10) {
                0 => lost += 1,
                1 => network.extend([packet.clone(), packet]),
                _ => network.push(packet),
            }
        }
        network.shuffle(&mut rng);
        for mut packet in network {
            match receive(&mut bob, &mut packet) {
                Ok(()) => delivered += 1,
                Err(_) => refused += 1,
            }
        }
        if round == ROUNDS / 2 {
            renew(&mut ada, &mut bob, &mut rng)?;
        }
    }
    println!("{sent} packets sealed, {lost} lost on the way, {refused} refused because they came twice");
    println!("{delivered} messages delivered, each once; now in {:?}", ada.sealer);
    assert_eq!(sent, lost + delivered);
    Ok(())
}

fn end(secrets: &[u8; 128], role: Role) -> Result<End, Error> {
    let (local_tag, remote_tag) = match role {
        Role::Initiator => (Tag(1), Tag(2)),
        Role::Responder => (Tag(2), Tag(1)),
    };
    let association = Association {
        secrets: SessionSecrets::dangerous_from_bytes(secrets),
        role,
        suite: Suite::X3dhHybrid,
        aead: TrafficAead::ChaCha20Poly1305,
        local_tag,
        remote_tag,
    };
    let (sealer, opener, rekey) = split(association, Limits { epoch_packets: 500, ..Limits::default() })?;
    Ok(End { sealer, opener, rekey })
}

fn seal(end: &mut End, text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut packet = vec![0; OVERHEAD_BYTES + text.len()];
    packet[HEADER_BYTES..HEADER_BYTES + text.len()].copy_from_slice(text);
    end.sealer.reserve(PathNumber(0))?.seal(&mut packet, &[])?;
    Ok(packet)
}

/// Opens a packet, and follows the peer to newer keys.
fn receive(end: &mut End, packet: &mut [u8]) -> Result<(), Error> {
    let (_, committed) = end.opener.open(packet)?;
    if let Some(generation) = committed.generation {
        end.sealer.follow(generation);
        end.rekey.handle_followed(generation);
    }
    Ok(())
}

/// Fresh keys. The two messages would travel as records inside sealed packets.
fn renew(asks: &mut End, answers: &mut End, rng: &mut StdRng) -> Result<(), Error> {
    let request = asks.rekey.request(rng)?;
    let Some(answer) = answers.rekey.handle_request(rng, &request)? else { return Ok(()) };
    if let Some(keys) = answer.keys {
        answers.opener.install(keys.opening)?;
        answers.sealer.install(keys.sealing)?;
    }
    if let Some(keys) = asks.rekey.handle_response(&answer.response)? {
        asks.opener.install(keys.opening)?;
        asks.sealer.install(keys.sealing)?;
    }
    let shows_the_new_keys = &mut seal(asks, b"")?;
    receive(answers, shows_the_new_keys)?;
    println!("fresh keys: {:?} and {:?}", asks.rekey, answers.rekey);
    Ok(())
}
