//! The MyCHIPs profile from the Noise specification and PROTOCOL §14.

use sha2::{Digest as _, Sha512};

use super::{
    Values,
    noise::{Symmetric, blake2b, hkdf},
    pattern,
    primitives::{aead, dh, public},
};

/// What an exchange is made of, all of it fixed.
#[derive(Clone, Debug)]
pub struct Inputs {
    pub seed_i: [u8; 32],
    pub seed_r: [u8; 32],
    /// The ephemeral key of N, that of K or I, and that of A.
    pub e_n: [u8; 32],
    pub e_i: [u8; 32],
    pub e_r: [u8; 32],
    pub counter: u64,
    pub early_i: Vec<u8>,
    pub early_r: Vec<u8>,
    pub token: Vec<u8>,
    pub message_i: Vec<u8>,
    pub message_r: Vec<u8>,
}

impl Inputs {
    pub fn frozen() -> Self {
        Self {
            seed_i: pattern(0x01),
            seed_r: pattern(0x02),
            e_n: pattern(0x33),
            e_i: pattern(0x44),
            e_r: pattern(0x55),
            counter: 0x0000_0192_0000_0007,
            early_i: b"request".to_vec(),
            early_r: b"tally".to_vec(),
            token: pattern::<48>(0x70).to_vec(),
            message_i: b"hello".to_vec(),
            message_r: b"and back".to_vec(),
        }
    }
}

/// The X25519 secret of a seed.
fn secret(seed: &[u8; 32]) -> [u8; 32] {
    Sha512::digest(seed)[..32].try_into().unwrap()
}

/// The id of the agent of a seed, which has the bit that the Montgomery form forgets.
pub fn agent_id(seed: &[u8; 32]) -> [u8; 32] {
    curve25519_dalek::EdwardsPoint::mul_base_clamped(secret(seed)).compress().to_bytes()
}

const BASE: &[u8] = b"Conclave MyCHIPs\x01";

/// N and K, A, and T in both directions.
pub fn known(input: &Inputs) -> Values {
    let mut v = keys(input);
    let (s_i, s_r) = (secret(&input.seed_i), secret(&input.seed_r));
    let (big_i, big_r) = (public(&s_i), public(&s_r));

    // N: <- s ... -> e, es
    let mut state = Symmetric::initialize("Noise_N_25519_ChaChaPoly_BLAKE2b");
    state.mix_hash(&[BASE, b"N"].concat());
    state.mix_hash(&big_r);
    let e = public(&input.e_n);
    state.mix_hash(&e);
    state.mix_key(&dh(&input.e_n, &big_r));
    let claim = [b"N", &e[..], &state.encrypt_and_hash(v.get("agent id of I"))].concat();
    v.put("N", claim.clone());

    v.put("prologue of KK", prologue_behind(&claim));
    let (request, state) = request(input, &claim);
    v.put("K", request);
    answer(&mut v, state, input, &big_i);
    v
}

fn prologue_behind(claim: &[u8]) -> Vec<u8> {
    [BASE, b"NKAT", &blake2b(&[claim])].concat()
}

/// K behind an N that somebody else may have made.
pub fn request_behind(input: &Inputs, claim: &[u8]) -> Vec<u8> {
    request(input, claim).0
}

/// KK: -> s, <- s ... -> e, es, ss
fn request(input: &Inputs, claim: &[u8]) -> (Vec<u8>, Symmetric) {
    let (s_i, s_r) = (secret(&input.seed_i), secret(&input.seed_r));
    let (big_i, big_r) = (public(&s_i), public(&s_r));
    let mut state = Symmetric::initialize("Noise_KK_25519_ChaChaPoly_BLAKE2b");
    state.mix_hash(&prologue_behind(claim));
    state.mix_hash(&big_i);
    state.mix_hash(&big_r);
    let e = public(&input.e_i);
    state.mix_hash(&e);
    state.mix_key(&dh(&input.e_i, &big_r));
    state.mix_key(&dh(&s_i, &big_r));
    let request = [&input.counter.to_le_bytes()[..], &input.early_i].concat();
    ([b"K", &e[..], &state.encrypt_and_hash(&request)].concat(), state)
}

/// I, A, and T in both directions.
pub fn first_contact(input: &Inputs) -> Values {
    let mut v = keys(input);
    let (message, state) = introduction(input, &agent_id(&input.seed_i));
    v.put("I", message);
    answer(&mut v, state, input, &public(&secret(&input.seed_i)));
    v
}

/// I that says another id than that of its maker.
pub fn introduction_of(input: &Inputs, id: &[u8; 32]) -> Vec<u8> {
    introduction(input, id).0
}

/// IK: <- s ... -> e, es, s, ss
fn introduction(input: &Inputs, id: &[u8; 32]) -> (Vec<u8>, Symmetric) {
    let (s_i, s_r) = (secret(&input.seed_i), secret(&input.seed_r));
    let (big_i, big_r) = (public(&s_i), public(&s_r));
    let mut state = Symmetric::initialize("Noise_IK_25519_ChaChaPoly_BLAKE2b");
    state.mix_hash(&[BASE, b"IAT"].concat());
    state.mix_hash(&big_r);
    let e = public(&input.e_i);
    state.mix_hash(&e);
    state.mix_key(&dh(&input.e_i, &big_r));
    let mut message = [b"I", &e[..], &state.encrypt_and_hash(&big_i)].concat();
    state.mix_key(&dh(&s_i, &big_r));
    let mut introduction = input.counter.to_le_bytes().to_vec();
    introduction.extend(id);
    introduction.push(input.token.len() as u8);
    introduction.extend(&input.token);
    introduction.extend(&input.early_i);
    message.extend(state.encrypt_and_hash(&introduction));
    (message, state)
}

fn keys(input: &Inputs) -> Values {
    let mut v = Values::default();
    v.put("agent id of I", agent_id(&input.seed_i));
    v.put("agent id of R", agent_id(&input.seed_r));
    v.put("X25519 key of I", public(&secret(&input.seed_i)));
    v.put("X25519 key of R", public(&secret(&input.seed_r)));
    v
}

/// `<- e, ee, se`, and what follows.
fn answer(v: &mut Values, mut state: Symmetric, input: &Inputs, big_i: &[u8; 32]) {
    let e = public(&input.e_r);
    state.mix_hash(&e);
    state.mix_key(&dh(&input.e_r, &public(&input.e_i)));
    state.mix_key(&dh(&input.e_r, big_i));
    v.put("A", [b"A", &e[..], &state.encrypt_and_hash(&input.early_r)].concat());
    let [k1, k2, _] = hkdf(&state.ck, b"");
    v.put("k1 | k2", [&k1[..32], &k2[..32]].concat());
    v.put("T of I, nothing", transport(&k1[..32], 0, b""));
    v.put("T of I, message_I", transport(&k1[..32], 1, &[&[0], &input.message_i[..]].concat()));
    v.put("T of R, message_R", transport(&k2[..32], 0, &[&[0], &input.message_r[..]].concat()));
    v.put("T of R, CLOSE done", transport(&k2[..32], 1, &[1, 1]));
}

/// A T packet.
pub fn transport(key: &[u8], number: u64, plaintext: &[u8]) -> Vec<u8> {
    [b"T", &aead(key, number, b"", plaintext)[..]].concat()
}
