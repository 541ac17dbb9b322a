//! When to send the packets of a handshake again, byte for byte.

use std::time::{Duration, Instant};

use crate::config::REPEAT_BASE;

/// The timer of a flight of packets on a path that may lose them.
#[derive(Debug)]
pub(crate) struct Repeat {
    /// `None` on a reliable path.
    next: Option<Instant>,
    delay: Duration,
}

impl Repeat {
    pub(crate) fn new(now: Instant, reliable: bool) -> Self {
        Self { next: (!reliable).then(|| now + REPEAT_BASE), delay: REPEAT_BASE }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether it is time, once for each time.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.delay *= 2;
            self.next = Some(now + self.delay);
        }
        due
    }
}
