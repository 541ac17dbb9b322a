//! Keys, names and locators as the handshake knows them.

use std::{fmt, sync::Arc};

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    dh::{KeyPair, Point},
    error::{Error, Rejected},
};

/// Bytes of a [`Credential`].
pub const CREDENTIAL_BYTES: usize = 120;

/// Defines a public value of fixed size, shown as hexadecimal.
macro_rules! public {
    ($(#[$doc:meta])* $name:ident, $bytes:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(if $bytes > 8 { "..)" } else { ")" })
            }
        }
    };
}

public! {
    /// An X25519 public key: one device.
    StaticKey, 32
}
public! {
    /// An Ed25519 public key: a person or a site. It only signs; the handshake hashes it and never computes with it.
    IdentityKey, 32
}
public! {
    /// Drawn anew each time a node starts, so that its peers notice.
    BootId, 16
}
public! {
    /// Which ticket a handshake redeems.
    TicketId, 16
}
public! {
    /// What binds a static key to an identity, signed by the identity. Opaque here but for its first 32 bytes, which are
    /// the identity key; whether the signature holds is for `membership` to say.
    Credential, CREDENTIAL_BYTES
}

impl TicketId {
    /// How "no ticket" looks on the wire.
    pub(crate) const NONE: Self = Self([0; 16]);
}

impl Credential {
    /// The identity that the credential claims.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        let mut key = [0; 32];
        key.copy_from_slice(&self.0[..32]);
        IdentityKey(key)
    }
}

/// A locator chosen by whoever receives it: it finds a handshake or a session in a table and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl StaticKey {
    /// Whether this is a point that a handshake can be held with: canonical and not of low order.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        Point::check(&self.0).is_ok()
    }

    pub(crate) fn point(&self) -> Result<Point, Rejected> {
        Point::check(&self.0)
    }
}

/// The secret of a device: an X25519 private key, parsed once. Clones share it.
#[derive(Clone)]
pub struct StaticSecret(Arc<Inner>);

struct Inner {
    pair: KeyPair,
    bytes: Zeroizing<[u8; 32]>,
}

impl StaticSecret {
    /// Takes a private key in; any 32 bytes are one.
    ///
    /// # Errors
    /// [`Error::Primitive`] if the library cannot hold the key.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner { pair: KeyPair::from_bytes(bytes)?, bytes: Zeroizing::new(*bytes) })))
    }

    /// Draws a new private key.
    ///
    /// # Errors
    /// [`Error::Primitive`] if the library cannot hold the key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut bytes[..]);
        Self::from_bytes(&bytes)
    }

    /// The public key of the pair.
    #[must_use]
    pub fn public(&self) -> StaticKey {
        StaticKey(*self.0.pair.public())
    }

    /// The private key itself, for the one file that keeps it.
    #[must_use]
    pub fn dangerous_bytes(&self) -> &[u8; 32] {
        &self.0.bytes
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0.pair
    }
}

impl fmt::Debug for StaticSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StaticSecret").field(&self.public()).finish()
    }
}

impl PartialEq for StaticSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes.ct_eq(&other.0.bytes[..]).into()
    }
}

impl Eq for StaticSecret {}

#[cfg(test)]
mod tests;
