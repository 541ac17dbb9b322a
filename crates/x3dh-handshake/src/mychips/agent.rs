//! Agents: Ed25519 keys, and the X25519 keys that they are in Montgomery form (PROTOCOL §14.1).

use aws_lc_rs::digest::{SHA512, digest};
use curve25519_dalek::{EdwardsPoint, edwards::CompressedEdwardsY, traits::IsIdentity};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    keys::{IdentityKey, StaticKey, StaticSecret},
};

/// The key pair of an agent: an Ed25519 key that is used as an X25519 key. Clones share it.
///
/// It should be a key of its own and not that of an identity, which signs and does nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSecret {
    id: IdentityKey,
    secret: StaticSecret,
}

impl AgentSecret {
    /// The agent of an Ed25519 seed.
    ///
    /// # Errors
    /// [`Error::Primitive`] if the library cannot hold the key.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let hashed = digest(&SHA512, seed);
        let mut scalar = Zeroizing::new([0; 32]);
        scalar.copy_from_slice(hashed.as_ref().first_chunk::<32>().ok_or(Error::Primitive)?);
        // The scalar of RFC 8032 is clamped as that of RFC 7748 is.
        let id = IdentityKey(EdwardsPoint::mul_base_clamped(*scalar).compress().to_bytes());
        Ok(Self { id, secret: StaticSecret::from_bytes(&scalar)? })
    }

    /// The agent's id.
    #[must_use]
    pub fn id(&self) -> IdentityKey {
        self.id
    }

    /// The agent's X25519 key.
    #[must_use]
    pub fn static_key(&self) -> StaticKey {
        self.secret.public()
    }

    pub(super) fn secret(&self) -> &StaticSecret {
        &self.secret
    }
}

/// `u = (1 + y) / (1 - y)`: the X25519 key of an agent.
///
/// # Errors
/// [`Error::UnusableAgentId`] unless the id is the canonical encoding of a point of the prime-order subgroup, and not of
/// its zero.
pub fn static_key_of(agent: &IdentityKey) -> Result<StaticKey, Error> {
    let point = CompressedEdwardsY(agent.0).decompress().ok_or(Error::UnusableAgentId)?;
    let usable = point.compress().to_bytes() == agent.0 && point.is_torsion_free() && !point.is_identity();
    let key = StaticKey(point.to_montgomery().to_bytes());
    if usable && key.is_usable() { Ok(key) } else { Err(Error::UnusableAgentId) }
}
