//! The key of one machine.

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{Error, StaticKey, StaticSecret, hex};

/// Bytes of the file that keeps a device's key.
pub const DEVICE_FILE_BYTES: usize = 82;

const FILE_VERSION: u8 = 1;
const FILE_KIND: u8 = b'D';

/// Names a device among those of its identity. Random, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub [u8; 16]);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({self})")
    }
}

/// The X25519 key pair of one machine. It is never copied to another and never restored: a machine that lost its key
/// makes a new one.
#[derive(Debug)]
pub struct DeviceKey {
    id: DeviceId,
    secret: StaticSecret,
}

impl DeviceKey {
    /// Draws a new one, with an id of its own.
    ///
    /// # Errors
    /// [`Error::Primitive`] if the library cannot hold the key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let secret = StaticSecret::generate(rng).map_err(|_| Error::Primitive)?;
        Ok(Self { id: DeviceId(id), secret })
    }

    /// Which device this is.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> StaticKey {
        self.secret.public()
    }

    /// The secret, for the handshake.
    #[must_use]
    pub fn secret(&self) -> &StaticSecret {
        &self.secret
    }

    /// The secret for the one file that keeps it: `version 1 | 'D' | device id 16 | secret 32 | public 32`.
    #[must_use]
    pub fn dangerous_file_bytes(&self) -> Zeroizing<[u8; DEVICE_FILE_BYTES]> {
        let mut bytes = Zeroizing::new([0; DEVICE_FILE_BYTES]);
        bytes[0] = FILE_VERSION;
        bytes[1] = FILE_KIND;
        bytes[2..18].copy_from_slice(&self.id.0);
        bytes[18..50].copy_from_slice(self.secret.dangerous_bytes());
        bytes[50..].copy_from_slice(&self.key().0);
        bytes
    }

    /// Reads what [`dangerous_file_bytes`](Self::dangerous_file_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::Version`], or [`Error::Malformed`] also when the two keys do not belong together.
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = Error::Malformed { what: "a device key file" };
        let [version, rest @ ..] = bytes else { return Err(malformed) };
        if *version != FILE_VERSION {
            return Err(Error::Version { found: *version });
        }
        let [FILE_KIND, rest @ ..] = rest else { return Err(malformed) };
        let Some((id, keys)) = rest.split_first_chunk::<16>() else { return Err(malformed) };
        let Some((secret, public)) = keys.split_first_chunk::<32>() else { return Err(malformed) };
        let secret = StaticSecret::from_bytes(secret).map_err(|_| Error::Primitive)?;
        if secret.public().0 == public { Ok(Self { id: DeviceId(*id), secret }) } else { Err(malformed) }
    }
}
