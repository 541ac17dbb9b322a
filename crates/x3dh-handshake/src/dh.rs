//! X25519: the one file that computes a Diffie-Hellman.
//!
//! A public key becomes a [`Point`] before anything is computed with it, and becomes one only if it is the canonical
//! encoding of a point that is not of low order. The all-zero result that such a point would give is refused once more
//! by the library.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Rejected};

/// The u-coordinates of low order on the curve and on its twist, in canonical encoding: 0, 1, p - 1, and the two points
/// of order eight.
const LOW_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        minus_one[31] = 0x7f;
        minus_one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

/// A public key that may be multiplied: canonical and not of low order.
#[derive(Clone)]
pub(crate) struct Point([u8; 32]);

impl Point {
    /// Checks a public key without branching on its bytes.
    pub(crate) fn check(bytes: &[u8; 32]) -> Result<Self, Rejected> {
        let mut bad = !is_canonical(bytes);
        for low in &LOW_ORDER {
            // One comparison of all differences: `ct_eq` of arrays makes one for each byte.
            let difference = bytes.iter().zip(low).fold(0_u8, |all, (byte, low)| all | (byte ^ low));
            bad |= difference.ct_eq(&0);
        }
        if bad.into() { Err(Rejected) } else { Ok(Self(*bytes)) }
    }
}

/// Whether the little-endian number is below p = 2^255 - 19.
fn is_canonical(bytes: &[u8; 32]) -> Choice {
    // A number of 255 bits reaches p exactly if adding 19 carries into bit 255.
    let mut carry = 19_u16;
    for byte in &bytes[..31] {
        carry = (u16::from(*byte) + carry) >> 8;
    }
    let top = u16::from(bytes[31]) + carry;
    (top & 0x180).ct_eq(&0)
}

/// The result of a Diffie-Hellman.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SharedSecret([u8; 32]);

impl SharedSecret {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// An X25519 key pair, parsed once.
pub(crate) struct KeyPair {
    // Freed by AWS-LC, which erases what it frees.
    private: PrivateKey,
    public: [u8; 32],
}

impl KeyPair {
    /// Parses a private key; any 32 bytes are one.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let private = PrivateKey::from_private_key(&X25519, bytes).map_err(|_| Error::Primitive)?;
        let computed = private.compute_public_key().map_err(|_| Error::Primitive)?;
        let public = computed.as_ref().try_into().map_err(|_| Error::Primitive)?;
        Ok(Self { private, public })
    }

    /// Draws 32 bytes for a new key pair.
    pub(crate) fn generate(rng: &mut dyn rand_core::CryptoRng) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut bytes[..]);
        Self::from_bytes(&bytes)
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// `DH(own, point)`; an all-zero result is refused.
    pub(crate) fn agree(&self, point: &Point) -> Result<SharedSecret, Rejected> {
        agree(&self.private, UnparsedPublicKey::new(&X25519, &point.0), Rejected, |secret| {
            let mut shared = SharedSecret([0; 32]);
            if secret.len() != shared.0.len() {
                return Err(Rejected);
            }
            shared.0.copy_from_slice(secret);
            if bool::from(shared.0.ct_eq(&[0; 32])) { Err(Rejected) } else { Ok(shared) }
        })
    }
}

#[cfg(test)]
mod tests;
