//! One file that is arriving.
//!
//! ```text
//! take stock -> Accept -> segment, segment, … -> Stored
//!                 ^          | connection lost, offered again
//!                 +----------+
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::IdentityKey;
use node::{Body, Node, Receiver};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout_at};

use super::super::super::event::{Event, FileLine};
use super::super::assembly::{self, Job, QUEUE_PIECES, Step};
use super::super::content::ContentHash;
use super::super::exchange::{Voice, content_stream, while_working};
use super::super::message::{Refusal, TransferId, Word};
use super::super::partial::{Partial, PartialName, refusal};
use super::super::progress::Progress;
use super::super::segment::{Part, SegmentReader};
use super::Reception;

/// A transfer from which nothing comes for so long is put to rest.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to wait for another transfer of the same file to let go of it.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(5);
const TAKE_OVER_POLL: Duration = Duration::from_millis(20);

/// What is said to the task of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// The sender has connected anew and asks where to go on.
    OfferedAgain,
    /// The sender is still busy.
    Working,
    /// The sender gave up.
    Cancel,
    /// A newer transfer wants the same file.
    Superseded,
    /// The node stops.
    Stop,
}

/// How it ended.
pub(super) enum End {
    Stored {
        name: String,
        sha256: ContentHash,
    },
    /// `reason` is none where the sender gave up.
    Stopped {
        there: u64,
        reason: Option<Refusal>,
    },
}

/// Why receiving goes no further.
enum Halt {
    Cancelled,
    Refused(Refusal),
}

/// How far a segment came.
enum Fed {
    /// To its end, hash and all.
    Whole,
    /// The connection was lost, or the sender wants to go on elsewhere.
    Cut { offered_again: bool },
}

impl From<Refusal> for Halt {
    fn from(reason: Refusal) -> Halt {
        Halt::Refused(reason)
    }
}

pub(super) struct Arriving {
    reception: Arc<Reception>,
    key: (IdentityKey, TransferId),
    name: PartialName,
    file: FileLine,
    voice: Voice,
    started: Instant,
    resumed_bytes: u64,
    /// `None` only while a thread for blocking work has it.
    partial: Option<Partial>,
    alive: tokio::time::Instant,
}

impl Arriving {
    pub(super) fn new(
        reception: Arc<Reception>,
        key: (IdentityKey, TransferId),
        name: PartialName,
        file: FileLine,
        voice: Voice,
    ) -> Arriving {
        let alive = tokio::time::Instant::now();
        let started = Instant::now();
        Arriving { reception, key, name, file, voice, started, resumed_bytes: 0, partial: None, alive }
    }

    /// Receives the file, and says how that ended.
    pub(super) async fn run(mut self, node: Node, mut commands: mpsc::Receiver<Command>) {
        let ended = match self.receive(&node, &mut commands).await {
            Ok(sha256) => self.store(sha256).await,
            Err(halt) => Err(halt),
        };
        let end = match ended {
            Ok(end) => end,
            Err(Halt::Cancelled) => End::Stopped { there: self.rest().await, reason: None },
            Err(Halt::Refused(reason)) => End::Stopped { there: self.rest().await, reason: Some(reason) },
        };
        self.reception.over(self.key, self.name, &end);
        match &end {
            End::Stored { name, .. } => self.voice.say(Word::Stored { name: name.clone() }).await,
            End::Stopped { reason: Some(reason), .. } => {
                self.voice.say(Word::Refuse { reason: *reason }).await
            }
            End::Stopped { reason: None, .. } => {}
        }
        self.tell(end);
    }

    /// Receives everything that is missing; returns the hash of the whole file.
    async fn receive(
        &mut self,
        node: &Node,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<ContentHash, Halt> {
        let stream = content_stream(self.key.1).map_err(|_| Refusal::DiskFailed)?;
        // Somebody else's transfer has this id: they or this sender did not draw it at random.
        let mut content = node.receiver(stream).map_err(|_| Refusal::Busy)?;
        self.take_over().await?;
        loop {
            let partial = self.partial.as_ref().ok_or(Refusal::DiskFailed)?;
            let (offset, prefix) = (partial.hash().bytes(), partial.hash().so_far());
            self.resumed_bytes = offset;
            self.alive = tokio::time::Instant::now();
            self.voice.say(Word::Accept { offset, prefix }).await;
            self.reception.tell(Event::FileStarted { file: self.file.clone(), offset });
            if let Some(sha256) = self.segments(&mut content, commands).await? {
                return Ok(sha256);
            }
        }
    }

    /// Takes segments until the file is whole; `None` when the sender wants to go on from where we are.
    async fn segments(
        &mut self,
        content: &mut Receiver,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<ContentHash>, Halt> {
        loop {
            let body = tokio::select! {
                biased;
                command = commands.recv() => match self.obey(command)? {
                    true => return Ok(None),
                    false => continue,
                },
                incoming = content.recv() => incoming.ok_or(Refusal::Stopping)?,
                () = sleep_until(self.alive + STALL_TIMEOUT) => return Err(Refusal::Stalled.into()),
            };
            // Others may know the stream's name only by listening to what is encrypted.
            if body.from != self.key.0 {
                continue;
            }
            match self.segment(body.body, commands).await? {
                Fed::Cut { offered_again: true } => return Ok(None),
                Fed::Cut { offered_again: false } => {
                    let lost = Event::FileInterrupted {
                        file: self.file.clone(),
                        cause: "connection lost".to_owned(),
                    };
                    self.reception.tell(lost);
                }
                Fed::Whole => {
                    let partial = self.partial.as_ref().ok_or(Refusal::DiskFailed)?;
                    if partial.hash().bytes() == self.file.bytes {
                        return Ok(Some(partial.hash().so_far()));
                    }
                }
            }
        }
    }

    /// What a command means: whether the sender asks anew where to go on, or an end.
    fn obey(&mut self, command: Option<Command>) -> Result<bool, Halt> {
        self.alive = tokio::time::Instant::now();
        match command {
            Some(Command::OfferedAgain) => Ok(true),
            Some(Command::Working) => Ok(false),
            Some(Command::Cancel) => Err(Halt::Cancelled),
            Some(Command::Superseded) => Err(Refusal::Superseded.into()),
            Some(Command::Stop) | None => Err(Refusal::Stopping.into()),
        }
    }

    /// Takes one segment to the disk.
    async fn segment(&mut self, body: Body, commands: &mut mpsc::Receiver<Command>) -> Result<Fed, Halt> {
        let partial = self.partial.take().ok_or(Refusal::DiskFailed)?;
        let there = partial.hash().bytes();
        let (jobs, queue) = mpsc::channel(QUEUE_PIECES);
        let writing = tokio::task::spawn_blocking(move || assembly::write(partial, queue));
        let fed = self.feed(body, there, &jobs, commands).await;
        drop(jobs);
        let (partial, written) =
            while_working(&self.voice, writing).await.map_err(|_| Refusal::DiskFailed)?;
        self.partial = Some(partial);
        written?;
        fed
    }

    /// Hands the pieces of a segment to the thread that writes.
    async fn feed(
        &mut self,
        mut body: Body,
        there: u64,
        jobs: &mpsc::Sender<Job>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Fed, Halt> {
        let mut reader = SegmentReader::new(body.len());
        let mut done = there;
        let mut progress = Progress::new(self.file.clone(), self.reception.events.clone());
        loop {
            let piece = tokio::select! {
                biased;
                command = commands.recv() => match self.obey(command)? {
                    true => return Ok(Fed::Cut { offered_again: true }),
                    false => continue,
                },
                piece = timeout_at(self.alive + STALL_TIMEOUT, body.next()) => piece.map_err(|_| Refusal::Stalled)?,
            };
            let mut piece: Bytes = match piece {
                None => return Ok(Fed::Whole),
                Some(Err(_)) => return Ok(Fed::Cut { offered_again: false }),
                Some(Ok(piece)) => piece,
            };
            self.alive = tokio::time::Instant::now();
            while let Some(part) = reader.next_part(&mut piece).map_err(|_| Refusal::OutOfStep)? {
                let job = match part {
                    Part::Header(header) => {
                        if header.transfer != self.key.1 {
                            return Err(Refusal::OutOfStep.into());
                        }
                        match assembly::step(&header, there, self.file.bytes)? {
                            Step::GoOn => continue,
                            Step::StartOver => {
                                (done, self.resumed_bytes) = (0, 0);
                                Job::StartOver
                            }
                        }
                    }
                    Part::Content(bytes) => {
                        done = done.saturating_add(u64::try_from(bytes.len()).unwrap_or_default());
                        Job::Content(bytes)
                    }
                    Part::Hash(hash) => Job::Check(hash),
                };
                if jobs.send(job).await.is_err() {
                    // The thread has stopped, and its result says why.
                    return Ok(Fed::Cut { offered_again: false });
                }
            }
            progress.at(done);
        }
    }

    /// Opens the unfinished file, once nobody else has it, and hashes what is there.
    async fn take_over(&mut self) -> Result<(), Halt> {
        let deadline = Instant::now() + TAKE_OVER_TIMEOUT;
        let mut partial = loop {
            match Partial::open(&self.reception.folder, self.name) {
                Ok(Some(partial)) => break partial,
                Ok(None) if Instant::now() < deadline => sleep(TAKE_OVER_POLL).await,
                Ok(None) => return Err(Refusal::Superseded.into()),
                Err(error) => return Err(self.local(&error).into()),
            }
        };
        let bytes = self.file.bytes;
        let stock = tokio::task::spawn_blocking(move || partial.take_stock(bytes).map(|()| partial));
        let stock = while_working(&self.voice, stock).await.map_err(|_| Refusal::DiskFailed)?;
        self.partial = Some(stock.map_err(|error| self.local(&error))?);
        Ok(())
    }

    /// Makes the file durable under its own name.
    async fn store(&mut self, sha256: ContentHash) -> Result<End, Halt> {
        let partial = self.partial.take().ok_or(Refusal::DiskFailed)?;
        let wanted = self.file.name.clone();
        let finishing = tokio::task::spawn_blocking(move || partial.finish(&wanted));
        let finished = while_working(&self.voice, finishing).await.map_err(|_| Refusal::DiskFailed)?;
        let name = finished.map_err(|error| self.local(&error))?.ok_or(Refusal::NoFreeName)?;
        Ok(End::Stored { name, sha256 })
    }

    /// Puts the unfinished file to rest; how much of it stays.
    async fn rest(&mut self) -> u64 {
        let Some(partial) = self.partial.take() else { return 0 };
        let resting = tokio::task::spawn_blocking(move || partial.rest());
        match resting.await {
            Ok(Ok(there)) => there,
            Ok(Err(error)) => {
                self.local(&error);
                0
            }
            Err(_) => 0,
        }
    }

    /// Trouble with this disk, for the sender, and for the owner of the disk.
    fn local(&self, error: &std::io::Error) -> Refusal {
        tracing::warn!(%error, file = %self.file.name, "cannot receive into {}", self.reception.folder.display());
        refusal(error)
    }

    fn tell(self, end: End) {
        let file = self.file;
        let event = match end {
            End::Stored { name, sha256 } => {
                let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
                Event::FileDone { file, stored_as: name, sha256, resumed_bytes: self.resumed_bytes, millis }
            }
            End::Stopped { there, reason } => {
                let reason = reason.map_or("the sender gave up", Refusal::here);
                Event::FileStopped { file, done: there, reason: reason.to_owned() }
            }
        };
        self.reception.tell(event);
    }
}
