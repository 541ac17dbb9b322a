//! The statement of one member about another: let them in.

use crate::identity::verify;
use crate::reader::Reader;
use crate::{Error, Identity, IdentityKey, Scope, UnixSeconds, signed::message};

const LABEL: &str = "Conclave1 voucher";

/// How far introductions may go on from a member: 0 for one whose own introductions count for nothing.
pub const MAX_DEPTH: u8 = 15;

/// What somebody says about whom they let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What the member may do.
    pub scope: Scope,
    /// How many introductions may follow from the member's own; at most [`MAX_DEPTH`].
    pub depth: u8,
    /// The last second of it.
    pub expires: UnixSeconds,
}

impl Grant {
    /// Whether a voucher can hold it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.depth > MAX_DEPTH {
            return Err(Error::TooLarge { what: "introductions in a row", limit: usize::from(MAX_DEPTH) });
        }
        self.scope.encode(&mut Vec::new())
    }
}

/// A signed grant. A value of this type has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    issuer: IdentityKey,
    subject: IdentityKey,
    version: u64,
    grant: Grant,
    signature: [u8; 64],
}

impl Voucher {
    /// Vouches for `subject`. Of two vouchers of one issuer for one subject the higher version counts: take it from
    /// [`Directory::next_voucher_version`](crate::Directory::next_voucher_version).
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a scope or depth beyond its bound, [`Error::AboutOneself`].
    pub fn issue(
        identity: &Identity,
        subject: IdentityKey,
        version: u64,
        grant: Grant,
    ) -> Result<Self, Error> {
        let mut voucher = Self { issuer: identity.key(), subject, version, grant, signature: [0; 64] };
        let body = voucher.body()?;
        voucher.signature = identity.sign(&message(LABEL, &body));
        Ok(voucher)
    }

    /// Who vouches.
    #[must_use]
    pub fn issuer(&self) -> IdentityKey {
        self.issuer
    }

    /// For whom.
    #[must_use]
    pub fn subject(&self) -> IdentityKey {
        self.subject
    }

    /// Which of the issuer's vouchers for this subject it is.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What it grants.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// `issuer 32 | subject 32 | version u64 | expiry u64 | depth u8 | scope`
    fn body(&self) -> Result<Vec<u8>, Error> {
        if self.issuer == self.subject {
            return Err(Error::AboutOneself);
        }
        self.grant.check()?;
        let mut bytes = Vec::with_capacity(84);
        bytes.extend_from_slice(&self.issuer.0);
        bytes.extend_from_slice(&self.subject.0);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.grant.expires.seconds().to_le_bytes());
        bytes.push(self.grant.depth);
        self.grant.scope.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Body and signature.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // What does not encode cannot be built.
        let mut bytes = self.body().unwrap_or_default();
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let voucher = Self {
            issuer: IdentityKey(reader.array()?),
            subject: IdentityKey(reader.array()?),
            version: u64::from_le_bytes(reader.array()?),
            grant: {
                let expires = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
                let depth = reader.byte()?;
                Grant { scope: Scope::decode(reader)?, depth, expires }
            },
            signature: reader.array()?,
        };
        verify(&voucher.issuer, &message(LABEL, &voucher.body()?), &voucher.signature)?;
        Ok(voucher)
    }

    /// Which of two of one issuer for one subject counts: the same wherever they meet, in whatever order.
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        (self.version, self.encode()) > (other.version, other.encode())
    }
}
