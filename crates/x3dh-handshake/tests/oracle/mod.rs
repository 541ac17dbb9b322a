//! The handshake once more, straight down from the equations of `docs/PROTOCOL.md` §4 and §5, sharing no code with the
//! crate: other implementations of X25519, ML-KEM, SHA-3 and ChaCha20-Poly1305, and every intermediate value kept by
//! its name.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::as_conversions
)]

mod cookie;
pub mod document;
pub mod mychips;
mod noise;
mod primitives;
mod x3dh;

use primitives::{derive, dh, sha3};

pub use cookie::{cookie, cookied, work};
pub use noise::{noise, noise_proved_by, noise_with_proof};
pub use primitives::mac;
pub use x3dh::{rekey, x3dh, x3dh_committed, x3dh_with_psk};

/// Named values in the order in which they come about.
#[derive(Default)]
pub struct Values(pub Vec<(&'static str, Vec<u8>)>);

impl Values {
    fn put(&mut self, name: &'static str, value: impl Into<Vec<u8>>) {
        self.0.push((name, value.into()));
    }

    pub fn find(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &value[..])
    }

    pub fn get(&self, name: &str) -> &[u8] {
        self.find(name).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// What a handshake is made of, all of it fixed.
#[derive(Clone, Debug)]
pub struct Inputs {
    pub suite: u16,
    pub ticket: Option<([u8; 16], [u8; 32])>,
    pub a: [u8; 32],
    pub credential: [u8; 120],
    pub b: [u8; 32],
    pub identity_r: [u8; 32],
    pub door: [u8; 32],
    pub tag_i: u32,
    pub tag_r: u32,
    pub counter: u64,
    pub boot_i: [u8; 16],
    pub boot_r: [u8; 16],
    pub capabilities_i: u32,
    pub capabilities_r: u32,
    pub windows_i: [u32; 2],
    pub windows_r: [u32; 2],
    pub aead: u8,
    pub x: [u8; 32],
    pub kem_seed: [u8; 64],
    pub y: [u8; 32],
    pub kem_m: [u8; 32],
    pub forged: Forged,
}

/// Public keys that a malicious end sends instead of its own. The results of the Diffie-Hellman are then those that the
/// honest end computes: for a point of low order, zeros that anybody knows.
#[derive(Clone, Debug, Default)]
pub struct Forged {
    pub x: Option<[u8; 32]>,
    pub a: Option<[u8; 32]>,
    pub y: Option<[u8; 32]>,
}

/// Bytes that count up from `start`.
pub fn pattern<const N: usize>(start: u8) -> [u8; N] {
    std::array::from_fn(|index| start.wrapping_add(index as u8))
}

impl Inputs {
    /// The inputs of the frozen vectors.
    pub fn frozen(suite: u16, with_ticket: bool) -> Self {
        Self {
            suite,
            ticket: with_ticket.then(|| (pattern(0x70), pattern(0x50))),
            a: pattern(0x11),
            credential: pattern(0x80),
            b: pattern(0x22),
            identity_r: pattern(0xb0),
            door: pattern(0xd0),
            tag_i: 0x0102_0304,
            tag_r: 0x0a0b_0c0d,
            counter: 0x0000_0192_0000_0007,
            boot_i: pattern(0x31),
            boot_r: pattern(0x41),
            capabilities_i: 0x0000_0013,
            capabilities_r: 0x0000_0003,
            windows_i: [1024, 256],
            windows_r: [2048, 512],
            aead: 1,
            x: pattern(0x33),
            kem_seed: pattern(0x44),
            y: pattern(0x55),
            kem_m: pattern(0x66),
            forged: Forged::default(),
        }
    }

    /// `A, X, Y`
    fn publics(&self) -> [[u8; 32]; 3] {
        [
            self.forged.a.unwrap_or(primitives::public(&self.a)),
            self.forged.x.unwrap_or(primitives::public(&self.x)),
            self.forged.y.unwrap_or(primitives::public(&self.y)),
        ]
    }

    /// `es, ss, ee, se`
    fn agreements(&self) -> [[u8; 32]; 4] {
        let [big_a, big_x, big_y] = self.publics();
        let [es, ss] = [&big_x, &big_a].map(|point| dh(&self.b, point));
        match self.forged.y {
            None => [es, ss, dh(&self.y, &big_x), dh(&self.y, &big_a)],
            Some(_) => [es, ss, dh(&self.x, &big_y), dh(&self.a, &big_y)],
        }
    }

    fn header(&self, kind: u8) -> Vec<u8> {
        let mut header = vec![kind, 1];
        header.extend(self.suite.to_le_bytes());
        header.extend(self.tag_i.to_le_bytes());
        header
    }

    /// `counter | boot_I | ticket | capabilities | session window | stream window | 8 zero bytes`
    fn offer(&self) -> Vec<u8> {
        let mut offer = self.counter.to_le_bytes().to_vec();
        offer.extend(self.boot_i);
        offer.extend(self.ticket.map_or([0; 16], |(id, _)| id));
        offer.extend(self.capabilities_i.to_le_bytes());
        offer.extend(self.windows_i[0].to_le_bytes());
        offer.extend(self.windows_i[1].to_le_bytes());
        offer.extend([0; 8]);
        offer
    }

    /// `capabilities | session window | stream window | 24 zero bytes`: what an anonymous caller says.
    fn call_offer(&self) -> Vec<u8> {
        let mut offer = self.capabilities_i.to_le_bytes().to_vec();
        offer.extend(self.windows_i[0].to_le_bytes());
        offer.extend(self.windows_i[1].to_le_bytes());
        offer.extend([0; 24]);
        offer
    }

    /// `tag_R | boot_R | aead | 3 zero bytes | capabilities | session window | stream window`
    fn answer(&self) -> Vec<u8> {
        let mut answer = self.tag_r.to_le_bytes().to_vec();
        answer.extend(self.boot_r);
        answer.extend([self.aead, 0, 0, 0]);
        answer.extend(self.capabilities_r.to_le_bytes());
        answer.extend(self.windows_r[0].to_le_bytes());
        answer.extend(self.windows_r[1].to_le_bytes());
        answer
    }
}

/// `r0 | c_I | c_R | ex = derive("Conclave1 session", key, h6)[128]`, and what the exporter makes of `ex`.
fn session(values: &mut Values, key: &[u8], h6: &[u8]) {
    let secrets: [u8; 128] = derive("Conclave1 session", &[key, h6]);
    for (name, secret) in ["r0", "c_I", "c_R", "ex"].into_iter().zip(secrets.chunks(32)) {
        values.put(name, secret);
    }
    let exported: [u8; 48] = derive("Conclave1 export", &[&secrets[96..], b"label", b"context"]);
    values.put("export(label, context)[48]", exported);
}
