//! The key of a person or a site.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{Error, IdentityKey, MemberId};

/// Bytes of the file that keeps an identity.
pub const IDENTITY_FILE_BYTES: usize = 66;

const FILE_VERSION: u8 = 1;
const FILE_KIND: u8 = b'I';

/// An Ed25519 key pair that signs and does nothing else: a person or a site. Erased when dropped.
pub struct Identity(SigningKey);

impl Identity {
    /// Draws a new one.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut secret[..]);
        Self(SigningKey::from_bytes(&secret))
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> IdentityKey {
        IdentityKey(self.0.verifying_key().to_bytes())
    }

    /// The id under which others list this identity.
    #[must_use]
    pub fn member_id(&self) -> MemberId {
        MemberId::of(&self.key())
    }

    /// The secret for the one file that keeps it: `version 1 | 'I' | secret 32 | public 32`.
    #[must_use]
    pub fn dangerous_file_bytes(&self) -> Zeroizing<[u8; IDENTITY_FILE_BYTES]> {
        let mut bytes = Zeroizing::new([0; IDENTITY_FILE_BYTES]);
        bytes[0] = FILE_VERSION;
        bytes[1] = FILE_KIND;
        bytes[2..34].copy_from_slice(self.0.as_bytes());
        bytes[34..].copy_from_slice(&self.key().0);
        bytes
    }

    /// Reads what [`dangerous_file_bytes`](Self::dangerous_file_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::Version`], or [`Error::Malformed`] also when the two keys do not belong together.
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = Error::Malformed { what: "an identity file" };
        let [version, rest @ ..] = bytes else { return Err(malformed) };
        if *version != FILE_VERSION {
            return Err(Error::Version { found: *version });
        }
        let [FILE_KIND, keys @ ..] = rest else { return Err(malformed) };
        let Some((secret, public)) = keys.split_first_chunk::<32>() else { return Err(malformed) };
        let identity = Self(SigningKey::from_bytes(secret));
        if identity.key().0 == public { Ok(identity) } else { Err(malformed) }
    }

    pub(crate) fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    pub(crate) fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.as_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Whether `signature` is one of `key` over `message`: with the cofactorless equation, and with keys and points in
/// their one canonical form and not of small order.
pub(crate) fn verify(key: &IdentityKey, message: &[u8], signature: &[u8; 64]) -> Result<(), Error> {
    let verifying = canonical(key)?;
    verifying.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| Error::Signature)
}

/// Whether signatures by this key can hold at all.
pub(crate) fn check_key(key: &IdentityKey) -> Result<(), Error> {
    if canonical(key)?.is_weak() { Err(Error::Signature) } else { Ok(()) }
}

fn canonical(key: &IdentityKey) -> Result<VerifyingKey, Error> {
    let verifying = VerifyingKey::from_bytes(&key.0).map_err(|_| Error::Signature)?;
    if verifying.to_edwards().compress().to_bytes() == key.0 { Ok(verifying) } else { Err(Error::Signature) }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.key()).finish()
    }
}
