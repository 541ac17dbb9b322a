//! A disk that keeps only what was synced, tears writes, fails, fills up, and loses power in the middle of anything.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use node::store::{Medium, StorageBackend, StoreError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::world::lock;

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One operation from now on, so many later.
    Once(u64),
    /// Every sync.
    Syncs,
    /// Every write and sync, with no room.
    Full,
    /// The power fails at an operation from now on, so many later.
    Power(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize(usize),
}

struct State {
    /// What is read.
    seen: Vec<u8>,
    /// What is there after a power cut, whatever happens.
    stable: Vec<u8>,
    unsynced: Vec<Change>,
    fault: Option<Fault>,
    operations: u64,
    has_power: bool,
    rng: StdRng,
    on_power_cut: Option<Box<dyn Fn() + Send + Sync>>,
}

/// A disk with one file. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn new(contents: Vec<u8>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            seen: contents.clone(),
            stable: contents,
            unsynced: Vec::new(),
            fault: None,
            operations: 0,
            has_power: true,
            rng: StdRng::seed_from_u64(seed),
            on_power_cut: None,
        })))
    }

    pub(crate) fn medium(&self) -> impl Medium + use<> {
        let disk = self.clone();
        move || Ok::<Box<dyn StorageBackend>, StoreError>(Box::new(disk.clone()))
    }

    /// What is done when the power fails in the middle of an operation.
    pub(crate) fn on_power_cut(&self, then: impl Fn() + Send + Sync + 'static) {
        lock(&self.0).on_power_cut = Some(Box::new(then));
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut state = lock(&self.0);
        let now = state.operations;
        state.fault = fault.map(|fault| match fault {
            Fault::Once(after) => Fault::Once(now + after),
            Fault::Power(after) => Fault::Power(now + after),
            other => other,
        });
    }

    /// What whoever opens it next finds if its process has ended.
    pub(crate) fn seen(&self) -> Vec<u8> {
        let mut state = lock(&self.0);
        state.has_power = false;
        state.seen.clone()
    }

    /// What is found after a power cut: what was synced, and anything of what was not.
    pub(crate) fn after_power_cut(&self) -> Vec<u8> {
        let mut state = lock(&self.0);
        state.has_power = false;
        let unsynced = std::mem::take(&mut state.unsynced);
        let kept = some_of(unsynced, &mut state.rng);
        let mut image = state.stable.clone();
        kept.iter().for_each(|change| change.apply(&mut image));
        image
    }

    /// Counts an operation; says whether it is to fail, and how.
    fn step(&self, writes: bool) -> io::Result<()> {
        let cut = {
            let mut state = lock(&self.0);
            state.operations += 1;
            let fault = state.fault;
            match fault {
                _ if !state.has_power => return Err(io::Error::other("the power has failed")),
                Some(Fault::Once(at)) if state.operations >= at => {
                    state.fault = None;
                    return Err(io::Error::other("the disk failed"));
                }
                Some(Fault::Full) if writes => return Err(io::ErrorKind::StorageFull.into()),
                Some(Fault::Power(at)) if state.operations >= at => {
                    state.has_power = false;
                    state.on_power_cut.take()
                }
                _ => return Ok(()),
            }
        };
        cut.iter().for_each(|then| then());
        Err(io::Error::other("the power fails"))
    }
}

impl State {
    fn happened(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.step(false)?;
        u64::try_from(lock(&self.0).seen.len()).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.step(false)?;
        let start = position(offset)?;
        let state = lock(&self.0);
        let part = state.seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(true)?;
        lock(&self.0).happened(Change::Resize(position(len)?));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let result = self.step(true);
        let mut state = lock(&self.0);
        if !state.has_power {
            return result;
        }
        let unsynced = std::mem::take(&mut state.unsynced);
        let fails = result.is_err() || state.fault == Some(Fault::Syncs);
        // What the system could not write it takes for written: it is read, but never on the disk.
        let kept = if fails { some_of(unsynced, &mut state.rng) } else { unsynced };
        kept.iter().for_each(|change| change.apply(&mut state.stable));
        if fails { Err(io::Error::other("the disk failed")) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let result = self.step(true);
        let offset = position(offset)?;
        let mut state = lock(&self.0);
        // Some of it may have been written.
        let length = if result.is_ok() { data.len() } else { state.rng.random_range(0..=data.len()) };
        state.happened(Change::Write { offset, data: data[..length].to_vec() });
        result
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(data);
            }
            Self::Resize(len) => image.resize(*len, 0),
        }
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

/// Any of these changes, some of the writes torn.
fn some_of(changes: Vec<Change>, rng: &mut StdRng) -> Vec<Change> {
    let share = rng.random_range(0..=4);
    let mut kept: Vec<_> = changes.into_iter().filter(|_| rng.random_range(0..4) < share).collect();
    for change in &mut kept {
        if let Change::Write { data, .. } = change
            && rng.random_range(0..8) == 0
        {
            data.truncate(rng.random_range(0..=data.len()));
        }
    }
    kept
}
