//! The primitives of PROTOCOL §4.2, from implementations that the crate does not use.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use curve25519_dalek::montgomery::MontgomeryPoint;

pub fn enc(x: &[u8]) -> Vec<u8> {
    [&(x.len() as u64).to_le_bytes()[..], x].concat()
}

fn encode(label: &str, inputs: &[&[u8]]) -> Vec<u8> {
    let mut all = enc(label.as_bytes());
    for input in inputs {
        all.extend(enc(input));
    }
    all
}

/// `H(label, x...)`
pub fn sha3(label: &str, inputs: &[&[u8]]) -> [u8; 32] {
    libcrux_sha3::sha256(&encode(label, inputs))
}

/// `derive(label, x...)[N]`
pub fn derive<const N: usize>(label: &str, inputs: &[&[u8]]) -> [u8; N] {
    libcrux_sha3::shake256(&encode(label, inputs))
}

/// `MAC(label, key, m)`
pub fn mac(label: &str, key: &[u8], message: &[u8]) -> [u8; 16] {
    derive(label, &[key, &sha3(label, &[message])])
}

pub fn public(secret: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint::mul_base_clamped(*secret).to_bytes()
}

pub fn dh(secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint(*public).mul_clamped(*secret).to_bytes()
}

/// ChaCha20-Poly1305 with a nonce of four zero bytes and a little-endian counter.
pub fn aead(key: &[u8], counter: u64, associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    let key = <[u8; 32]>::try_from(key).unwrap();
    ChaCha20Poly1305::new(&key.into())
        .encrypt(&nonce.into(), Payload { msg: plaintext, aad: associated })
        .unwrap()
}

/// ML-KEM-768: the encapsulation key of a seed `d | z`.
pub fn kem_public(seed: &[u8; 64]) -> Vec<u8> {
    use ml_kem::KeyExport;
    ml_kem::DecapsulationKey::<ml_kem::MlKem768>::from_seed((*seed).into())
        .encapsulation_key()
        .to_bytes()
        .to_vec()
}

/// ML-KEM-768: ciphertext and secret of `m` for the key of a seed, decapsulated again to be sure.
pub fn kem_exchange(seed: &[u8; 64], m: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    use ml_kem::Decapsulate;
    let key = ml_kem::DecapsulationKey::<ml_kem::MlKem768>::from_seed((*seed).into());
    let (ciphertext, secret) = key.encapsulation_key().encapsulate_deterministic(&(*m).into());
    assert_eq!(key.decapsulate(&ciphertext), secret);
    (ciphertext.to_vec(), secret.to_vec())
}
