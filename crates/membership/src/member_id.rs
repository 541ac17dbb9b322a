//! The short name of an identity.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha3::{Digest, Sha3_256};
use uuid::{Uuid, Variant};

use crate::{Error, IdentityKey};

const LABEL: &[u8; 19] = b"Conclave1 member id";

/// A UUID of version 8 made from an identity key: an index, and what people read. Whoever decides something decides
/// it by the full key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId(Uuid);

impl MemberId {
    /// `UUIDv8(SHA3-256(enc("Conclave1 member id") | enc(identity key))[16])`
    #[must_use]
    pub fn of(key: &IdentityKey) -> Self {
        let mut hash = Sha3_256::new();
        hash.update(19_u64.to_le_bytes());
        hash.update(LABEL);
        hash.update(32_u64.to_le_bytes());
        hash.update(key.0);
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The sixteen bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl FromStr for MemberId {
    type Err = Error;

    /// Reads `xxxxxxxx-xxxx-8xxx-Nxxx-xxxxxxxxxxxx`, in digits of either case, and nothing else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = Error::Malformed { what: "a member id" };
        let id = Uuid::try_parse(text).map_err(|_| malformed.clone())?;
        let is_ours = id.get_version_num() == 8 && id.get_variant() == Variant::RFC4122;
        if is_ours && id.to_string().eq_ignore_ascii_case(text) { Ok(Self(id)) } else { Err(malformed) }
    }
}

impl TryFrom<String> for MemberId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<MemberId> for String {
    fn from(id: MemberId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberId({self})")
    }
}
