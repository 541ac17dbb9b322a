//! ML-KEM-768: the one file that touches the KEM. Randomness comes in, keys stay on the heap and are erased.

use libcrux_ml_kem::mlkem768::{
    MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey, decapsulate, encapsulate, generate_key_pair,
    validate_public_key,
};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::Rejected;

/// Bytes of an encapsulation key.
pub(crate) const ENCAPSULATION_KEY_BYTES: usize = 1184;
/// Bytes of a ciphertext.
pub(crate) const CIPHERTEXT_BYTES: usize = 1088;

/// What both ends hold after the exchange.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct KemSecret([u8; 32]);

impl KemSecret {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A decapsulation key, used once.
pub(crate) struct DecapsulationKey(Box<MlKem768PrivateKey>);

impl DecapsulationKey {
    /// Makes a key pair from 64 random bytes (FIPS 203: `d | z`).
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> (Self, [u8; ENCAPSULATION_KEY_BYTES]) {
        let mut seed = Zeroizing::new([0; 64]);
        rng.fill_bytes(&mut seed[..]);
        let (mut private, public) = generate_key_pair(*seed).into_parts();
        let kept = Self(Box::new(private.clone()));
        erase(&mut private);
        (kept, public.into())
    }

    /// Recovers the secret. A ciphertext made for another key, or by nobody, gives a secret that nobody else has.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT_BYTES]) -> KemSecret {
        KemSecret(decapsulate(&self.0, &MlKem768Ciphertext::from(ciphertext)))
    }
}

impl Drop for DecapsulationKey {
    fn drop(&mut self) {
        erase(&mut self.0);
    }
}

fn erase(key: &mut MlKem768PrivateKey) {
    for index in 0..MlKem768PrivateKey::len() {
        key[index].zeroize();
    }
}

/// An encapsulation key whose coefficients are all reduced, as FIPS 203 demands before use.
pub(crate) struct EncapsulationKey(Box<MlKem768PublicKey>);

impl EncapsulationKey {
    pub(crate) fn check(bytes: &[u8; ENCAPSULATION_KEY_BYTES]) -> Result<Self, Rejected> {
        let key = Box::new(MlKem768PublicKey::from(bytes));
        if validate_public_key(&key) { Ok(Self(key)) } else { Err(Rejected) }
    }

    /// Makes a secret and its ciphertext from 32 random bytes.
    pub(crate) fn encapsulate(&self, rng: &mut dyn CryptoRng) -> ([u8; CIPHERTEXT_BYTES], KemSecret) {
        let mut randomness = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut randomness[..]);
        let (ciphertext, secret) = encapsulate(&self.0, *randomness);
        (ciphertext.into(), KemSecret(secret))
    }
}

#[cfg(test)]
mod tests;
