//! A stream that a sender uses, and the line in front of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use link::{StreamId, StreamName, StreamOptions};

use crate::session::Session;

/// A stream in use. The last one of a stream to be dropped ends the stream.
pub(super) struct Attached {
    pub(super) session: Arc<Session>,
    pub(super) stream: StreamId,
}

impl Attached {
    pub(super) fn open(
        session: &Arc<Session>,
        name: &StreamName,
        options: StreamOptions,
    ) -> Result<Self, link::SendError> {
        let stream = session.with(|half| half.use_stream(name, options))?;
        Ok(Self { session: Arc::clone(session), stream })
    }
}

impl Clone for Attached {
    fn clone(&self) -> Self {
        self.session.with(|half| half.use_again(self.stream));
        Self { session: Arc::clone(&self.session), stream: self.stream }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.session.with(|half| half.leave_stream(self.stream));
    }
}

/// A place in the line of those who wait for a session.
pub(super) struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    pub(super) fn take(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
