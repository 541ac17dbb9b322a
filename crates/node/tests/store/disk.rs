//! A disk in memory that records what is written and synced, and fails, fills up and loses power as it is told to.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use node::store::{Medium, StorageBackend, Store, StoreError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Something that happened to a disk.
#[derive(Debug, Clone)]
pub enum Event {
    Write {
        offset: u64,
        data: Vec<u8>,
    },
    SetLen(u64),
    Sync,
    /// A sync that failed, and what of the writes before it is on the disk all the same. The others never will be.
    FailedSync(Vec<Event>),
    /// The test says how far it is.
    Mark(usize),
}

/// What is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation of this number, once.
    Once(u64),
    /// The sync of this number, once.
    Sync(u64),
    /// Every write, growth and sync from the operation of this number on; reading works.
    WritesFrom(u64),
    /// No room beyond this length, and none for anything that is written.
    Full,
    /// No room to grow beyond this length; what is allocated can be overwritten.
    NoGrowth(u64),
}

#[derive(Debug, Default)]
struct State {
    /// What everybody reads.
    seen: Vec<u8>,
    /// What is there after a power cut whatever happens.
    stable: Vec<u8>,
    /// What a power cut may take back.
    unsynced: Vec<Event>,
    log: Vec<Event>,
    fault: Option<Fault>,
    operations: u64,
    reads: u64,
    writes: u64,
    syncs: u64,
    sync_takes: Duration,
    rng: Option<StdRng>,
}

/// A disk with one file. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub fn new(seed: u64) -> Self {
        Self::with_contents(Vec::new(), seed)
    }

    pub fn with_contents(contents: Vec<u8>, seed: u64) -> Self {
        let rng = Some(StdRng::seed_from_u64(seed));
        Self(Arc::new(Mutex::new(State {
            stable: contents.clone(),
            seen: contents,
            rng,
            ..State::default()
        })))
    }

    pub fn medium(&self) -> impl Medium + use<> {
        let disk = self.clone();
        move || Ok::<Box<dyn StorageBackend>, StoreError>(Box::new(disk.clone()))
    }

    /// A store whose person's database is on this disk.
    pub fn store(&self) -> Result<Store, StoreError> {
        Store::on(self.medium(), Disk::new(0).medium())
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().fault = fault;
    }

    pub fn set_sync_takes(&self, duration: Duration) {
        self.0.lock().unwrap().sync_takes = duration;
    }

    pub fn mark(&self, mark: usize) {
        self.0.lock().unwrap().log.push(Event::Mark(mark));
    }

    pub fn log(&self) -> Vec<Event> {
        self.0.lock().unwrap().log.clone()
    }

    pub fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    pub fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    pub fn len_now(&self) -> u64 {
        self.0.lock().unwrap().seen.len() as u64
    }

    /// What another process would read.
    pub fn seen(&self) -> Vec<u8> {
        self.0.lock().unwrap().seen.clone()
    }

    /// What is there after a power cut that takes all back that it can.
    pub fn stable(&self) -> Vec<u8> {
        self.0.lock().unwrap().stable.clone()
    }
}

impl State {
    /// Counts an operation; says whether it is to fail, and how.
    fn step(&mut self, writes: bool, end: u64) -> io::Result<()> {
        self.operations += 1;
        let full = || Err(io::ErrorKind::StorageFull.into());
        match self.fault {
            Some(Fault::Once(at)) if self.operations == at => Err(io::Error::other("the disk failed")),
            Some(Fault::WritesFrom(from)) if writes && self.operations >= from => {
                Err(io::Error::other("the disk failed"))
            }
            Some(Fault::Full) if writes => full(),
            Some(Fault::NoGrowth(limit)) if writes && end > limit => full(),
            _ => Ok(()),
        }
    }

    fn happened(&mut self, event: Event) {
        apply(&mut self.seen, &event);
        self.log.push(event.clone());
        self.unsynced.push(event);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.0.lock().unwrap();
        state.step(false, 0)?;
        Ok(state.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step(false, 0)?;
        state.reads += 1;
        let start = offset as usize;
        let part = state.seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step(true, len)?;
        state.happened(Event::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let takes = state.sync_takes;
        state.syncs += 1;
        let mut result = state.step(true, 0);
        if state.fault == Some(Fault::Sync(state.syncs)) {
            result = Err(io::Error::other("the disk failed"));
        }
        let unsynced = std::mem::take(&mut state.unsynced);
        if result.is_ok() {
            unsynced.iter().for_each(|event| apply(&mut state.stable, event));
            state.log.push(Event::Sync);
        } else {
            // What the system could not write it takes for written: it is read, but never on the disk.
            let mut rng = state.rng.take().unwrap();
            let kept = some_of(&unsynced, &mut rng);
            kept.iter().for_each(|event| apply(&mut state.stable, event));
            state.log.push(Event::FailedSync(kept));
            state.rng = Some(rng);
        }
        drop(state);
        std::thread::sleep(takes);
        result
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.writes += 1;
        let result = state.step(true, offset + data.len() as u64);
        let length = match &result {
            Ok(()) => data.len(),
            // Some of it may have been written.
            Err(_) => {
                let mut rng = state.rng.take().unwrap();
                let length = rng.random_range(0..=data.len());
                state.rng = Some(rng);
                length
            }
        };
        state.happened(Event::Write { offset, data: data[..length].to_vec() });
        result
    }
}

/// Does to `image` what happened.
pub fn apply(image: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Write { offset, data } => {
            let start = *offset as usize;
            let end = start + data.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[start..end].copy_from_slice(data);
        }
        Event::SetLen(len) => image.resize(*len as usize, 0),
        Event::Sync | Event::FailedSync(_) | Event::Mark(_) => {}
    }
}

/// Any of these events, some of the writes torn.
pub fn some_of(events: &[Event], rng: &mut StdRng) -> Vec<Event> {
    let share = rng.random_range(0..=4);
    let mut kept: Vec<_> = events.iter().filter(|_| rng.random_range(0..4) < share).cloned().collect();
    for event in &mut kept {
        if let Event::Write { data, .. } = event
            && rng.random_range(0..8) == 0
        {
            data.truncate(rng.random_range(0..=data.len()));
        }
    }
    kept
}
