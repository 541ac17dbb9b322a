//! Noise IK, IKpsk2 and NK with `25519_ChaChaPoly_BLAKE2b` from the Noise specification, and PROTOCOL §5.4 around them.

use blake2::{Blake2b512, Digest};

use super::{
    Inputs, Values, derive, mac,
    primitives::{aead, public},
    session, sha3,
};

/// `h`, `ck` and `k` of the Noise specification, §5.2. Each `k` seals one message, so `n` is always zero.
pub(super) struct Symmetric {
    pub(super) h: [u8; 64],
    pub(super) ck: [u8; 64],
    k: [u8; 32],
}

impl Symmetric {
    pub(super) fn initialize(name: &str) -> Self {
        let mut h = [0; 64];
        h[..name.len()].copy_from_slice(name.as_bytes());
        if name.len() > 64 {
            panic!("hash the name");
        }
        Self { h, ck: h, k: [0; 32] }
    }

    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.h = blake2b(&[&self.h, data]);
    }

    pub(super) fn mix_key(&mut self, secret: &[u8]) {
        let [ck, k, _] = hkdf(&self.ck, secret);
        self.ck = ck;
        self.k = k[..32].try_into().unwrap();
    }

    fn mix_key_and_hash(&mut self, secret: &[u8]) {
        let [ck, hash, k] = hkdf(&self.ck, secret);
        self.ck = ck;
        self.mix_hash(&hash);
        self.k = k[..32].try_into().unwrap();
    }

    pub(super) fn encrypt_and_hash(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let sealed = aead(&self.k, 0, &self.h, plaintext);
        self.mix_hash(&sealed);
        sealed
    }
}

/// A whole handshake of suite 0x0101, 0x0102 or 0x0103.
pub fn noise(input: &Inputs) -> Values {
    let psk = input.ticket.map(|(_, psk)| psk);
    noise_proved_by(input, psk)
}

/// The same, with a proof of the ticket made with another secret than the one that is mixed in.
pub fn noise_proved_by(input: &Inputs, proven: Option<[u8; 32]>) -> Values {
    whole(input, |covered| mac("Conclave1 noise ticket", &proven.unwrap_or_default(), covered))
}

/// The same, with a proof from elsewhere.
pub fn noise_with_proof(input: &Inputs, proof: &[u8]) -> Values {
    whole(input, |_| proof.try_into().unwrap())
}

fn whole(input: &Inputs, prove: impl Fn(&[u8]) -> [u8; 16]) -> Values {
    let mut v = Values::default();
    let pattern = match input.suite {
        0x0101 => "IK",
        0x0102 => "IKpsk2",
        _ => "NK",
    };
    let has_psk = input.suite == 0x0102;
    let has_static = input.suite != 0x0103;
    let name = format!("Noise_{pattern}_25519_ChaChaPoly_BLAKE2b");
    let [big_a, big_x, big_y] = input.publics();
    let [es, ss, ee, se] = input.agreements();
    let big_b = public(&input.b);
    let header = input.header(1);
    let prologue = [format!("Conclave1 {name}").as_bytes(), &input.identity_r[..], &header].concat();
    v.put("prologue", prologue.clone());

    // Initialize, with the responder's static key as pre-message.
    let mut state = Symmetric::initialize(&name);
    state.mix_hash(&prologue);
    state.mix_hash(&big_b);

    // -> e, es, s, ss    In NK: -> e, es
    let mut message = big_x.to_vec();
    state.mix_hash(&big_x);
    if has_psk {
        state.mix_key(&big_x);
    }
    state.mix_key(&es);
    let mut payload = input.call_offer();
    if has_static {
        message.extend(state.encrypt_and_hash(&big_a));
        state.mix_key(&ss);
        payload = [&input.credential[..], &input.offer()].concat();
    }
    if has_psk {
        let covered = [&prologue[..], &big_b, &big_x, &big_a, &payload].concat();
        let proof = prove(&covered);
        v.put("proof", proof);
        payload.extend(proof);
    }
    message.extend(state.encrypt_and_hash(&payload));
    v.put("h after message 1", state.h);
    v.put("ck after message 1", state.ck);
    let mut packet = [header, message].concat();
    let mac1 = mac("Conclave1 mac1", &input.door, &packet);
    packet.extend(mac1);
    v.put("M1", packet);

    // <- e, ee, se    In IKpsk2: <- e, ee, se, psk    In NK: <- e, ee
    let mut message = big_y.to_vec();
    state.mix_hash(&big_y);
    if has_psk {
        state.mix_key(&big_y);
    }
    state.mix_key(&ee);
    if has_static {
        state.mix_key(&se);
    }
    if has_psk {
        state.mix_key_and_hash(&input.ticket.map(|(_, psk)| psk).unwrap_or_default());
    }
    message.extend(state.encrypt_and_hash(&input.answer()));
    v.put("h", state.h);
    v.put("ck", state.ck);
    let reply_key: [u8; 32] = derive("Conclave1 noise reply", &[&input.door, &mac1]);
    v.put("reply key", reply_key);
    let mut packet = [input.header(3), message].concat();
    packet.extend(mac("Conclave1 reply", &reply_key, &packet));
    v.put("M2", packet);

    // Split
    let [k1, k2, _] = hkdf(&state.ck, b"");
    let key = [&k1[..32], &k2[..32]].concat();
    v.put("k1 | k2", key.clone());
    let h6 = sha3("Conclave1 noise", &[&state.h]);
    v.put("h6", h6);
    session(&mut v, &key, &h6);
    v
}

pub(super) fn blake2b(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Blake2b512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

pub(super) fn hkdf(ck: &[u8; 64], input: &[u8]) -> [[u8; 64]; 3] {
    let temporary = hmac(ck, input);
    let first = hmac(&temporary, &[1]);
    let second = hmac(&temporary, &[&first[..], &[2]].concat());
    let third = hmac(&temporary, &[&second[..], &[3]].concat());
    [first, second, third]
}

fn hmac(key: &[u8; 64], data: &[u8]) -> [u8; 64] {
    let (mut inner, mut outer) = ([0x36; 128], [0x5c; 128]);
    for index in 0..64 {
        inner[index] ^= key[index];
        outer[index] ^= key[index];
    }
    blake2b(&[&outer, &blake2b(&[&inner, data])])
}
