//! Progress that is told often enough to watch and seldom enough to cost nothing.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::event::{Event, FileLine};

const INTERVAL: Duration = Duration::from_millis(100);

/// Tells how far a file is, at most ten times a second.
pub(crate) struct Progress {
    file: FileLine,
    events: mpsc::Sender<Event>,
    last: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(file: FileLine, events: mpsc::Sender<Event>) -> Progress {
        Progress { file, events, last: None }
    }

    /// That much is done. Never waits: a full queue misses a step of the bar, nothing else.
    pub(crate) fn at(&mut self, done: u64) {
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        // A watcher that left, or that is slow, misses nothing that counts.
        let _ = self.events.try_send(Event::Progress { file: self.file.clone(), done });
    }
}
