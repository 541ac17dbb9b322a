//! What happened, in order: a hash over all of it, how often which, and the last lines.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::world::lock;

/// Lines that are kept for whoever wants to know what came before a failure.
const LAST_LINES: usize = 120;

/// The trace of one run. Clones are the same trace.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Mutex<State>>, Arc<Notify>);

struct State {
    hash: Sha256,
    began: Instant,
    last: VecDeque<String>,
    counts: BTreeMap<String, u64>,
    prints: bool,
}

impl Trace {
    /// Begins now; prints every line, if that is wanted.
    pub(crate) fn new(prints: bool) -> Self {
        let (last, counts) = (VecDeque::new(), BTreeMap::new());
        let state = State { hash: Sha256::new(), began: Instant::now(), last, counts, prints };
        Self(Arc::new(Mutex::new(state)), Arc::default())
    }

    /// Resolves when something has happened since it last did.
    pub(crate) async fn happened(&self) {
        self.1.notified().await;
    }

    /// Something happened.
    pub(crate) fn note(&self, kind: &str, what: impl Display) {
        let mut state = lock(&self.0);
        let mut line = String::new();
        let at = state.began.elapsed().as_micros();
        write!(line, "{at:>12} {kind} {what}").ok();
        state.hash.update(line.as_bytes());
        *state.counts.entry(kind.to_owned()).or_default() += 1;
        if state.prints {
            println!("{line}");
        }
        if state.last.len() == LAST_LINES {
            state.last.pop_front();
        }
        state.last.push_back(line);
        drop(state);
        self.1.notify_one();
    }

    /// Bytes were written.
    pub(crate) fn bytes(&self, kind: &str, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let mut state = lock(&self.0);
        let at = state.began.elapsed().as_micros();
        state.hash.update(at.to_le_bytes());
        state.hash.update(bytes);
        *state.counts.entry(kind.to_owned()).or_default() += 1;
        if state.prints {
            println!(
                "{at:>12} {kind} {from} {to} {} bytes, {:x?}",
                bytes.len(),
                Sha256::digest(bytes).get(..4)
            );
        }
    }

    /// Something happened that shows elsewhere.
    pub(crate) fn count(&self, kind: &str) {
        *lock(&self.0).counts.entry(kind.to_owned()).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        lock(&self.0).counts.clone()
    }

    pub(crate) fn last(&self) -> Vec<String> {
        lock(&self.0).last.iter().cloned().collect()
    }

    /// Virtual time since the beginning, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        lock(&self.0).began.elapsed().as_secs()
    }

    /// Half of the hash over everything so far: enough to tell two runs apart.
    pub(crate) fn hash(&self) -> String {
        let digest = lock(&self.0).hash.clone().finalize();
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}
