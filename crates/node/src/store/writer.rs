//! One thread writes to a database: what waits for it goes into its next transaction together.

use std::pin::pin;
use std::sync::Arc;
#[cfg(feature = "simulation")]
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use redb::ReadTransaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::batch::{Batch, MAX_BATCH_BYTES};
use super::database::Database;
use super::error::StoreError;
use super::medium::Medium;
use super::scribe::{Outcome, Scribe};
use super::table::Home;
#[cfg(feature = "simulation")]
use crate::sync::lock;

/// Batches that wait for the writer; whoever has another one waits for room.
const MAX_QUEUED_BATCHES: usize = 1024;
/// Bytes of batches that wait for it or are being written.
const MAX_QUEUED_BYTES: usize = 4 * MAX_BATCH_BYTES;
/// Batches in one transaction: so many share one wait for the disk.
const MAX_GROUP_BATCHES: usize = MAX_QUEUED_BATCHES;

/// A batch on its way to the writer.
struct Job {
    batch: Batch,
    reply: oneshot::Sender<Outcome>,
    /// Its part of the bytes that may wait.
    _room: Option<OwnedSemaphorePermit>,
}

/// The handle of a thread that writes. Dropping it waits until everything that was handed over is written.
pub(super) struct Writer {
    /// `None` while it is dropped, and where nothing is handed over.
    jobs: Option<mpsc::Sender<Job>>,
    /// Where there is no thread, it is written by whoever has something to write.
    #[cfg(feature = "simulation")]
    scribe: Option<Mutex<Scribe>>,
    thread: Option<JoinHandle<()>>,
    room: Arc<Semaphore>,
    database: Arc<Database>,
}

impl Writer {
    /// Opens a database and starts its thread.
    pub(super) fn start(home: Home, medium: Box<dyn Medium>) -> Result<Self, StoreError> {
        let scribe = Scribe::open(home, medium)?;
        let database = Arc::clone(scribe.database());
        let (jobs, queue) = mpsc::channel(MAX_QUEUED_BATCHES);
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || run(scribe, queue))?;
        let room = Arc::new(Semaphore::new(MAX_QUEUED_BYTES));
        Ok(Self {
            jobs: Some(jobs),
            #[cfg(feature = "simulation")]
            scribe: None,
            thread: Some(thread),
            room,
            database,
        })
    }

    /// Opens a database that is written to without a thread of its own.
    #[cfg(feature = "simulation")]
    pub(super) fn without_thread(home: Home, medium: Box<dyn Medium>) -> Result<Self, StoreError> {
        let scribe = Scribe::open(home, medium)?;
        let database = Arc::clone(scribe.database());
        let room = Arc::new(Semaphore::new(0));
        Ok(Self { jobs: None, scribe: Some(Mutex::new(scribe)), thread: None, room, database })
    }

    /// Resolves when the batch is durable, or with why it is not.
    pub(super) async fn commit(&self, batch: Batch) -> Outcome {
        #[cfg(feature = "simulation")]
        if let Some(scribe) = &self.scribe {
            return lock(scribe).commit(&[batch]).pop().unwrap_or(Err(StoreError::Stopped));
        }
        let jobs = self.jobs.as_ref().ok_or(StoreError::Stopped)?;
        let bytes = u32::try_from(batch.bytes()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let room = room.map_err(|_| StoreError::Stopped)?;
        let (reply, outcome) = oneshot::channel();
        let job = Job { batch, reply, _room: Some(room) };
        jobs.send(job).await.map_err(|_| StoreError::Stopped)?;
        outcome.await.unwrap_or(Err(StoreError::Stopped))
    }

    pub(super) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Begins to read what is durable now.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        #[cfg(feature = "simulation")]
        if let Some(scribe) = self.scribe.as_ref().filter(|_| self.database.is_suspect()) {
            lock(scribe).commit(&[Batch::new()]);
        }
        if self.database.is_suspect()
            && let Some(jobs) = &self.jobs
        {
            // An empty batch has the writer open the database anew. If the queue is full, one that waits does it.
            let (reply, _) = oneshot::channel();
            jobs.try_send(Job { batch: Batch::new(), reply, _room: None }).ok();
        }
        self.database.begin_read()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // If it panicked, there is nobody left to tell but the log, which the panic is in.
            thread.join().ok();
        }
        #[cfg(feature = "simulation")]
        if let Some(scribe) = self.scribe.take() {
            scribe.into_inner().unwrap_or_else(PoisonError::into_inner).close();
        }
    }
}

fn run(mut scribe: Scribe, mut queue: mpsc::Receiver<Job>) {
    let mut batches = Vec::new();
    let mut replies = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        let mut next = Some(first);
        while let Some(Job { batch, reply, _room }) = next {
            batches.push(batch);
            replies.push((reply, _room));
            next = if batches.len() < MAX_GROUP_BATCHES { queue.try_recv().ok() } else { None };
        }
        let outcomes = scribe.commit(&batches);
        batches.clear();
        for ((reply, _room), outcome) in replies.drain(..).zip(outcomes) {
            // Whoever waited may have stopped.
            reply.send(outcome).ok();
        }
    }
    scribe.close();
}

/// Waits for a future on this thread, also where a runtime does not allow its own way of blocking.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
