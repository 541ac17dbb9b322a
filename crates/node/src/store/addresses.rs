//! Where devices were found: the machine's database.

use membership::{NetAddress, StaticKey};

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::{Items, Snapshot};
use super::table::Table;
use super::value::{Fields, key, text, value};

/// Addresses kept of one device: further ones are left out.
pub const MAX_KEPT_ADDRESSES: usize = 16;

impl Batch {
    /// Keeps where a device was found, best first, in place of what was known.
    pub fn put_addresses(&mut self, device: &StaticKey, addresses: &[NetAddress]) -> &mut Self {
        let addresses = addresses.iter().take(MAX_KEPT_ADDRESSES);
        let bytes: Vec<u8> = addresses.flat_map(|address| text(address.as_str(), usize::MAX)).collect();
        self.put(Table::Addresses, device.as_bytes(), &value(&[&bytes]))
    }

    /// Forgets where a device was found.
    pub fn remove_addresses(&mut self, device: &StaticKey) -> &mut Self {
        self.remove(Table::Addresses, device.as_bytes())
    }
}

impl Snapshot {
    /// Where a device was found, best first.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreError::Unreadable`].
    pub fn addresses(&self, device: &StaticKey) -> Result<Vec<NetAddress>, StoreError> {
        self.get(Table::Addresses, device.as_bytes())?.map_or(Ok(Vec::new()), |found| read(&found))
    }

    /// Where devices were found, by static key.
    ///
    /// # Errors
    /// As [`addresses`](Self::addresses), here and in each item.
    pub fn all_addresses(&self) -> Result<Items<StaticKey, Vec<NetAddress>>, StoreError> {
        self.items(Table::Addresses, &[], |(device, addresses)| {
            Ok((StaticKey(key(Table::Addresses, &device)?), read(&addresses)?))
        })
    }
}

fn read(found: &[u8]) -> Result<Vec<NetAddress>, StoreError> {
    let mut fields = Fields::of(Table::Addresses, found)?;
    let mut addresses = Vec::new();
    while !fields.is_at_end() {
        let address = NetAddress::new(fields.text()?);
        addresses.push(address.map_err(|_| fields.unreadable())?);
    }
    Ok(addresses)
}
