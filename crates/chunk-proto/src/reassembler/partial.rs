//! One incoming message.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::store::{Store, Stored};
use crate::budget::PeerBudget;
use crate::{Accepted, ChunkHeader, Error, Event, Limits, MessageId, Outline};

/// What an open message is charged at besides its held chunks, in bytes: its record and its place in the maps.
pub(super) const OPEN_MESSAGE_BYTES: usize = 512;

/// How a message ended that did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Expired,
    Doomed,
}

/// A message of several chunks.
///
/// What has come is exactly: the chunks before `next_index`, and the held ones. So coverage needs no bitmap, and a
/// message's announced length costs nothing.
///
/// ```text
///   open ──all chunks came──> complete ──all told──> closed
///    ├────time is up────────> Expired ───told──────> closed
///    └────a chunk conflicts─> Doomed ────told──────> closed
/// ```
#[derive(Debug)]
pub(super) struct Partial {
    outline: Outline,
    received_bytes: u64,
    /// The first chunk not yet given out, nor in `direct`.
    next_index: u32,
    /// The chunk before `next_index`, passed on without being charged.
    direct: Option<Bytes>,
    held: BTreeMap<u32, Stored>,
    opened: Instant,
    progressed: Instant,
    end: Option<End>,
    queued: bool,
    told: Told,
}

/// What was told of a message.
#[derive(Debug, Default)]
struct Told {
    started: bool,
    progress_bytes: u64,
    end: bool,
}

impl Partial {
    /// Opens a message with the first of its chunks that came.
    pub(super) fn open(
        now: Instant,
        header: &ChunkHeader,
        payload: Bytes,
        quiet: bool,
        store: &mut Store,
    ) -> Result<Self, Error> {
        store.budget.reserve(OPEN_MESSAGE_BYTES)?;
        let mut partial = Self {
            outline: header.outline(),
            received_bytes: 0,
            next_index: 0,
            direct: None,
            held: BTreeMap::new(),
            opened: now,
            progressed: now,
            end: None,
            queued: false,
            told: Told::default(),
        };
        match partial.accept(now, header, payload, quiet, store) {
            Ok(_) => Ok(partial),
            Err(error) => {
                store.budget.release(OPEN_MESSAGE_BYTES);
                Err(error)
            }
        }
    }

    /// Takes a chunk. `quiet`: nothing waits to be told, so a chunk in order can be passed on without being held.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        header: &ChunkHeader,
        payload: Bytes,
        quiet: bool,
        store: &mut Store,
    ) -> Result<Accepted, Error> {
        if self.end.is_some() {
            return Ok(Accepted::Ended);
        }
        if header.outline() != self.outline {
            return Err(Error::OutlineConflict { message: header.message() });
        }
        let index = header.index();
        if index < self.next_index || self.held.contains_key(&index) {
            return Ok(Accepted::Duplicate);
        }
        let direct = quiet && index == self.next_index;
        let stored = store.take(header, payload, direct)?;
        self.received_bytes += u64::try_from(stored.bytes.len()).unwrap_or(u64::MAX); // at most a chunk
        self.progressed = now;
        if direct {
            self.next_index += 1; // below the number of chunks, which fits
            self.direct = Some(stored.pass_on(&mut store.budget));
        } else {
            self.held.insert(index, stored);
        }
        Ok(Accepted::New)
    }

    /// What there is to tell next.
    pub(super) fn poll_event(&mut self, message: MessageId, budget: &mut PeerBudget) -> Option<Event> {
        let (received_bytes, total_bytes) = (self.received_bytes, self.outline.total_bytes());
        if let Some(end) = self.end {
            // Of a message whose start nobody heard of, nobody needs to hear the end.
            if !self.told.started || self.told.end {
                self.told.end = true;
                return None;
            }
            self.told.end = true;
            return Some(match end {
                End::Expired => Event::Expired { message, received_bytes, total_bytes },
                End::Doomed => Event::Doomed { message, received_bytes, total_bytes },
            });
        }
        if !self.told.started {
            self.told.started = true;
            return Some(Event::Started { message, total_bytes });
        }
        if let Some((offset, bytes)) = self.next_piece(budget) {
            return Some(Event::Piece { message, offset, bytes });
        }
        if self.told.progress_bytes < received_bytes {
            self.told.progress_bytes = received_bytes;
            return Some(Event::Progress { message, received_bytes, total_bytes });
        }
        if received_bytes == total_bytes && !self.told.end {
            self.told.end = true;
            return Some(Event::Complete { message, total_bytes });
        }
        None
    }

    /// The next piece in order, if it came.
    fn next_piece(&mut self, budget: &mut PeerBudget) -> Option<(u64, Bytes)> {
        if let Some(bytes) = self.direct.take() {
            return Some((self.outline.offset(self.next_index.saturating_sub(1)), bytes));
        }
        let first = self.held.first_entry().filter(|entry| *entry.key() == self.next_index)?;
        let bytes = first.remove().pass_on(budget);
        let offset = self.outline.offset(self.next_index);
        self.next_index += 1;
        Some((offset, bytes))
    }

    /// When the message expires, or `None` if all of it came or it is over.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        if self.end.is_some() || self.received_bytes == self.outline.total_bytes() {
            return None;
        }
        let idle = self.progressed.checked_add(limits.expiry);
        let earned = self.received_bytes.checked_div(limits.min_bytes_per_second).map(Duration::from_secs);
        let pace = earned.and_then(|earned| self.opened.checked_add(limits.expiry)?.checked_add(earned));
        super::earlier(idle, pace)
    }

    /// Restarts the clocks.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.opened = now;
        self.progressed = now;
    }

    /// Ends the message and lets go of what is held of it; its record stays until the end was told.
    pub(super) fn end(&mut self, end: End, budget: &mut PeerBudget) {
        self.end = Some(end);
        self.direct = None;
        for (_, stored) in std::mem::take(&mut self.held) {
            stored.discard(budget);
        }
    }

    /// Lets go of everything.
    pub(super) fn close(mut self, budget: &mut PeerBudget) {
        self.end(End::Expired, budget);
        budget.release(OPEN_MESSAGE_BYTES);
    }

    /// Whether the end was told, so that there is nothing left to do.
    pub(super) fn is_told(&self) -> bool {
        self.told.end
    }

    /// Notes that the message stands among those with something to tell, and says whether it did not before.
    pub(super) fn queue(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }

    /// Notes that it does not any more.
    pub(super) fn unqueue(&mut self) {
        self.queued = false;
    }
}

/// A message of one chunk, from its arrival until all was told of it.
#[derive(Debug)]
pub(super) struct Whole {
    message: MessageId,
    total_bytes: u64,
    started: bool,
    stored: Option<Stored>,
    told: bool,
}

impl Whole {
    pub(super) fn new(message: MessageId, stored: Stored) -> Self {
        let total_bytes = u64::try_from(stored.bytes.len()).unwrap_or(u64::MAX); // at most a chunk
        Self { message, total_bytes, started: false, stored: Some(stored), told: false }
    }

    pub(super) fn message(&self) -> MessageId {
        self.message
    }

    /// What there is to tell next.
    pub(super) fn poll_event(&mut self, budget: &mut PeerBudget) -> Option<Event> {
        let (message, total_bytes) = (self.message, self.total_bytes);
        if !self.started {
            self.started = true;
            return Some(Event::Started { message, total_bytes });
        }
        if let Some(stored) = self.stored.take() {
            let bytes = stored.pass_on(budget);
            if !bytes.is_empty() {
                return Some(Event::Piece { message, offset: 0, bytes });
            }
        }
        if !self.told {
            self.told = true;
            return Some(Event::Complete { message, total_bytes });
        }
        None
    }

    /// Lets go of what was not given out.
    pub(super) fn close(&mut self, budget: &mut PeerBudget) {
        if let Some(stored) = self.stored.take() {
            stored.discard(budget);
        }
    }
}
