//! The side that receives: a task for each file, which alone has the unfinished file in its hands.

mod arriving;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arriving::{Arriving, Command};
use membership::IdentityKey;
use node::Node;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::super::event::{Direction, Event, FileLine};
use super::super::failure::Failure;
use super::super::home::SharedRoster;
use super::exchange::Voice;
use super::limit::{Account, ReceiveLimits};
use super::message::{FILES_VERSION, MAX_OFFERED_NAME_BYTES, Refusal, Talk, TransferId, Word};
use super::name;
use super::partial::{self, PartialName};

/// Finished files whose last word may have been lost: the same transfer is told again that it is stored.
const RECENT_FILES: usize = 256;
/// Commands to one transfer under way.
const QUEUE_COMMANDS: usize = 8;
/// How long transfers may take to put their files to rest when the node stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const STOP_POLL: Duration = Duration::from_millis(20);

/// The folder that files of members come into, and everything about those that are arriving.
pub(crate) struct Reception {
    folder: PathBuf,
    limits: ReceiveLimits,
    roster: SharedRoster,
    events: mpsc::Sender<Event>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    account: Account,
    arriving: HashMap<(IdentityKey, TransferId), Entry>,
    recent: VecDeque<((IdentityKey, TransferId), String)>,
    stopping: bool,
}

struct Entry {
    partial: PartialName,
    commands: mpsc::Sender<Command>,
}

impl Reception {
    /// Opens the folder, makes it if need be, and takes stock of what earlier runs left unfinished.
    pub(crate) fn open(
        folder: &Path,
        limits: ReceiveLimits,
        roster: SharedRoster,
        events: mpsc::Sender<Event>,
    ) -> Result<Arc<Reception>, Failure> {
        let failed = |error: io::Error| Failure::io("receiving into", folder, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let folder = std::path::absolute(folder).map_err(failed)?;
        let mut state = State::default();
        for (name, bytes) in partial::scan(&folder, SystemTime::now()).map_err(failed)? {
            state.account.found(name, bytes);
        }
        // Better to hear now than at the first file that nothing can be written there.
        tempfile::NamedTempFile::with_prefix_in(".conclave-", &folder).map_err(failed)?;
        Ok(Arc::new(Reception { folder, limits, roster, events, state: Mutex::new(state) }))
    }

    /// Where files go.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A member says something about a transfer of theirs; returns what is to be answered at once.
    pub(super) fn heard(self: &Arc<Self>, node: &Node, from: IdentityKey, talk: &Talk) -> Option<Word> {
        let key = (from, talk.transfer);
        let command = match &talk.word {
            Word::Offer { name, bytes } => return self.offered(node, key, talk, name, *bytes).err(),
            Word::Cancel => Command::Cancel,
            Word::Working => Command::Working,
            _ => return None,
        };
        if let Some(entry) = self.state().arriving.get(&key) {
            // A full queue is not that of an honest peer: what does not fit is lost to it alone.
            let _ = entry.commands.try_send(command);
        }
        None
    }

    /// Begins to receive a file, or says what to answer instead.
    fn offered(
        self: &Arc<Self>,
        node: &Node,
        key: (IdentityKey, TransferId),
        talk: &Talk,
        offered_name: &str,
        bytes: u64,
    ) -> Result<(), Word> {
        let refuse = |reason| Word::Refuse { reason };
        if talk.version != FILES_VERSION || offered_name.len() > MAX_OFFERED_NAME_BYTES {
            return Err(refuse(Refusal::Version));
        }
        let partial = PartialName::new(key.0.as_bytes(), offered_name, bytes);
        let mut state = self.state();
        if let Some((_, name)) = state.recent.iter().find(|(recent, _)| *recent == key) {
            return Err(Word::Stored { name: name.clone() });
        }
        if state.stopping {
            return Err(refuse(Refusal::Stopping));
        }
        match state.arriving.get(&key) {
            Some(entry) if entry.partial == partial => {
                let _ = entry.commands.try_send(Command::OfferedAgain);
                return Ok(());
            }
            // One transfer is one file.
            Some(_) => return Err(refuse(Refusal::OutOfStep)),
            None => {}
        }
        let there = state.account.bytes_of(partial);
        if partial::free_bytes(&self.folder).is_some_and(|free| bytes.saturating_sub(there) > free) {
            return Err(refuse(Refusal::DiskFull));
        }
        state.account.admit(partial, bytes, &self.limits).map_err(refuse)?;
        self.make_way(&mut state, partial);
        let Ok(voice) = Voice::new(node, key.0, key.1) else { return Ok(()) };
        let (commands, orders) = mpsc::channel(QUEUE_COMMANDS);
        state.arriving.insert(key, Entry { partial, commands });
        let file = FileLine {
            direction: Direction::Receiving,
            member: self.roster.name_of(&key.0),
            name: name::harmless(offered_name),
            bytes,
        };
        let arriving = Arriving::new(Arc::clone(self), key, partial, file, voice);
        tokio::spawn(arriving.run(node.clone(), orders));
        Ok(())
    }

    /// Ends an older transfer of the same file, and removes the oldest unfinished file of a member who has too many.
    fn make_way(&self, state: &mut State, partial: PartialName) {
        for entry in state.arriving.values().filter(|entry| entry.partial == partial) {
            let _ = entry.commands.try_send(Command::Superseded);
        }
        while let Some(surplus) = state.account.surplus(partial.member) {
            if let Err(error) = partial::remove(&self.folder, surplus) {
                tracing::warn!(%error, "an unfinished file cannot be removed");
            }
            state.account.rests(surplus, 0);
        }
    }

    /// Stops every transfer, tells the senders, and waits until the files rest.
    pub(super) async fn stop(&self) {
        {
            let mut state = self.state();
            state.stopping = true;
            for entry in state.arriving.values() {
                let _ = entry.commands.try_send(Command::Stop);
            }
        }
        let resting = async {
            while !self.state().arriving.is_empty() {
                sleep(STOP_POLL).await;
            }
        };
        let _ = timeout(STOP_TIMEOUT, resting).await;
    }

    /// Tells something; a watcher who does not keep up misses it rather than holding up a file.
    fn tell(&self, event: Event) {
        if let Err(error) = self.events.try_send(event) {
            tracing::info!(event = %error.into_inner().text(), "nobody watches");
        }
    }

    /// A transfer is over: its file is stored under a name, or rests with that many bytes.
    fn over(&self, key: (IdentityKey, TransferId), partial: PartialName, end: &arriving::End) {
        let mut state = self.state();
        state.arriving.remove(&key);
        match end {
            arriving::End::Stored { name, .. } => {
                state.account.finished(partial);
                if state.recent.len() >= RECENT_FILES {
                    state.recent.pop_front();
                }
                state.recent.push_back((key, name.clone()));
            }
            // The newer transfer has the file now.
            arriving::End::Stopped { reason: Some(Refusal::Superseded), .. } => {}
            arriving::End::Stopped { there, .. } => state.account.rests(partial, *there),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
