//! Tickets, as those who issue them lay them out.

use zeroize::Zeroizing;

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::{Items, Snapshot};
use super::table::Table;
use super::value::{opaque, opaque_entry, value};

impl Batch {
    /// Keeps a ticket under its id, in place of what was there.
    pub fn put_ticket(&mut self, id: &[u8; 16], ticket: &[u8]) -> &mut Self {
        self.put(Table::Tickets, id, &value(&[ticket]))
    }

    /// Forgets a ticket.
    pub fn remove_ticket(&mut self, id: &[u8; 16]) -> &mut Self {
        self.remove(Table::Tickets, id)
    }

    /// Has the batch fail with [`StoreError::Conflict`] unless the ticket is still as it was read, or still missing.
    pub fn expect_ticket(&mut self, id: &[u8; 16], ticket: Option<&[u8]>) -> &mut Self {
        let ticket = ticket.map(|ticket| value(&[ticket]));
        self.expect(Table::Tickets, id, ticket.as_ref().map(|ticket| ticket.as_slice()))
    }
}

impl Snapshot {
    /// A ticket by its id. It holds a secret.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreError::Unreadable`].
    pub fn ticket(&self, id: &[u8; 16]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let found = self.get(Table::Tickets, id)?;
        found.map(|found| opaque(Table::Tickets, &found)).transpose()
    }

    /// All tickets, by id.
    ///
    /// # Errors
    /// As [`ticket`](Self::ticket), here and in each item.
    pub fn tickets(&self) -> Result<Items<[u8; 16], Zeroizing<Vec<u8>>>, StoreError> {
        self.items(Table::Tickets, &[], |entry| opaque_entry(Table::Tickets, entry))
    }
}
