//! What the control plane tells the task of one path while its handshake lasts.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use endpoint::{Admission, Order, SessionId};

use crate::sync::lock;

/// A word from the control plane.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    /// Begin the handshake.
    Begin(Order),
    /// Answer the first packet.
    Answer(Admission),
    /// The handshake counts.
    Live(SessionId),
}

/// Words for one task, in order. Bounded: the control plane says each of them at most once.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    words: VecDeque<Word>,
    closed: bool,
    reader: Option<Waker>,
    watcher: Option<Waker>,
}

impl Mailbox {
    pub(crate) fn put(&self, word: Word) {
        let mut state = lock(&self.state);
        state.words.push_back(word);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// The path is to be closed without a word to the far end.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let watcher = state.watcher.take();
        drop(state);
        watcher.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn next(&self) -> Word {
        std::future::poll_fn(|context| {
            let mut state = lock(&self.state);
            match state.words.pop_front() {
                Some(word) => {
                    if state.words.is_empty() {
                        // A session keeps its mailbox, and the last word to it is soon said.
                        state.words.shrink_to(0);
                    }
                    Poll::Ready(word)
                }
                None => wait(&mut state.reader, context),
            }
        })
        .await
    }

    pub(crate) async fn closed(&self) {
        std::future::poll_fn(|context| {
            let mut state = lock(&self.state);
            if state.closed { Poll::Ready(()) } else { wait(&mut state.watcher, context) }
        })
        .await;
    }
}

fn wait<T>(slot: &mut Option<Waker>, context: &Context<'_>) -> Poll<T> {
    *slot = Some(context.waker().clone());
    Poll::Pending
}
