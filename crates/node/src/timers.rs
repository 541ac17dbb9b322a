//! One timer for every deadline of a node.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use endpoint::PathId;
use tokio::sync::Notify;

use crate::clock;
use crate::session::Session;
use crate::sync::lock;

/// The deadlines of the control plane and of all sessions. One task sleeps until the first of them.
#[derive(Default)]
pub(crate) struct Timers {
    deadlines: Mutex<Deadlines>,
    changed: Notify,
    stopped: Notify,
}

#[derive(Default)]
struct Deadlines {
    control: Option<Instant>,
    guard: Option<Instant>,
    /// At most one of each session: its driver takes the one back that it replaces.
    sessions: BTreeMap<(Instant, PathId), Arc<Session>>,
    /// Until when the task sleeps.
    sleeping_until: Option<Instant>,
    stopped: bool,
}

/// What is due.
pub(crate) struct Due {
    pub(crate) control: bool,
    pub(crate) guard: bool,
    pub(crate) sessions: Vec<Arc<Session>>,
}

impl Timers {
    /// Sets the deadline of the control plane.
    pub(crate) fn set_control(&self, deadline: Option<Instant>) {
        self.change(|deadlines| deadlines.control = deadline);
    }

    /// Sets the deadline of the guard.
    pub(crate) fn set_guard(&self, deadline: Option<Instant>) {
        self.change(|deadlines| deadlines.guard = deadline);
    }

    /// Has the driver of a session woken at `deadline`.
    pub(crate) fn arm(&self, deadline: Instant, path: PathId, session: &Arc<Session>) {
        self.change(|deadlines| {
            deadlines.sessions.insert((deadline, path), Arc::clone(session));
        });
    }

    /// Takes back a deadline set with [`arm`](Self::arm).
    pub(crate) fn disarm(&self, deadline: Instant, path: PathId) {
        lock(&self.deadlines).sessions.remove(&(deadline, path));
    }

    /// How many sessions are to be woken.
    pub(crate) fn armed(&self) -> usize {
        lock(&self.deadlines).sessions.len()
    }

    /// There will be no deadline any more.
    pub(crate) fn stop(&self) {
        lock(&self.deadlines).stopped = true;
        self.changed.notify_one();
        self.stopped.notify_waiters();
    }

    /// Resolves when [`stop`](Self::stop) was called.
    pub(crate) async fn stopped(&self) {
        let stopped = self.stopped.notified();
        // A future of `notified` counts from its making.
        if !lock(&self.deadlines).stopped {
            stopped.await;
        }
    }

    /// Sleeps until something is due; `None` when nothing will be any more.
    pub(crate) async fn next(&self) -> Option<Due> {
        loop {
            let next = {
                let mut deadlines = lock(&self.deadlines);
                if deadlines.stopped {
                    return None;
                }
                deadlines.sleeping_until = deadlines.first();
                deadlines.sleeping_until
            };
            let Some(next) = next else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = clock::sleep_until(next) => {}
                () = self.changed.notified() => continue,
            }
            return Some(lock(&self.deadlines).take_due(clock::now()));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Deadlines)) {
        let earlier = {
            let mut deadlines = lock(&self.deadlines);
            change(&mut deadlines);
            // Waking too early costs a look around; only waking too late would be wrong.
            deadlines.first().is_some_and(|first| deadlines.sleeping_until.is_none_or(|until| first < until))
        };
        if earlier {
            self.changed.notify_one();
        }
    }
}

impl Deadlines {
    fn first(&self) -> Option<Instant> {
        let session = self.sessions.first_key_value().map(|((deadline, _), _)| *deadline);
        [self.control, self.guard, session].into_iter().flatten().min()
    }

    fn take_due(&mut self, now: Instant) -> Due {
        let control = self.control.take_if(|deadline| *deadline <= now).is_some();
        let guard = self.guard.take_if(|deadline| *deadline <= now).is_some();
        let mut sessions = Vec::new();
        while let Some(entry) = self.sessions.first_entry().filter(|entry| entry.key().0 <= now) {
            sessions.push(entry.remove());
        }
        Due { control, guard, sessions }
    }
}
