//! Who a node is.

use membership::{DeviceKey, IdentityKey, Record, StaticKey};

use crate::error::DeviceMismatch;

/// The key of this machine, with the record by which its identity vouches for it.
///
/// The identity's own secret is not needed to run a node, only to sign the next record.
#[derive(Debug)]
pub struct Device {
    pub(crate) key: DeviceKey,
    pub(crate) record: Record,
}

impl Device {
    /// Puts the two together.
    ///
    /// # Errors
    /// [`DeviceMismatch`] if the record is about another key.
    pub fn new(key: DeviceKey, record: Record) -> Result<Self, DeviceMismatch> {
        if record.static_key() == key.key() { Ok(Self { key, record }) } else { Err(DeviceMismatch) }
    }

    /// The identity whose device this is.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.record.identity()
    }

    /// The device's public key.
    #[must_use]
    pub fn static_key(&self) -> StaticKey {
        self.key.key()
    }
}
