//! Two parties with fixed keys, and a source of randomness that repeats.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::as_conversions)]

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use x3dh_handshake::{
    Accepted, BootId, CREDENTIAL_BYTES, Capabilities, Credential, Door, Established, FirstFlight,
    IdentityKey, Initiator, InitiatorConfig, Knock, Limits, Psk, Rejected, ReplyConfig, ResponderKeys,
    SessionSecrets, StaticKey, StaticSecret, Suite, Tag, TicketId, TrafficAead,
    anonymous::{AnonymousEstablished, AnonymousKnock, Call, Caller, CallerConfig},
};

/// Randomness for tests: SHAKE256 of a seed, so that a stranger can repeat it.
pub struct SeededRng {
    seed: u64,
    block: u64,
    left: Vec<u8>,
}

impl SeededRng {
    pub fn new(seed: u64) -> Self {
        Self { seed, block: 0, left: Vec::new() }
    }
}

impl TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        while self.left.len() < dst.len() {
            let mut more = [0; 128];
            x3dh_handshake::derive("test", &[&self.seed.to_le_bytes(), &self.block.to_le_bytes()], &mut more);
            self.left.extend_from_slice(&more);
            self.block += 1;
        }
        dst.copy_from_slice(&self.left[..dst.len()]);
        self.left.drain(..dst.len());
        Ok(())
    }
}

impl TryCryptoRng for SeededRng {}

/// Randomness that was fixed beforehand, to the last byte.
pub struct FixedRng(Vec<u8>);

impl FixedRng {
    pub fn new(parts: &[&[u8]]) -> Self {
        Self(parts.concat())
    }
}

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("the handshake draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("the handshake draws bytes")
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        dst.copy_from_slice(&self.0[..dst.len()]);
        self.0.drain(..dst.len());
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

pub const TICKET: TicketId = TicketId([0x7e; 16]);

/// Alice dials Bob.
pub struct World {
    pub suite: Suite,
    pub alice: StaticSecret,
    pub credential: Credential,
    pub bob: ResponderKeys,
    pub bob_static: StaticKey,
    pub psk: Option<Psk>,
    pub rng: SeededRng,
}

pub const LIMITS: Limits = Limits { session_window_kib: 1024, stream_window_kib: 256 };

impl World {
    pub fn new(suite: Suite) -> Self {
        Self::seeded(suite, 1)
    }

    pub fn seeded(suite: Suite, seed: u64) -> Self {
        let mut rng = SeededRng::new(seed);
        let alice = StaticSecret::generate(&mut rng).unwrap();
        let bob = ResponderKeys {
            static_secret: StaticSecret::generate(&mut rng).unwrap(),
            identity: IdentityKey([0xb0; 32]),
            door: Door::generate(&mut rng),
            previous_doors: Vec::new(),
            anonymous_door: Some(Door::from_bytes([0x0d; 32])),
        };
        let credential = Credential([0xa1; CREDENTIAL_BYTES]);
        let bob_static = bob.static_secret.public();
        Self { suite, alice, credential, bob, bob_static, psk: None, rng }
    }

    pub fn with_ticket(mut self) -> Self {
        self.psk = Some(Psk::from_bytes([0x5e; 32]));
        self
    }

    pub fn config(&self) -> InitiatorConfig<'_> {
        InitiatorConfig {
            suite: self.suite,
            static_secret: &self.alice,
            credential: &self.credential,
            responder_identity: &self.bob.identity,
            responder_static: &self.bob_static,
            door: &self.bob.door,
            ticket: self.psk.as_ref().map(|psk| (TICKET, psk)),
            counter: 7,
            boot: BootId([0xaa; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(0x1111_2222),
        }
    }

    pub fn start(&mut self) -> (Initiator, FirstFlight) {
        let mut rng = std::mem::replace(&mut self.rng, SeededRng::new(0));
        let started = Initiator::start(&self.config(), &mut rng).unwrap();
        self.rng = rng;
        started
    }

    pub fn reply_config(&self) -> ReplyConfig {
        ReplyConfig {
            aead: TrafficAead::Aes256Gcm,
            boot: BootId([0xbb; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(0x3333_4444),
        }
    }

    /// The responder up to the key share.
    pub fn accept(&self, first: &[u8]) -> Result<Accepted, Rejected> {
        accept(&self.bob, self.psk.as_ref(), first)
    }

    /// The whole responder.
    pub fn respond(&mut self, packets: &[&[u8]]) -> Result<(Vec<u8>, Established), Rejected> {
        let mut accepted = self.accept(packets[0])?;
        if let Some(part) = packets.get(1) {
            accepted = accepted.key_share(part).map_err(|(_, rejected)| rejected)?;
        }
        accepted.reply(&self.reply_config(), &mut self.rng).map_err(|_| Rejected)
    }

    /// A whole handshake: Alice's end, Bob's end.
    pub fn handshake(&mut self) -> (Established, Established) {
        let (initiator, flight) = self.start();
        let packets: Vec<&[u8]> = flight.packets().collect();
        let (reply, bob) = self.respond(&packets).unwrap();
        let alice = initiator.read_reply(&reply).map_err(|(_, rejected)| rejected).unwrap();
        (alice, bob)
    }
}

pub fn accept(keys: &ResponderKeys, psk: Option<&Psk>, first: &[u8]) -> Result<Accepted, Rejected> {
    Knock::check(keys, first)?.claim(keys)?.prove(keys)?.accept(psk)
}

/// Every secret and fact that both ends must share.
pub fn secrets(established: Established) -> [Vec<u8>; 5] {
    flat(established.secrets, &established.transcript)
}

pub fn anonymous_secrets(established: AnonymousEstablished) -> [Vec<u8>; 5] {
    flat(established.secrets, &established.transcript)
}

fn flat(secrets: SessionSecrets, transcript: &[u8; 32]) -> [Vec<u8>; 5] {
    let parts = secrets.into_parts();
    [
        parts.root.dangerous_bytes().to_vec(),
        parts.initiator.dangerous_bytes().to_vec(),
        parts.responder.dangerous_bytes().to_vec(),
        parts.exporter.dangerous_bytes().to_vec(),
        transcript.to_vec(),
    ]
}

/// Somebody calls the Bob of a world without saying who.
impl World {
    pub fn caller_config(&self) -> CallerConfig<'_> {
        CallerConfig {
            responder_identity: &self.bob.identity,
            responder_static: &self.bob_static,
            door: self.bob.anonymous_door.as_ref().unwrap(),
            capabilities: Capabilities::BOTH_AEADS,
            limits: LIMITS,
            tag: Tag(0x1111_2222),
        }
    }

    pub fn call(&mut self) -> (Caller, FirstFlight) {
        let mut rng = std::mem::replace(&mut self.rng, SeededRng::new(0));
        let started = Caller::start(&self.caller_config(), &mut rng).unwrap();
        self.rng = rng;
        started
    }

    pub fn hear(&self, first: &[u8]) -> Result<Call, Rejected> {
        AnonymousKnock::check(&self.bob, first)?.open(&self.bob)
    }
}

/// A suite and whether a ticket goes with it: every variant of the handshake.
pub fn variants() -> Vec<World> {
    vec![
        World::new(Suite::X3dhHybrid),
        World::new(Suite::X3dhHybrid).with_ticket(),
        World::new(Suite::X3dh),
        World::new(Suite::X3dh).with_ticket(),
        World::new(Suite::NoiseIk),
        World::new(Suite::NoiseIkPsk2).with_ticket(),
    ]
}
