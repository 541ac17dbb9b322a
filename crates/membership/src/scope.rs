//! What a voucher grants.

use core::{fmt, str::FromStr};
use std::collections::BTreeSet;

use crate::Error;
use crate::reader::Reader;

/// The longest name of a service.
pub const MAX_SERVICE_NAME_BYTES: usize = 64;
/// Services that one voucher or announcement names.
pub const MAX_NAMED_SERVICES: usize = 16;

/// Stands in place of a number of services: all of them.
const ALL_SERVICES: u8 = u8::MAX;

/// The name of a service: 1 to 64 bytes of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

impl ServiceName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`].
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        if name.len() > MAX_SERVICE_NAME_BYTES {
            return Err(Error::TooLarge { what: "bytes of a service's name", limit: MAX_SERVICE_NAME_BYTES });
        }
        let visible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if visible { Ok(Self(name)) } else { Err(Error::Malformed { what: "the name of a service" }) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::new(name)
    }
}

impl core::borrow::Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a member is to whoever vouches for it: it decides how large its messages may be
/// ([`SizeClasses`](crate::SizeClasses)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// Asks more than it is asked.
    Client,
    /// An equal.
    Peer,
}

/// Which services a voucher opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Services {
    /// Whatever is offered to members.
    All,
    /// These only.
    Only(BTreeSet<ServiceName>),
}

impl Services {
    /// Whether the service is among them.
    #[must_use]
    pub fn contain(&self, service: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(service),
        }
    }
}

/// What a voucher grants, within what its issuer has been granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What the member is to others.
    pub relation: Relation,
    /// What it may use.
    pub services: Services,
}

impl Default for Scope {
    fn default() -> Self {
        Self { relation: Relation::Peer, services: Services::All }
    }
}

impl Scope {
    /// What both grant: nobody hands on more than they have.
    #[must_use]
    pub fn within(&self, granted: &Self) -> Self {
        let services = match (&self.services, &granted.services) {
            (Services::All, other) | (other, Services::All) => other.clone(),
            (Services::Only(ours), Services::Only(theirs)) => Services::Only(ours & theirs),
        };
        Self { relation: self.relation.min(granted.relation), services }
    }

    /// `relation u8 | n u8 | n (length u8 | name)`, names ascending; `n = 255`: all services.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`MAX_NAMED_SERVICES`].
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        bytes.push(match self.relation {
            Relation::Client => 0,
            Relation::Peer => 1,
        });
        match &self.services {
            Services::All => bytes.push(ALL_SERVICES),
            Services::Only(names) => encode_names(names, bytes)?,
        }
        Ok(())
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let relation = match reader.byte()? {
            0 => Relation::Client,
            1 => Relation::Peer,
            _ => return Err(reader.malformed()),
        };
        let services = match reader.byte()? {
            ALL_SERVICES => Services::All,
            count => Services::Only(decode_names(count, reader)?),
        };
        Ok(Self { relation, services })
    }
}

/// `n u8 | n (length u8 | name)`
pub(crate) fn encode_names(names: &BTreeSet<ServiceName>, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let too_many = Error::TooLarge { what: "named services", limit: MAX_NAMED_SERVICES };
    if names.len() > MAX_NAMED_SERVICES {
        return Err(too_many);
    }
    bytes.push(u8::try_from(names.len()).map_err(|_| too_many.clone())?);
    for name in names {
        bytes.push(u8::try_from(name.as_str().len()).map_err(|_| too_many.clone())?);
        bytes.extend_from_slice(name.as_str().as_bytes());
    }
    Ok(())
}

/// Names in strictly ascending order, so that a set has one form.
pub(crate) fn decode_names(count: u8, reader: &mut Reader<'_>) -> Result<BTreeSet<ServiceName>, Error> {
    if usize::from(count) > MAX_NAMED_SERVICES {
        return Err(Error::TooLarge { what: "named services", limit: MAX_NAMED_SERVICES });
    }
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let name = ServiceName::new(reader.text(MAX_SERVICE_NAME_BYTES)?)?;
        if names.last().is_some_and(|last| *last >= name) {
            return Err(reader.malformed());
        }
        names.insert(name);
    }
    Ok(names)
}
