//! Who was introduced to whom.

use membership::IdentityKey;

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::{Items, Snapshot};
use super::table::Table;
use super::value::{Fields, value};

impl Batch {
    /// Keeps that `subject` was introduced to `audience`.
    pub fn put_introduction(&mut self, subject: &IdentityKey, audience: &IdentityKey) -> &mut Self {
        self.put(Table::Introductions, &pair(subject, audience), &value(&[]))
    }

    /// Forgets that `subject` was introduced to `audience`.
    pub fn remove_introduction(&mut self, subject: &IdentityKey, audience: &IdentityKey) -> &mut Self {
        self.remove(Table::Introductions, &pair(subject, audience))
    }
}

impl Snapshot {
    /// To whom `subject` was introduced.
    ///
    /// # Errors
    /// As [`Snapshot::get`], and [`StoreError::Unreadable`].
    pub fn introductions_of(&self, subject: &IdentityKey) -> Result<Vec<IdentityKey>, StoreError> {
        let pairs = self.items(Table::Introductions, subject.as_bytes(), |(pair, _)| unpair(&pair))?;
        pairs.map(|pair| pair.map(|(_, audience)| audience)).collect()
    }

    /// Who was introduced, and to whom.
    ///
    /// # Errors
    /// As [`introductions_of`](Self::introductions_of), here and in each item.
    pub fn introductions(&self) -> Result<Items<IdentityKey, IdentityKey>, StoreError> {
        self.items(Table::Introductions, &[], |(pair, _)| unpair(&pair))
    }
}

fn pair(subject: &IdentityKey, audience: &IdentityKey) -> Vec<u8> {
    [*subject.as_bytes(), *audience.as_bytes()].concat()
}

fn unpair(key: &[u8]) -> Result<(IdentityKey, IdentityKey), StoreError> {
    let mut fields = Fields::of_key(Table::Introductions, key);
    let pair = (IdentityKey(fields.array()?), IdentityKey(fields.array()?));
    fields.end()?;
    Ok(pair)
}
