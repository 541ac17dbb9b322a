//! Where a node may be found.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest address.
pub const MAX_ADDRESS_BYTES: usize = 128;

/// Where a node listens, such as `203.0.113.7:4433` or `[2001:db8::7]:4433` or `home.example:4433`. Visible ASCII;
/// what it means is for the node to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetAddress(String);

impl NetAddress {
    /// Takes an address.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`].
    pub fn new(address: impl Into<String>) -> Result<Self, Error> {
        let address = address.into();
        if address.len() > MAX_ADDRESS_BYTES {
            return Err(Error::TooLarge { what: "bytes of an address", limit: MAX_ADDRESS_BYTES });
        }
        let visible = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_graphic());
        if visible { Ok(Self(address)) } else { Err(Error::Malformed { what: "an address" }) }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NetAddress {
    type Err = Error;

    fn from_str(address: &str) -> Result<Self, Error> {
        Self::new(address)
    }
}

impl TryFrom<String> for NetAddress {
    type Error = Error;

    fn try_from(address: String) -> Result<Self, Error> {
        Self::new(address)
    }
}

impl From<NetAddress> for String {
    fn from(address: NetAddress) -> Self {
        address.0
    }
}

impl fmt::Display for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
