//! What waits to be told to each peer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use endpoint::PeerId;
use membership::StatementId;

use crate::sync::lock;

/// What waits for one peer. One that reads slowly hears the rest when it next connects.
const MAX_WAITING: usize = 256;

/// What is to be told; the statements themselves are looked up when its turn has come, so that a peer who asks for
/// everything again and again and reads nothing costs this node names.
#[derive(Debug)]
pub(super) enum Words {
    /// The names of all that there is for it.
    Have,
    /// What of its own is lacking here.
    Want(Vec<StatementId>),
    /// These statements, as far as they are for it.
    Statements(BTreeSet<StatementId>),
}

/// A line for each peer to whom something is being told.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: Mutex<BTreeMap<PeerId, VecDeque<Words>>>,
}

impl Lines {
    /// Puts something at the end of a peer's line. Whether that is a new line: somebody has to begin telling then.
    pub(super) fn push(&self, peer: PeerId, words: Words) -> bool {
        let mut lines = lock(&self.waiting);
        let is_new = !lines.contains_key(&peer);
        let line = lines.entry(peer).or_default();
        if line.len() < MAX_WAITING {
            line.push_back(words);
        } else {
            tracing::warn!(
                ?peer,
                "a member reads its news too slowly: it hears the rest when it next connects"
            );
        }
        is_new
    }

    /// What is to be told next; with the last of it the line is over.
    pub(super) fn next(&self, peer: &PeerId) -> Option<Words> {
        let mut lines = lock(&self.waiting);
        let words = lines.get_mut(peer)?.pop_front();
        if words.is_none() {
            lines.remove(peer);
        }
        words
    }
}

#[cfg(test)]
mod tests;
