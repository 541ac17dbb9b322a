//! Where what members say comes in: it is kept, and shown where a conversation with them is open.

use std::collections::HashMap;

use membership::IdentityKey;
use tokio::sync::{Mutex, mpsc};

use super::super::command::now;
use super::super::event::{Event, Speaker};
use super::super::failure::{Failure, Kind};
use super::super::home::{Home, KeptLine, SharedRoster};
use super::super::ipc::Say;
use super::Saying;

/// Lines on their way to one conversation; what does not fit is told by `conclave up` instead.
const QUEUE_HEARD: usize = 256;

/// All conversations of one node.
pub(crate) struct Parlor {
    home: Home,
    roster: SharedRoster,
    /// Where lines are told that nobody has a conversation open for.
    events: mpsc::Sender<Event>,
    /// Held while a line is kept and shown, so that a conversation that opens sees each line exactly once.
    open: Mutex<HashMap<IdentityKey, Vec<mpsc::Sender<Event>>>>,
}

/// An open conversation. It is closed by dropping it.
pub(crate) struct Window {
    /// The lines of earlier conversations.
    pub(crate) earlier: Vec<Event>,
    /// What the member says from now on.
    pub(crate) heard: mpsc::Receiver<Event>,
}

impl Parlor {
    pub(crate) fn new(home: Home, roster: SharedRoster, events: mpsc::Sender<Event>) -> Parlor {
        Parlor { home, roster, events, open: Mutex::default() }
    }

    /// Opens a conversation, beginning with the last lines of earlier ones.
    pub(crate) async fn open(&self, member: IdentityKey, last: usize) -> Result<Window, Failure> {
        let file = self.home.chat(&member);
        let mut open = self.open.lock().await;
        let kept = off_thread(move || file.last(last)).await?;
        let (window, heard) = mpsc::channel(QUEUE_HEARD);
        let windows = open.entry(member).or_default();
        windows.retain(|window| !window.is_closed());
        windows.push(window);
        drop(open);
        let (called, now) = (self.roster.name_of(&member), now()?.seconds());
        let earlier = kept.into_iter().map(|line| Event::ChatKept {
            member: called.clone(),
            speaker: line.speaker,
            age_seconds: now.saturating_sub(line.at),
            delivered: line.delivered,
            text: line.text,
        });
        Ok(Window { earlier: earlier.collect(), heard })
    }

    /// Takes what a member says.
    pub(crate) async fn heard(&self, from: IdentityKey, saying: Saying) {
        let event = Event::Heard { member: self.roster.name_of(&from), text: saying.into_text() };
        let Event::Heard { text, .. } = &event else { return };
        let mut open = self.open.lock().await;
        self.keep(from, Speaker::Them, text, true).await;
        let mut shown = false;
        if let Some(windows) = open.get_mut(&from) {
            windows.retain(|window| !window.is_closed());
            for window in &*windows {
                // Who does not read holds up nobody else; the line is kept.
                shown |= window.try_send(event.clone()).is_ok();
            }
            if windows.is_empty() {
                open.remove(&from);
            }
        }
        if !shown {
            let _ = self.events.try_send(event);
        }
    }

    /// Keeps what was said to a member, and tells what became of it.
    pub(crate) async fn said(
        &self,
        member: IdentityKey,
        called: &str,
        line: Say,
        outcome: Result<(), Failure>,
    ) -> Event {
        let open = self.open.lock().await;
        self.keep(member, Speaker::Us, &line.text, outcome.is_ok()).await;
        drop(open);
        let (member, Say { number, text }) = (called.to_owned(), line);
        match outcome {
            Ok(()) => Event::Delivered { member, number, text },
            Err(failure) => Event::Undelivered { member, number, text, failure },
        }
    }

    /// A disk that refuses must not keep people from talking: it is told, and they go on.
    async fn keep(&self, member: IdentityKey, speaker: Speaker, text: &str, delivered: bool) {
        let file = self.home.chat(&member);
        let text = text.to_owned();
        let kept = off_thread(move || {
            let at = now()?.seconds();
            file.append(&KeptLine { at, speaker, text, delivered })
        });
        if let Err(failure) = kept.await {
            let notice = Event::Notice {
                what: format!("a line was not kept: {}", failure.what),
                advice: failure.advice.first().cloned().unwrap_or_default(),
            };
            let _ = self.events.try_send(notice);
        }
    }
}

/// The disk may take its time, and the threads of the node have others to serve.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Failure::new(Kind::Broken, format!("a file was not finished: {error}"))))
}

#[cfg(test)]
mod tests;
