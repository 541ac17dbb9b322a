//! The list of members that earlier versions kept: each of them becomes a card and a voucher, once.

use std::fs;
use std::sync::Arc;

use membership::{Card, Directory, Grant, MAX_CARD_DEVICES, Members, Scope, Statement, UnixSeconds, Voucher};
use node::{Kept, STATEMENT_SECONDS};

use super::super::super::failure::{Failure, Kind};
use super::super::{Home, file};

const OLD_LIST: &str = "members.json";
const RETIRED_LIST: &str = "members.json.imported";

/// Introductions that may follow from those who were on the list.
const IMPORTED_DEPTH: u8 = 1;

impl Home {
    /// What follows from the list of an earlier version, if there is one.
    pub(super) fn import(&self, now: UnixSeconds) -> Result<Option<Kept>, Failure> {
        let path = self.path(OLD_LIST);
        let Some(bytes) = file::read(&path)? else { return Ok(None) };
        let bad = |what: String| {
            Failure::new(Kind::LocalIo, format!("{} cannot be taken over: {what}", path.display()))
                .meaning("the list of members of an earlier version is damaged")
                .advice("restore the file from your backup, or move it away and exchange tickets anew")
        };
        let members: Members = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        let identity = self.plain_identity()?;
        let mut directory = Directory::new();
        let mut kept = Kept::default();
        for member in members.iter() {
            // Without a door nobody was reached, and nobody came in: there is nothing to take over.
            let Some(door) = member.door() else { continue };
            let records = member.devices().take(MAX_CARD_DEVICES).cloned().collect();
            let card = Card::new(records, door.clone(), member.addresses().to_vec(), None);
            directory.add_card(card.map_err(|error| bad(error.to_string()))?);
            let expires = now.saturating_add(STATEMENT_SECONDS);
            let grant = Grant { scope: Scope::default(), depth: IMPORTED_DEPTH, expires };
            Voucher::issue(&identity, member.identity(), now.seconds(), grant)
                .and_then(|voucher| directory.merge(Statement::Voucher(voucher)))
                .map_err(|error| bad(error.to_string()))?;
            kept.names.extend(member.petname().map(|name| (member.identity(), name.clone())));
        }
        kept.directory = Arc::new(directory);
        Ok(Some(kept))
    }

    /// Puts the old list aside: it has been taken over.
    pub(super) fn retire_import(&self) -> Result<(), Failure> {
        let path = self.path(OLD_LIST);
        if !path.exists() {
            return Ok(());
        }
        fs::rename(&path, self.path(RETIRED_LIST))
            .and_then(|()| file::sync_folder(self.folder()))
            .map_err(|error| Failure::io("putting aside", &path, &error))
    }
}
