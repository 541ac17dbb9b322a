//! Keeping what must outlive the process, behind what happens: nothing that happens waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use endpoint::{Cause, Noted, PeerId};
use membership::{IdentityKey, NetAddress, StaticKey};
use tokio::sync::Notify;

use crate::counter::Counter;
use crate::machine::Machine;
use crate::store::{Batch, KeptCause, MAX_KEPT_CAUSES, Store, StoreError};
use crate::sync::lock;

/// Between two writes, however much happens: the second takes what has gathered.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// Before what could not be written is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// For the last write of a node that ends.
const LAST_WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Counters in one batch.
const MAX_BATCH_COUNTERS: usize = 1_024;
/// Devices whose addresses are in one batch, each with all that are kept of it.
const MAX_BATCH_ADDRESSES: usize = 512;
/// Members whose causes are in one batch, each with the causes before and after.
const MAX_BATCH_MEMBERS: usize = 64;

/// A cause in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What went wrong.
    pub what: String,
    /// What to do about it; may be empty.
    pub advice: String,
}

/// How causes are put to people.
pub(crate) type Explanation = dyn Fn(&Cause) -> Explained + Send + Sync;

/// What was kept before this process began.
pub(crate) struct Restored {
    pub(crate) counter: Counter,
    pub(crate) confirmed: Vec<(PeerId, u64)>,
    /// Where devices answered.
    pub(crate) found: BTreeMap<StaticKey, Vec<NetAddress>>,
}

impl Restored {
    /// There is no store.
    pub(crate) fn nothing() -> Self {
        Self { counter: Counter::volatile(), confirmed: Vec::new(), found: BTreeMap::new() }
    }

    /// What a store has for the device of this key.
    pub(crate) async fn load(machine: &Machine, store: &Store, own: StaticKey) -> Result<Self, StoreError> {
        let reading = store.clone();
        let read = move || {
            let snapshot = reading.snapshot();
            let confirmed = snapshot.confirmed_counters()?.collect::<Result<_, _>>()?;
            let found = snapshot.all_addresses()?.collect::<Result<_, _>>()?;
            Ok((snapshot.reserved_counter(&own)?, confirmed, found))
        };
        let (reserved, confirmed, found) = in_background(machine, read).await?;
        let reserving = store.clone();
        let counter = Counter::durable(reserved, move |reserved| {
            let mut batch = Batch::new();
            batch.put_reserved_counter(&own, reserved);
            reserving.commit_blocking(batch).map_err(io::Error::other)
        });
        Ok(Self { counter, confirmed, found })
    }
}

/// Gathers what is to be kept, and writes it from a task of its own.
pub(crate) struct Recorder {
    store: Store,
    explanation: Option<Box<Explanation>>,
    pending: Mutex<Pending>,
    changed: Notify,
    stopping: Notify,
    finished: Notify,
}

/// What is yet to be written, and whether there will be more.
#[derive(Default)]
struct Pending {
    news: News,
    stopping: bool,
    finished: bool,
}

/// What happened since the last write: at most one counter of each peer, one address of each device that was found, and
/// the last causes of each member.
#[derive(Default)]
struct News {
    counters: BTreeMap<PeerId, u64>,
    addresses: BTreeMap<StaticKey, NetAddress>,
    /// `None` are strangers.
    causes: BTreeMap<Option<IdentityKey>, VecDeque<Noted>>,
}

impl Recorder {
    pub(crate) fn new(store: Store, explanation: Option<Box<Explanation>>) -> Arc<Self> {
        Arc::new(Self {
            store,
            explanation,
            pending: Mutex::new(Pending::default()),
            changed: Notify::new(),
            stopping: Notify::new(),
            finished: Notify::new(),
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A peer has confirmed a counter.
    pub(crate) fn confirmed(&self, peer: PeerId, counter: u64) {
        lock(&self.pending).news.confirmed(peer, counter);
        self.changed.notify_one();
    }

    /// A device answered there.
    pub(crate) fn found(&self, device: StaticKey, address: NetAddress) {
        lock(&self.pending).news.addresses.insert(device, address);
        self.changed.notify_one();
    }

    /// Something went wrong with a member, or with a stranger. What strangers do wrong is written with the next thing
    /// that members do: they cannot keep the disk busy.
    pub(crate) fn noted(&self, member: Option<IdentityKey>, noted: Noted) {
        lock(&self.pending).news.noted(member, noted);
        if member.is_some() {
            self.changed.notify_one();
        }
    }

    /// There will be no more.
    pub(crate) fn stop(&self) {
        lock(&self.pending).stopping = true;
        self.changed.notify_one();
        self.stopping.notify_one();
    }

    /// Resolves when everything is written after [`stop`](Self::stop), or too slow.
    pub(crate) async fn finished(&self) {
        let finished = self.finished.notified();
        // A future of `notified` counts from its making.
        if !lock(&self.pending).finished && tokio::time::timeout(LAST_WRITE_TIMEOUT, finished).await.is_err()
        {
            tracing::warn!("the store is too slow: what happened last may not be kept");
        }
    }

    /// Writes what there is, until it is stopped.
    pub(crate) async fn run(self: Arc<Self>, machine: Machine) {
        let mut failing = false;
        loop {
            self.changed.notified().await;
            let (news, last) = {
                let mut pending = lock(&self.pending);
                (mem::take(&mut pending.news), pending.stopping)
            };
            let recorder = Arc::clone(&self);
            let written = in_background(&machine, move || Ok(recorder.write(news))).await;
            let pause = match written.unwrap_or_else(|error| Err((News::default(), error))) {
                Ok(()) => {
                    if mem::take(&mut failing) {
                        tracing::info!("what happens is kept again");
                    }
                    WRITE_INTERVAL
                }
                Err((news, error)) => {
                    if !mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "what happens is not kept for now");
                    }
                    self.put_back(news);
                    RETRY_INTERVAL
                }
            };
            if last {
                lock(&self.pending).finished = true;
                self.finished.notify_waiters();
                return;
            }
            // Elapsed, or there is a last write to do.
            tokio::time::timeout(pause, self.stopping.notified()).await.ok();
        }
    }

    /// Puts what could not be written before what has happened since.
    fn put_back(&self, mut news: News) {
        let mut pending = lock(&self.pending);
        let since = mem::take(&mut pending.news);
        since.counters.into_iter().for_each(|(peer, counter)| news.confirmed(peer, counter));
        news.addresses.extend(since.addresses);
        for (member, causes) in since.causes {
            causes.into_iter().for_each(|noted| news.noted(member, noted));
        }
        pending.news = news;
        self.changed.notify_one();
    }

    /// Writes all of it, or says why not and what is left.
    fn write(&self, mut news: News) -> Result<(), (News, StoreError)> {
        self.write_counters(&mut news.counters)
            .and_then(|()| self.write_addresses(&mut news.addresses))
            .and_then(|()| self.write_causes(&mut news.causes))
            .map_err(|error| (news, error))
    }

    fn write_counters(&self, counters: &mut BTreeMap<PeerId, u64>) -> Result<(), StoreError> {
        while !counters.is_empty() {
            let mut batch = Batch::new();
            let part: Vec<_> = counters.iter().take(MAX_BATCH_COUNTERS).map(|(peer, _)| *peer).collect();
            for (peer, counter) in counters.iter().take(part.len()) {
                batch.put_confirmed_counter(peer, *counter);
            }
            self.store.commit_blocking(batch)?;
            for peer in &part {
                counters.remove(peer);
            }
        }
        Ok(())
    }

    /// Those that are new: where a device is found is mostly where it was.
    fn write_addresses(&self, addresses: &mut BTreeMap<StaticKey, NetAddress>) -> Result<(), StoreError> {
        while !addresses.is_empty() {
            let snapshot = self.store.snapshot();
            let mut batch = Batch::new();
            let part: Vec<_> = addresses.keys().take(MAX_BATCH_ADDRESSES).copied().collect();
            for (device, address) in addresses.iter().take(part.len()) {
                let mut known = snapshot.addresses(device)?;
                if known.first() != Some(address) {
                    known.retain(|other| other != address);
                    known.insert(0, address.clone());
                    batch.put_addresses(device, &known);
                }
            }
            if !batch.is_empty() {
                self.store.commit_blocking(batch)?;
            }
            for device in &part {
                addresses.remove(device);
            }
        }
        Ok(())
    }

    fn write_causes(
        &self,
        causes: &mut BTreeMap<Option<IdentityKey>, VecDeque<Noted>>,
    ) -> Result<(), StoreError> {
        while !causes.is_empty() {
            let part = causes.iter().take(MAX_BATCH_MEMBERS);
            let part: Vec<(_, Vec<_>)> = part
                .map(|(member, causes)| (*member, causes.iter().map(|noted| self.explain(noted)).collect()))
                .collect();
            let new = part.iter().map(|(member, causes)| (member.as_ref(), causes.as_slice()));
            self.store.add_causes_blocking(new)?;
            for (member, _) in &part {
                causes.remove(member);
            }
        }
        Ok(())
    }

    fn explain(&self, noted: &Noted) -> KeptCause {
        let Noted { at, cause } = noted;
        let in_words = self.explanation.as_ref().map(|explanation| explanation(cause));
        let Explained { what, advice } =
            in_words.unwrap_or_else(|| Explained { what: cause.to_string(), advice: String::new() });
        KeptCause { at: *at, what, advice }
    }
}

impl News {
    fn confirmed(&mut self, peer: PeerId, counter: u64) {
        let highest = self.counters.entry(peer).or_default();
        *highest = counter.max(*highest);
    }

    fn noted(&mut self, member: Option<IdentityKey>, noted: Noted) {
        let causes = self.causes.entry(member).or_default();
        if causes.len() >= MAX_KEPT_CAUSES {
            causes.pop_front();
        }
        causes.push_back(noted);
    }
}

/// Does what waits for a disk on a thread that may wait.
async fn in_background<T: Send + 'static>(
    machine: &Machine,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    // It panicked, or the runtime is at its end.
    machine.blocking(work).await.unwrap_or(Err(StoreError::Stopped))
}
