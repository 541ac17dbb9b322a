//! How consumers give credit back without touching the session: shared counters.

use std::sync::{Arc, PoisonError};

use crate::credit::Window;
use crate::stream::StreamId;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// A counter that says once when it reaches the next grant.
#[derive(Debug)]
struct Counter {
    consumed: AtomicU64,
    due_at: AtomicU64,
}

impl Counter {
    fn new(due_at: u64) -> Self {
        Self { consumed: AtomicU64::new(0), due_at: AtomicU64::new(due_at) }
    }

    /// Adds, and says whether that reached the point where a grant is due.
    fn add(&self, cost: u64) -> bool {
        let before = self.consumed.fetch_add(cost, Ordering::AcqRel);
        let due_at = self.due_at.load(Ordering::Acquire);
        before < due_at && before.saturating_add(cost) >= due_at
    }

    /// Lets `window` grant for what was consumed, until no grant is due.
    fn grant(&self, window: &mut Window) -> Option<u64> {
        let mut granted = None;
        let mut consumed = self.consumed.load(Ordering::Acquire);
        while let Some(limit) = window.grant(consumed) {
            granted = Some(limit);
            self.due_at.store(window.due_at(), Ordering::Release);
            // A consumer may have passed the new point before it was set: hence the loop. Of two changes of one number one
            // is the first: that of the consumer, which is then seen here, or this one, and then the consumer sees the new
            // point. A load instead might miss the one while the consumer misses the other.
            consumed = self.consumed.fetch_add(0, Ordering::AcqRel);
        }
        granted
    }
}

/// All counters of one session, shared between its [`Rx`](crate::Rx) and the consumers.
#[derive(Debug)]
pub(crate) struct Meters {
    session: Counter,
    /// Bounded: a stream stands in it at most once, and streams are bounded.
    due: Mutex<Vec<StreamId>>,
    any_due: AtomicBool,
}

impl Meters {
    pub(crate) fn new(window: &Window) -> Arc<Self> {
        Arc::new(Self {
            session: Counter::new(window.due_at()),
            due: Mutex::new(Vec::new()),
            any_due: AtomicBool::new(false),
        })
    }

    /// Whether a grant is due: one load, for the reader's loop.
    pub(crate) fn is_due(&self) -> bool {
        self.any_due.load(Ordering::Acquire)
    }

    /// Takes the streams whose grant is due into `streams`.
    pub(crate) fn take_due(&self, streams: &mut Vec<StreamId>) {
        // Whoever has set it again in between is seen with what it has consumed; a store would only hide it.
        self.any_due.swap(false, Ordering::AcqRel);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        streams.append(&mut due);
    }

    pub(crate) fn grant(&self, window: &mut Window) -> Option<u64> {
        self.session.grant(window)
    }
}

/// The counter of one stream: whoever takes its messages returns their cost here.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: StreamId,
    counter: Counter,
    session: Arc<Meters>,
}

impl Meter {
    pub(crate) fn new(stream: StreamId, window: &Window, session: Arc<Meters>) -> Self {
        Self(Arc::new(Inner { stream, counter: Counter::new(window.due_at()), session }))
    }

    /// Returns the cost of consumed messages. `true` asks the caller to wake the session's reader, which
    /// then calls [`Rx::handle_consumed`](crate::Rx::handle_consumed): at most twice per window.
    #[must_use]
    pub fn consume(&self, cost: u64) -> bool {
        let Inner { stream, counter, session } = &*self.0;
        let stream_due = counter.add(cost);
        let session_due = session.session.add(cost);
        if stream_due {
            let mut due = session.due.lock().unwrap_or_else(PoisonError::into_inner);
            if !due.contains(stream) {
                due.push(*stream);
            }
        }
        if stream_due || session_due {
            // Not a store: that would hide what another consumer has published by its own.
            session.any_due.swap(true, Ordering::AcqRel);
        }
        stream_due || session_due
    }

    pub(crate) fn grant(&self, window: &mut Window) -> Option<u64> {
        self.0.counter.grant(window)
    }
}

#[cfg(all(test, loom))]
mod interleaving_tests;
