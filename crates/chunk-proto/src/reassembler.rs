//! All incoming messages of one peer.

mod partial;
mod store;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

pub use window::MESSAGE_WINDOW;

use crate::budget::PeerBudget;
use crate::{Accepted, ChunkHeader, Error, Event, Limits, MessageId, NodeBudget, WORKING_BYTES};
use partial::{End, Partial, Whole};
use store::Store;
use window::IdWindow;

/// All incoming messages of one peer: takes authenticated chunks in any order, gives their bytes out in order.
///
/// * **Inputs**: [`accept`](Self::accept), [`handle_timeout`](Self::handle_timeout).
/// * **Outputs**: [`poll_event`](Self::poll_event), [`poll_timeout`](Self::poll_timeout). Poll the events until there
///   are none after each input: a chunk that comes in order while no event waits is passed on without being copied or
///   counted.
/// * **Commands**: [`abandon`](Self::abandon), [`postpone`](Self::postpone).
///
/// Pieces are given out as soon as they are contiguous; only chunks out of order are held. A held chunk is copied out
/// of the buffer it came in, since a slice of an arrival buffer would pin memory that no budget sees.
///
/// ```
/// use std::time::Instant;
///
/// use bytes::Bytes;
/// use chunk_proto::{ChunkOptions, Chunker, Deflater, Event, Limits, MessageId, NodeBudget, Reassembler};
///
/// let mut chunker = Chunker::whole(MessageId(0), Bytes::from(vec![7; 150_000]), &ChunkOptions::default())?;
/// let mut reassembler = Reassembler::new(Limits::default(), NodeBudget::default());
/// let mut deflater = Deflater::default();
/// let mut received = Vec::new();
/// while let Some(chunk) = chunker.next_chunk(&mut deflater) {
///     reassembler.accept(Instant::now(), chunk.header, chunk.payload)?;
///     while let Some(event) = reassembler.poll_event() {
///         match event {
///             Event::Piece { bytes, .. } => received.extend_from_slice(&bytes),
///             Event::Complete { total_bytes, .. } => assert_eq!(total_bytes, 150_000),
///             _ => {}
///         }
///     }
/// }
/// assert_eq!(received, vec![7; 150_000]);
/// # Ok::<(), chunk_proto::Error>(())
/// ```
#[derive(Debug)]
pub struct Reassembler {
    limits: Limits,
    store: Store,
    /// Messages of several chunks that were begun and are not over, or whose end was not told yet.
    open: BTreeMap<MessageId, Partial>,
    /// Who has something to tell, each open message at most once.
    ready: VecDeque<Ready>,
    begun: IdWindow,
    /// No open message expires before this.
    next_deadline: Option<Instant>,
}

#[derive(Debug)]
enum Ready {
    /// An open message.
    Open(MessageId),
    /// A message of one chunk.
    Whole(Whole),
}

impl Reassembler {
    /// A reassembler for one peer, drawing on the budget of its node.
    pub fn new(limits: Limits, node: NodeBudget) -> Self {
        let budget = PeerBudget::new(node, limits.peer_bytes.saturating_sub(WORKING_BYTES));
        Self {
            limits,
            store: Store::new(budget),
            open: BTreeMap::new(),
            ready: VecDeque::new(),
            begun: IdWindow::default(),
            next_deadline: None,
        }
    }

    /// What is held for the peer now, in bytes, as counted against its budget.
    pub fn used_bytes(&self) -> usize {
        self.store.budget.used_bytes()
    }

    /// How many messages of several chunks are open.
    pub fn open_messages(&self) -> usize {
        self.open.len()
    }

    /// Takes a chunk. Its header and payload must have been authenticated as the peer's.
    ///
    /// # Errors
    ///
    /// The peer's fault ([`Error::OutlineConflict`], [`Error::PayloadLength`], [`Error::Deflate`]): the message, if it
    /// is open, is doomed; no other message is touched. [`Error::MessageTooLarge`] and no room: nothing changed.
    pub fn accept(&mut self, now: Instant, header: ChunkHeader, payload: Bytes) -> Result<Accepted, Error> {
        let quiet = self.ready.is_empty();
        let message = header.message();
        let Some(partial) = self.open.get_mut(&message) else {
            let result = self.accept_first(now, header, payload);
            if result.is_err() && quiet {
                self.settle();
            }
            return result;
        };
        let result = partial.accept(now, &header, payload, quiet, &mut self.store);
        match &result {
            Ok(Accepted::Duplicate | Accepted::Ended) => return result,
            Ok(Accepted::New) => {}
            Err(error) if error.is_no_room() => return result,
            Err(_) => partial.end(End::Doomed, &mut self.store.budget),
        }
        if partial.queue() {
            self.ready.push_back(Ready::Open(message));
        }
        result
    }

    /// Takes a chunk of a message that is not open.
    fn accept_first(&mut self, now: Instant, header: ChunkHeader, payload: Bytes) -> Result<Accepted, Error> {
        let (message, outline) = (header.message(), header.outline());
        if self.begun.contains(message) {
            return Ok(Accepted::Ended);
        }
        let limit_bytes = self.limits.max_message_bytes;
        if outline.total_bytes() > limit_bytes {
            return Err(Error::MessageTooLarge { message, total_bytes: outline.total_bytes(), limit_bytes });
        }
        let quiet = self.ready.is_empty();
        if outline.is_single() {
            let whole = Whole::new(message, self.store.take(&header, payload, quiet)?);
            self.begun.insert(message);
            self.ready.push_back(Ready::Whole(whole));
            return Ok(Accepted::New);
        }
        if self.open.len() >= self.limits.max_open_messages {
            return Err(Error::TooManyOpenMessages { limit: self.limits.max_open_messages });
        }
        let mut partial = Partial::open(now, &header, payload, quiet, &mut self.store)?;
        let deadline = partial.deadline(&self.limits);
        self.next_deadline = earlier(self.next_deadline, deadline);
        partial.queue();
        self.ready.push_back(Ready::Open(message));
        self.open.insert(message, partial);
        self.begun.insert(message);
        Ok(Accepted::New)
    }

    /// What happened next, or `None` when all was told.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let message = match self.ready.front_mut() {
                None => {
                    self.settle();
                    return None;
                }
                Some(Ready::Whole(whole)) => match whole.poll_event(&mut self.store.budget) {
                    Some(event) => return Some(event),
                    None => {
                        self.ready.pop_front();
                        continue;
                    }
                },
                Some(Ready::Open(message)) => *message,
            };
            if let Some(event) = self.poll_open(message) {
                return Some(event);
            }
            self.ready.pop_front();
        }
    }

    /// What open message `message` has to tell; forgets it after its end.
    fn poll_open(&mut self, message: MessageId) -> Option<Event> {
        let partial = self.open.get_mut(&message)?;
        let event = partial.poll_event(message, &mut self.store.budget);
        if event.is_none() {
            partial.unqueue();
            if partial.is_told()
                && let Some(partial) = self.open.remove(&message)
            {
                partial.close(&mut self.store.budget);
            }
        }
        event
    }

    /// When to call [`Reassembler::handle_timeout`] at the latest; may be earlier than anything expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_deadline
    }

    /// Ends the messages whose time is up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.next_deadline = None;
        for (message, partial) in &mut self.open {
            match partial.deadline(&self.limits) {
                Some(deadline) if deadline <= now => {
                    partial.end(End::Expired, &mut self.store.budget);
                    if partial.queue() {
                        self.ready.push_back(Ready::Open(*message));
                    }
                }
                deadline => self.next_deadline = earlier(self.next_deadline, deadline),
            }
        }
    }

    /// Forgets an open message without a further event about it; its later chunks are [`Accepted::Ended`]. Says
    /// whether there was anything to forget.
    pub fn abandon(&mut self, message: MessageId) -> bool {
        let budget = &mut self.store.budget;
        let queued = self.ready.len();
        self.ready.retain_mut(|ready| match ready {
            Ready::Open(open) => *open != message,
            Ready::Whole(whole) if whole.message() == message => {
                whole.close(budget);
                false
            }
            Ready::Whole(_) => true,
        });
        let was_queued = self.ready.len() < queued;
        match self.open.remove(&message) {
            Some(partial) => partial.close(budget),
            None if !was_queued => return false,
            None => {}
        }
        if self.ready.is_empty() {
            self.settle();
        }
        true
    }

    /// Restarts the clocks of an open message: for a receiver that withheld credit and so caused the delay itself.
    pub fn postpone(&mut self, now: Instant, message: MessageId) {
        if let Some(partial) = self.open.get_mut(&message) {
            partial.postpone(now);
        }
    }

    /// Once nothing waits: lets go of what only an active peer needs.
    fn settle(&mut self) {
        if self.open.is_empty() {
            self.open = BTreeMap::new();
            self.next_deadline = None;
            self.store.rest();
        }
    }
}

/// The earlier of two deadlines, where `None` is never.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
