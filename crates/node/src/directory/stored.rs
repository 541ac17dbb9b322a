//! The directory in the embedded store.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use membership::{Card, Directory, IdentityKey, Statement, StatementId, TicketId, TicketTerms};

use super::{Keep, Kept};
use crate::store::{Batch, Store, StoreError};
use crate::sync::lock;

#[cfg(test)]
mod tests;

/// What is in the store cannot be what a node has written.
fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Kept {
    /// What a store keeps for the node of this identity; nothing, if it is new.
    ///
    /// # Errors
    /// Those of the store; `InvalidData` when a statement, card or ticket in it does not verify.
    pub fn load(store: &Store, own: &IdentityKey) -> io::Result<Self> {
        let snapshot = store.snapshot();
        let read = |error: StoreError| io::Error::other(error);
        let mut directory = Directory::new();
        for item in snapshot.statements().map_err(read)? {
            let (_, bytes) = item.map_err(read)?;
            let statement = Statement::from_bytes(&bytes).map_err(damaged)?;
            // What was in bounds when it was taken in is so now, whatever came first then.
            directory.restore(statement).map_err(damaged)?;
        }
        for item in snapshot.cards().map_err(read)? {
            let (_, bytes) = item.map_err(read)?;
            let text = std::str::from_utf8(&bytes).map_err(damaged)?;
            directory.add_card(text.parse::<Card>().map_err(damaged)?);
        }
        let mut tickets = BTreeMap::new();
        for item in snapshot.tickets().map_err(read)? {
            let (id, bytes) = item.map_err(read)?;
            tickets.insert(TicketId(id), TicketTerms::from_bytes(&bytes).map_err(damaged)?);
        }
        let doors = snapshot.doors().map_err(read)?;
        Ok(Self {
            directory: Arc::new(directory),
            names: snapshot.names().map_err(read)?.collect::<Result<_, _>>().map_err(read)?,
            introductions: snapshot.introductions().map_err(read)?.collect::<Result<_, _>>().map_err(read)?,
            tickets,
            horizon: snapshot.seen(own).map_err(read)?.unwrap_or_default(),
            doors,
        })
    }
}

impl Keep {
    /// Keeps the directory of the node of this identity in a store: each change in one transaction, as small as the
    /// change is. `from` is what [`Kept::load`] gave.
    #[must_use]
    pub fn in_store(store: &Store, own: IdentityKey, from: Kept) -> Self {
        let (store, last) = (store.clone(), Mutex::new(from));
        Self::new(move |kept| {
            let mut last = lock(&last);
            let gone = gone(&last.directory, &kept.directory);
            if gone.len() > MAX_REMOVALS {
                // More than one transaction takes, and what was swept is nobody's word that counts: nothing is lost if
                // it is gone and the change itself then fails.
                for names in gone.chunks(MAX_REMOVALS) {
                    let mut batch = Batch::new();
                    for name in names {
                        batch.remove_statement(&name.0);
                    }
                    store.commit_blocking(batch).map_err(io::Error::other)?;
                }
            }
            let gone = if gone.len() > MAX_REMOVALS { Vec::new() } else { gone };
            let batch = difference(&last, kept, &gone, &own)?;
            store.commit_blocking(batch).map_err(io::Error::other)?;
            *last = kept.clone();
            Ok(())
        })
    }
}

/// What has to be written for `new` to stand where `old` does; `gone` are the statements that are to be removed.
fn difference(old: &Kept, new: &Kept, gone: &[StatementId], own: &IdentityKey) -> io::Result<Batch> {
    let mut batch = Batch::new();
    if !Arc::ptr_eq(&old.directory, &new.directory) {
        statements(&old.directory, &new.directory, &mut batch);
        for name in gone {
            batch.remove_statement(&name.0);
        }
        cards(&old.directory, &new.directory, &mut batch)?;
    }
    for (identity, name) in &new.names {
        if old.names.get(identity) != Some(name) {
            batch.put_name(identity, name);
        }
    }
    for identity in old.names.keys().filter(|identity| !new.names.contains_key(*identity)) {
        batch.remove_name(identity);
    }
    for (subject, audience) in new.introductions.difference(&old.introductions) {
        batch.put_introduction(subject, audience);
    }
    for (subject, audience) in old.introductions.difference(&new.introductions) {
        batch.remove_introduction(subject, audience);
    }
    tickets(&old.tickets, &new.tickets, &mut batch)?;
    if old.horizon != new.horizon {
        batch.put_seen(own, new.horizon);
    }
    if let Some(doors) = new.doors.as_ref().filter(|_| old.doors != new.doors) {
        batch.put_doors(doors);
    }
    Ok(batch)
}

/// Statements that are removed with what takes their place. A directory that was full and is swept loses more.
const MAX_REMOVALS: usize = 8_192;

/// What stood in the old directory and does not in the new one.
fn gone(old: &Arc<Directory>, new: &Arc<Directory>) -> Vec<StatementId> {
    if Arc::ptr_eq(old, new) {
        return Vec::new();
    }
    let kept: BTreeSet<_> = new.statements().map(|statement| statement.id()).collect();
    old.statements().map(|statement| statement.id()).filter(|name| !kept.contains(name)).collect()
}

fn statements(old: &Directory, new: &Directory, batch: &mut Batch) {
    let known: BTreeSet<_> = old.statements().map(|statement| statement.id()).collect();
    for statement in new.statements() {
        let id = statement.id();
        if !known.contains(&id) {
            batch.put_statement(&id.0, &statement.to_bytes());
        }
    }
}

fn cards(old: &Directory, new: &Directory, batch: &mut Batch) -> io::Result<()> {
    let mut gone: BTreeMap<_, _> = old.cards().map(|card| (card.identity(), card)).collect();
    for card in new.cards() {
        if gone.remove(&card.identity()) != Some(card) {
            let text = zeroize::Zeroizing::new(card.to_text().map_err(damaged)?);
            batch.put_card(&card.identity(), text.as_bytes());
        }
    }
    for identity in gone.keys() {
        batch.remove_card(identity);
    }
    Ok(())
}

/// A ticket must be in the store as it was: one that was consumed does not come back, whatever went wrong before.
fn tickets(
    old: &BTreeMap<TicketId, TicketTerms>,
    new: &BTreeMap<TicketId, TicketTerms>,
    batch: &mut Batch,
) -> io::Result<()> {
    let bytes = |terms: &TicketTerms| terms.dangerous_bytes().map_err(damaged);
    for (id, terms) in new {
        let before = old.get(id);
        if before != Some(terms) {
            let before = before.map(bytes).transpose()?;
            batch.expect_ticket(&id.0, before.as_ref().map(|bytes| bytes.as_slice()));
            batch.put_ticket(&id.0, &bytes(terms)?);
        }
    }
    for (id, terms) in old.iter().filter(|(id, _)| !new.contains_key(*id)) {
        batch.expect_ticket(&id.0, Some(bytes(terms)?.as_slice()));
        batch.remove_ticket(&id.0);
    }
    Ok(())
}
