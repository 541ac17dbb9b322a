//! The directory: what members have signed, their cards, what they are called, when they were last here.

use membership::{IdentityKey, Petname, UnixSeconds};
use zeroize::Zeroizing;

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::{Items, Snapshot};
use super::table::Table;
use super::value::{Fields, key, number, opaque, opaque_entry, value};

impl Batch {
    /// Keeps a signed statement under its digest.
    pub fn put_statement(&mut self, digest: &[u8; 32], statement: &[u8]) -> &mut Self {
        self.put(Table::Statements, digest, &value(&[statement]))
    }

    /// Forgets a statement.
    pub fn remove_statement(&mut self, digest: &[u8; 32]) -> &mut Self {
        self.remove(Table::Statements, digest)
    }

    /// Keeps the card that a member's was handed over as.
    pub fn put_card(&mut self, identity: &IdentityKey, card: &[u8]) -> &mut Self {
        self.put(Table::Cards, identity.as_bytes(), &value(&[card]))
    }

    /// Forgets the card of a member.
    pub fn remove_card(&mut self, identity: &IdentityKey) -> &mut Self {
        self.remove(Table::Cards, identity.as_bytes())
    }

    /// Keeps what a member is called here.
    pub fn put_name(&mut self, identity: &IdentityKey, name: &Petname) -> &mut Self {
        self.put(Table::Names, identity.as_bytes(), &value(&[name.as_str().as_bytes()]))
    }

    /// Forgets what a member is called.
    pub fn remove_name(&mut self, identity: &IdentityKey) -> &mut Self {
        self.remove(Table::Names, identity.as_bytes())
    }

    /// Keeps when a member was last here.
    pub fn put_seen(&mut self, identity: &IdentityKey, at: UnixSeconds) -> &mut Self {
        self.put(Table::Seen, identity.as_bytes(), &value(&[&at.seconds().to_be_bytes()]))
    }

    /// Forgets when a member was last here.
    pub fn remove_seen(&mut self, identity: &IdentityKey) -> &mut Self {
        self.remove(Table::Seen, identity.as_bytes())
    }
}

impl Snapshot {
    /// A statement by its digest.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreError::Unreadable`].
    pub fn statement(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.get(Table::Statements, digest)?;
        found.map(|found| opaque(Table::Statements, &found).map(plain)).transpose()
    }

    /// All statements, by digest.
    ///
    /// # Errors
    /// As [`statement`](Self::statement), here and in each item.
    pub fn statements(&self) -> Result<Items<[u8; 32], Vec<u8>>, StoreError> {
        self.items(Table::Statements, &[], |entry| {
            let (digest, statement) = opaque_entry(Table::Statements, entry)?;
            Ok((digest, plain(statement)))
        })
    }

    /// The card of a member. It holds a door: a secret.
    ///
    /// # Errors
    /// As [`statement`](Self::statement).
    pub fn card(&self, identity: &IdentityKey) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let found = self.get(Table::Cards, identity.as_bytes())?;
        found.map(|found| opaque(Table::Cards, &found)).transpose()
    }

    /// All cards, by identity.
    ///
    /// # Errors
    /// As [`statements`](Self::statements).
    pub fn cards(&self) -> Result<Items<IdentityKey, Zeroizing<Vec<u8>>>, StoreError> {
        self.items(Table::Cards, &[], |entry| {
            let (identity, card) = opaque_entry(Table::Cards, entry)?;
            Ok((IdentityKey(identity), card))
        })
    }

    /// What a member is called.
    ///
    /// # Errors
    /// As [`statement`](Self::statement).
    pub fn name(&self, identity: &IdentityKey) -> Result<Option<Petname>, StoreError> {
        self.get(Table::Names, identity.as_bytes())?.map(|found| petname(&found)).transpose()
    }

    /// What members are called, by identity.
    ///
    /// # Errors
    /// As [`statements`](Self::statements).
    pub fn names(&self) -> Result<Items<IdentityKey, Petname>, StoreError> {
        self.items(Table::Names, &[], |(identity, name)| {
            Ok((IdentityKey(key(Table::Names, &identity)?), petname(&name)?))
        })
    }

    /// When a member was last here.
    ///
    /// # Errors
    /// As [`statement`](Self::statement).
    pub fn seen(&self, identity: &IdentityKey) -> Result<Option<UnixSeconds>, StoreError> {
        self.get(Table::Seen, identity.as_bytes())?.map(|found| date(&found)).transpose()
    }

    /// When members were last here, by identity.
    ///
    /// # Errors
    /// As [`statements`](Self::statements).
    pub fn all_seen(&self) -> Result<Items<IdentityKey, UnixSeconds>, StoreError> {
        self.items(Table::Seen, &[], |(identity, at)| {
            Ok((IdentityKey(key(Table::Seen, &identity)?), date(&at)?))
        })
    }
}

/// What is no secret.
fn plain(mut bytes: Zeroizing<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *bytes)
}

fn petname(found: &[u8]) -> Result<Petname, StoreError> {
    let fields = Fields::of(Table::Names, found)?;
    let unreadable = fields.unreadable();
    let text = String::from_utf8(fields.rest().to_vec()).ok();
    text.and_then(|text| Petname::new(text).ok()).ok_or(unreadable)
}

fn date(found: &[u8]) -> Result<UnixSeconds, StoreError> {
    let seconds = number(Table::Seen, found)?;
    UnixSeconds::new(seconds).map_err(|_| StoreError::Unreadable { table: Table::Seen })
}
