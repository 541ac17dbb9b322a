//! What a ticket allows.

use core::fmt;

use zeroize::Zeroizing;

use crate::reader::Reader;
use crate::{Error, Grant, IdentityKey, Psk, Scope, UnixSeconds};

/// Times that one ticket can be used.
pub const MAX_TICKET_USES: u16 = 1_024;

const ENTRY_VERSION: u8 = 1;
const BOUND: u8 = 1;

/// What a ticket allows, as its issuer keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketTerms {
    /// The secret that the handshake proves.
    pub secret: Psk,
    /// The last second in which it opens.
    pub expires: UnixSeconds,
    /// How many may still come in by it.
    pub uses_left: u16,
    /// Whom it is for; anybody, if nobody is named.
    pub bound: Option<IdentityKey>,
    /// Its purpose: what whoever comes in by it is granted.
    pub grant: Grant,
}

impl TicketTerms {
    /// What the store keeps: `version 1 | secret 32 | expiry u64 | uses u16 | flags u8 | if bound: identity 32 |
    /// grant's expiry u64 | depth u8 | scope`. It holds the secret.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a scope that names too many services.
    pub fn dangerous_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(96));
        bytes.push(ENTRY_VERSION);
        bytes.extend_from_slice(self.secret.dangerous_bytes());
        bytes.extend_from_slice(&self.expires.seconds().to_le_bytes());
        bytes.extend_from_slice(&self.uses_left.to_le_bytes());
        bytes.push(if self.bound.is_some() { BOUND } else { 0 });
        if let Some(bound) = &self.bound {
            bytes.extend_from_slice(&bound.0);
        }
        bytes.extend_from_slice(&self.grant.expires.seconds().to_le_bytes());
        bytes.push(self.grant.depth);
        self.grant.scope.encode(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what [`dangerous_bytes`](Self::dangerous_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Malformed`], [`Error::Date`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, "a stored ticket");
        let version = reader.byte()?;
        if version != ENTRY_VERSION {
            return Err(Error::Version { found: version });
        }
        let secret = Psk::from_bytes(reader.array()?);
        let expires = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
        let uses_left = u16::from_le_bytes(reader.array()?);
        let bound = match reader.byte()? {
            0 => None,
            BOUND => Some(IdentityKey(reader.array()?)),
            _ => return Err(reader.malformed()),
        };
        let end = UnixSeconds::new(u64::from_le_bytes(reader.array()?))?;
        let depth = reader.byte()?;
        let grant = Grant { scope: Scope::decode(&mut reader)?, depth, expires: end };
        reader.finish()?;
        let terms = Self { secret, expires, uses_left, bound, grant };
        terms.check()?;
        Ok(terms)
    }

    /// Whether somebody can come in by it, and be granted what it says.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.uses_left == 0 {
            return Err(Error::Malformed { what: "a ticket that can be used" });
        }
        if self.uses_left > MAX_TICKET_USES {
            return Err(Error::TooLarge { what: "uses of a ticket", limit: usize::from(MAX_TICKET_USES) });
        }
        self.grant.check()
    }
}

impl fmt::Debug for TicketTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketTerms")
            .field("expires", &self.expires)
            .field("uses_left", &self.uses_left)
            .field("bound", &self.bound)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
