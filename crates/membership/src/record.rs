//! What binds a device to its identity.

use crate::identity::verify;
use crate::{Credential, DeviceId, Error, Identity, IdentityKey, StaticKey, UnixSeconds};

/// Bytes of a record by itself: `identity 32 | static key 32 | device id 16 | expiry u64 | signature 64`.
pub const RECORD_BYTES: usize = 152;

/// Stands in front of what is signed, behind its own length.
const LABEL: &[u8; 16] = b"Conclave1 record";
const SIGNED_BYTES: usize = 8 + 16 + 32 + 32 + 16 + 8;

/// The statement of an identity that a device key is one of its own, until a date. A value of this type has been
/// verified: there is no way to hold one whose signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    identity: IdentityKey,
    static_key: StaticKey,
    device: DeviceId,
    expires: UnixSeconds,
    signature: [u8; 64],
}

impl Record {
    /// Signs a record.
    ///
    /// # Errors
    /// [`Error::UnusableKey`] when no handshake can be held with `static_key`.
    pub fn issue(
        identity: &Identity,
        device: DeviceId,
        static_key: StaticKey,
        expires: UnixSeconds,
    ) -> Result<Self, Error> {
        if !static_key.is_usable() {
            return Err(Error::UnusableKey);
        }
        let message = signed_bytes(&identity.key(), &static_key, device, expires.seconds());
        let signature = identity.sign(&message);
        Ok(Self { identity: identity.key(), static_key, device, expires, signature })
    }

    /// Puts together and verifies what the handshake carries apart.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::UnusableKey`], [`Error::Date`].
    pub fn from_credential(static_key: StaticKey, credential: &Credential) -> Result<Self, Error> {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..32].copy_from_slice(&credential.0[..32]);
        bytes[32..64].copy_from_slice(&static_key.0);
        bytes[64..].copy_from_slice(&credential.0[32..]);
        Self::from_bytes(&bytes)
    }

    /// The record without its static key, as the handshake carries it:
    /// `identity 32 | device id 16 | expiry u64 | signature 64`.
    #[must_use]
    pub fn to_credential(&self) -> Credential {
        let bytes = self.to_bytes();
        let mut credential = [0; 120];
        credential[..32].copy_from_slice(&bytes[..32]);
        credential[32..].copy_from_slice(&bytes[64..]);
        Credential(credential)
    }

    /// Reads and verifies a record.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::UnusableKey`], [`Error::Date`].
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Result<Self, Error> {
        let mut reader = Fields(bytes);
        let identity = IdentityKey(reader.take());
        let static_key = StaticKey(reader.take());
        let device = DeviceId(reader.take());
        let expires = UnixSeconds::new(u64::from_le_bytes(reader.take()))?;
        let signature = reader.take();
        if !static_key.is_usable() {
            return Err(Error::UnusableKey);
        }
        verify(&identity, &signed_bytes(&identity, &static_key, device, expires.seconds()), &signature)?;
        Ok(Self { identity, static_key, device, expires, signature })
    }

    /// The bytes that [`from_bytes`](Self::from_bytes) reads.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..32].copy_from_slice(&self.identity.0);
        bytes[32..64].copy_from_slice(&self.static_key.0);
        bytes[64..80].copy_from_slice(&self.device.0);
        bytes[80..88].copy_from_slice(&self.expires.seconds().to_le_bytes());
        bytes[88..].copy_from_slice(&self.signature);
        bytes
    }

    /// Whose device it is.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.identity
    }

    /// The device's key.
    #[must_use]
    pub fn static_key(&self) -> StaticKey {
        self.static_key
    }

    /// Which of the identity's devices it is.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The last second of its validity.
    #[must_use]
    pub fn expires(&self) -> UnixSeconds {
        self.expires
    }

    /// Whether the record no longer holds.
    #[must_use]
    pub fn is_expired(&self, now: UnixSeconds) -> bool {
        now > self.expires
    }
}

/// `enc("Conclave1 record") | identity | static key | device id | expiry`, where `enc(x)` is the length of `x` as u64,
/// then `x`
fn signed_bytes(
    identity: &IdentityKey,
    static_key: &StaticKey,
    device: DeviceId,
    expires: u64,
) -> [u8; SIGNED_BYTES] {
    let mut message = [0; SIGNED_BYTES];
    message[..8].copy_from_slice(&16_u64.to_le_bytes());
    message[8..24].copy_from_slice(LABEL);
    message[24..56].copy_from_slice(&identity.0);
    message[56..88].copy_from_slice(&static_key.0);
    message[88..104].copy_from_slice(&device.0);
    message[104..].copy_from_slice(&expires.to_le_bytes());
    message
}

/// Fixed fields, one after another. The caller's array is as long as its fields.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        let (head, tail) = self.0.split_at(N);
        field.copy_from_slice(head);
        self.0 = tail;
        field
    }
}
