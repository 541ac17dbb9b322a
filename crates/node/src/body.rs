//! What a message holds: its bytes, or the pieces of a large one as they arrive.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use link::MESSAGE_COST_BYTES;

use crate::error::BodyError;
use crate::inbox::Credit;
use crate::sync::lock;

/// The content of a received message.
///
/// A small message is there as a whole. A large one begins to be received while it is still being sent: its pieces
/// come in order, each authenticated, and flow control stops the sender while nobody takes them.
pub struct Body {
    total_bytes: u64,
    content: Content,
}

enum Content {
    Whole(Option<Bytes>),
    Pieces(Reading),
}

/// The consumer's end of a large message.
struct Reading {
    pieces: Arc<Pieces>,
    taken: VecDeque<Bytes>,
    ended: bool,
}

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let total_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { total_bytes, content: Content::Whole(Some(bytes)) }
    }

    pub(crate) fn pieces(pieces: Arc<Pieces>) -> Self {
        let total_bytes = pieces.total_bytes;
        let reading = Reading { pieces, taken: VecDeque::new(), ended: false };
        Self { total_bytes, content: Content::Pieces(reading) }
    }

    /// Whether nothing of it is yet to come.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.content, Content::Whole(_))
    }

    /// The size of the message in bytes, as its sender announced it.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a size in bytes of something that is not a collection")]
    pub fn len(&self) -> u64 {
        self.total_bytes
    }

    /// The next bytes; `None` after the last ones. Cancel-safe.
    ///
    /// # Errors
    /// [`BodyError`], once: the rest will not come.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        match &mut self.content {
            Content::Whole(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok),
            Content::Pieces(reading) => std::future::poll_fn(|context| reading.poll_next(context)).await,
        }
    }

    /// All bytes that were not yet taken, if the message has no more than `limit` bytes.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, BodyError> {
        if self.total_bytes > limit {
            return Err(BodyError::TooLarge { bytes: self.total_bytes, limit });
        }
        let Some(first) = self.next().await.transpose()? else { return Ok(Bytes::new()) };
        if matches!(self.content, Content::Whole(_)) {
            return Ok(first);
        }
        // The announced size is no larger than `limit`, and the sender pays for it with credit.
        let capacity = usize::try_from(self.total_bytes).unwrap_or(usize::MAX);
        let mut all = BytesMut::with_capacity(capacity.min(MAX_RESERVED_BYTES));
        all.extend_from_slice(&first);
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }
}

/// What is reserved for a message on its announced size alone.
const MAX_RESERVED_BYTES: usize = 16 * 1024 * 1024;

/// The pieces of one large message between the session's driver and the consumer. Bounded by credit.
pub(crate) struct Pieces {
    total_bytes: u64,
    credit: Credit,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Bytes>,
    end: Option<Result<(), BodyError>>,
    consumer: Option<Waker>,
    abandoned: bool,
}

impl Pieces {
    pub(crate) fn new(total_bytes: u64, credit: Credit) -> Arc<Self> {
        Arc::new(Self { total_bytes, credit, state: Mutex::default() })
    }

    /// Puts a piece in; without a consumer it is consumed on the spot.
    pub(crate) fn push(&self, piece: Bytes) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.abandoned {
            drop(state);
            self.credit.give_back(cost(&piece));
            return None;
        }
        state.pieces.push_back(piece);
        state.consumer.take()
    }

    /// Nothing more will come.
    pub(crate) fn end(&self, end: Result<(), BodyError>) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.end.is_some() {
            return None;
        }
        state.end = Some(end);
        state.consumer.take()
    }
}

impl Reading {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.taken.is_empty() && !self.ended {
            let mut state = lock(&self.pieces.state);
            if state.pieces.is_empty() {
                let Some(end) = state.end else {
                    state.consumer = Some(context.waker().clone());
                    return Poll::Pending;
                };
                self.ended = true;
                return Poll::Ready(end.err().map(Err));
            }
            std::mem::swap(&mut state.pieces, &mut self.taken);
        }
        let Some(piece) = self.taken.pop_front() else { return Poll::Ready(None) };
        self.pieces.credit.give_back(cost(&piece));
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let left = {
            let mut state = lock(&self.pieces.state);
            state.abandoned = true;
            std::mem::take(&mut state.pieces)
        };
        let bytes: u64 = left.iter().chain(&self.taken).map(cost).sum();
        // The message itself is paid back when its consumer is done with it, not when it is complete: an empty one
        // waits in an inbox like any other.
        self.pieces.credit.give_back(bytes + MESSAGE_COST_BYTES);
    }
}

fn cost(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("total_bytes", &self.total_bytes).finish_non_exhaustive()
    }
}
