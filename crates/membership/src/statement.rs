//! The signed statements that a directory is made of.

use core::fmt;

use sha3::{Digest, Sha3_256};

use crate::reader::Reader;
use crate::{Announcement, Error, IdentityKey, Revocation, Voucher, signed::message};

/// The longest statement.
pub const MAX_STATEMENT_BYTES: usize = 4_096;

/// A signed statement of one member: about itself, for another, or against one. Verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// How to reach the member that says it.
    Announcement(Announcement),
    /// Let them in.
    Voucher(Voucher),
    /// Keep them out.
    Revocation(Revocation),
}

/// Names a statement by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementId(pub [u8; 32]);

impl Statement {
    /// Who says it.
    #[must_use]
    pub fn issuer(&self) -> IdentityKey {
        match self {
            Self::Announcement(announcement) => announcement.identity(),
            Self::Voucher(voucher) => voucher.issuer(),
            Self::Revocation(revocation) => revocation.issuer(),
        }
    }

    /// `kind u8 | body | signature 64`
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, rest) = match self {
            Self::Announcement(announcement) => (1, announcement.encode()),
            Self::Voucher(voucher) => (2, voucher.encode()),
            Self::Revocation(revocation) => (3, revocation.encode()),
        };
        let mut bytes = Vec::with_capacity(1 + rest.len());
        bytes.push(kind);
        bytes.extend_from_slice(&rest);
        bytes
    }

    /// Reads a statement and verifies it.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`], [`Error::Signature`] and those of what it holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_STATEMENT_BYTES {
            return Err(Error::TooLarge { what: "bytes of a statement", limit: MAX_STATEMENT_BYTES });
        }
        let mut reader = Reader::new(bytes, "a statement");
        let statement = match reader.byte()? {
            1 => Self::Announcement(Announcement::decode(&mut reader)?),
            2 => Self::Voucher(Voucher::decode(&mut reader)?),
            3 => Self::Revocation(Revocation::decode(&mut reader)?),
            _ => return Err(reader.malformed()),
        };
        reader.finish()?;
        Ok(statement)
    }

    /// `H(enc("Conclave1 statement") | bytes)`
    #[must_use]
    pub fn id(&self) -> StatementId {
        StatementId(Sha3_256::digest(message("Conclave1 statement", &self.to_bytes())).into())
    }
}

impl fmt::Debug for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatementId({})", crate::hex::encode(&self.0[..8]))
    }
}
