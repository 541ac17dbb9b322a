//! Sending messages to one stream of one member.

mod attached;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use endpoint::Target;
use link::{StreamId, StreamName, StreamOptions, TrySendError};

use attached::{Attached, Place};

use crate::core::Core;
use crate::error::SendError;
use crate::outgoing::Outgoing;
use crate::session::{Half, Operation, Session};
use crate::sync::lock;

/// Messages that go to a session in one piece.
const MESSAGES_AT_ONCE: usize = 32;

/// Sends messages to one stream of one member. Cheap to clone.
///
/// It connects by itself when there is something to send and no session, and again after the session ended. Messages
/// that one sender sends one after the other arrive in that order, as long as they travel in one session.
///
/// # Cancelling
/// A future that is dropped before it resolves means: not sent, or as if not waited for. The session goes on.
pub struct Sender {
    core: Arc<Core>,
    target: Target,
    name: StreamName,
    options: StreamOptions,
    state: Mutex<State>,
    /// Messages that wait for a session, in their order.
    line: tokio::sync::Mutex<()>,
    /// How many wait in it.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The session of the last message.
    attached: Option<Attached>,
}

/// What became of a message handed to a session.
enum Taken {
    Accepted {
        /// It is time to look at the task's budget.
        look: bool,
    },
    /// Its outcome comes later.
    Awaited(Operation),
}

impl Sender {
    pub(crate) fn new(core: Arc<Core>, target: Target, name: StreamName, options: StreamOptions) -> Self {
        Self {
            core,
            target,
            name,
            options,
            state: Mutex::default(),
            line: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The name of the stream.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// Sends a message; resolves when it was accepted under flow control. It arrives at most once, and is lost if the
    /// session is lost before it arrives.
    ///
    /// # Errors
    /// [`SendError`]. Nothing was sent, unless [`SendError::maybe_delivered`].
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.send_bytes(message.into(), false).await
    }

    /// Sends messages one behind the other; resolves when the last was accepted under flow control. It does what as many
    /// calls of [`send`](Self::send) do, and costs less: the way into the session is gone once for 32 of them.
    ///
    /// If the future is dropped, those that were accepted are sent, and the others are not.
    ///
    /// # Errors
    /// [`SendError`] of the first message that was not sent; those before it were.
    pub async fn send_all<M: Into<Bytes>>(
        &self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<(), SendError> {
        let mut messages = messages.into_iter();
        let mut batch: Vec<Bytes> = Vec::with_capacity(MESSAGES_AT_ONCE);
        loop {
            // The iterator is code of the user: it runs under no lock.
            batch.extend(messages.by_ref().take(MESSAGES_AT_ONCE).map(Into::into));
            if batch.is_empty() {
                return Ok(());
            }
            let mut rest = batch.as_slice();
            while let Some((first, others)) = rest.split_first() {
                match self.at_once(|| self.offer_some(rest))? {
                    None | Some(0) => {
                        self.send_bytes(first.clone(), false).await?;
                        rest = others;
                    }
                    Some(taken) => rest = rest.get(taken..).unwrap_or_default(),
                }
            }
            batch.clear();
            tokio::task::consume_budget().await;
        }
    }

    /// Sends a message; resolves when it is in the queue of the far receiver.
    ///
    /// # Errors
    /// [`SendError`]. The message did not arrive, unless [`SendError::maybe_delivered`].
    pub async fn send_confirmed(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.send_bytes(message.into(), true).await
    }

    /// Sends a message if there is a session and room for it now.
    ///
    /// # Errors
    /// [`SendError::Full`] otherwise; [`SendError`].
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        let message = message.into();
        if self.somebody_waits() {
            return Err(SendError::Full);
        }
        let sent = self.on_session(|_, half, stream| match half.tx.try_send(stream, &message, false) {
            Ok(_) => Ok(true),
            Err(TrySendError::Full) => Ok(false),
            Err(TrySendError::Refused(error)) => Err(error),
        })?;
        if sent == Some(true) { Ok(()) } else { Err(SendError::Full) }
    }

    /// Begins a message of `total_bytes` that is written in pieces: neither side holds it as a whole.
    ///
    /// # Errors
    /// [`SendError`]. Nothing was sent.
    pub async fn begin(&self, total_bytes: u64) -> Result<Outgoing, SendError> {
        let begin = || {
            self.on_session(|session, half, stream| {
                let operation = half.tx.begin(stream, total_bytes)?;
                Ok(Operation::watch(session, half, stream, operation))
            })
        };
        let operation = match self.at_once(begin)? {
            Some(operation) => operation,
            None => self.in_line(begin).await?,
        };
        Ok(Outgoing::new(operation, total_bytes))
    }

    async fn send_bytes(&self, message: Bytes, confirm: bool) -> Result<(), SendError> {
        let taken = match self.at_once(|| self.offer(&message, confirm)) {
            // Nothing else is moved about for most messages.
            Ok(Some(Taken::Accepted { look: false })) => return Ok(()),
            Ok(Some(taken)) => taken,
            Ok(None) => self.in_line(|| self.offer(&message, confirm)).await?,
            Err(error) => return Err(error),
        };
        match taken {
            Taken::Accepted { look: false } => Ok(()),
            Taken::Accepted { look: true } => {
                // Lets other tasks have their turn once in a while, however fast messages are accepted.
                tokio::task::consume_budget().await;
                Ok(())
            }
            Taken::Awaited(operation) => SendError::of_outcome(operation.await),
        }
    }

    /// Hands something to the session that there is, unless others wait for one.
    #[inline]
    fn at_once<T>(
        &self,
        offer: impl FnOnce() -> Result<Option<T>, SendError>,
    ) -> Result<Option<T>, SendError> {
        if self.somebody_waits() { Ok(None) } else { offer() }
    }

    /// Hands something to the next session, behind those who wait already. All who wait share one dial and its failure.
    async fn in_line<T>(&self, offer: impl Fn() -> Result<Option<T>, SendError>) -> Result<T, SendError> {
        let _place = Place::take(&self.waiting);
        let (attached, _turn) = tokio::join!(self.attach(), self.line.lock());
        attached?;
        loop {
            match offer()? {
                Some(taken) => return Ok(taken),
                None => self.attach().await?,
            }
        }
    }

    fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::Acquire) != 0
    }

    /// Hands a message to the session: at once, or into the line. `None`: there is no session that could take it.
    #[inline]
    fn offer(&self, message: &Bytes, confirm: bool) -> Result<Option<Taken>, SendError> {
        self.on_session(|session, half, stream| {
            let operation = match half.tx.try_send(stream, message, confirm) {
                Ok(None) => return Ok(Taken::Accepted { look: half.is_time_to_look() }),
                Ok(Some(operation)) => operation,
                Err(TrySendError::Full) => half.tx.enqueue(stream, message.clone(), confirm)?,
                Err(TrySendError::Refused(error)) => return Err(error),
            };
            Ok(Taken::Awaited(Operation::watch(session, half, stream, operation)))
        })
    }

    /// Hands the session as many messages as it takes at once, and says how many. `None`: there is no session that could
    /// take any.
    fn offer_some(&self, messages: &[Bytes]) -> Result<Option<usize>, SendError> {
        self.on_session(|_, half, stream| {
            let mut taken = half.tx.try_send_run(stream, messages.iter().map(|message| &**message))?;
            for message in messages.get(taken..).unwrap_or_default() {
                match half.tx.try_send(stream, message, false) {
                    Ok(_) => taken += 1,
                    Err(TrySendError::Refused(error)) if taken == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            Ok(taken)
        })
    }

    /// Works on the session that this sender is attached to. `None`: it is attached to none, or not any more.
    #[inline]
    fn on_session<T>(
        &self,
        work: impl FnOnce(&Arc<Session>, &mut Half, StreamId) -> Result<T, link::SendError>,
    ) -> Result<Option<T>, SendError> {
        let mut state = lock(&self.state);
        let Some(attached) = &state.attached else { return Ok(None) };
        let session = &attached.session;
        match session.with(|half| work(session, half, attached.stream)) {
            Ok(done) => Ok(Some(done)),
            Err(error) => state.refuse(error).map(|()| None),
        }
    }

    /// Finds or makes a session, and opens the stream in it.
    async fn attach(&self) -> Result<(), SendError> {
        let session = self.core.connect(self.target).await?;
        match Attached::open(&session, &self.name, self.options) {
            Ok(attached) => {
                lock(&self.state).attached = Some(attached);
                Ok(())
            }
            Err(link::SendError::TooManyStreams { limit }) => Err(SendError::TooManyStreams { limit }),
            // It has just ended. Whoever ends it may be waiting for this thread.
            Err(_) => {
                tokio::task::yield_now().await;
                Ok(())
            }
        }
    }
}

impl State {
    /// What a refusal means. `Ok`: there will be a new session.
    #[cold]
    fn refuse(&mut self, refusal: link::SendError) -> Result<(), SendError> {
        use link::SendError as Refusal;
        match refusal {
            Refusal::TooLarge { bytes, limit } => Err(SendError::TooLarge { bytes, limit }),
            Refusal::TooManyWaiting { .. } => Err(SendError::TooManyWaiting),
            Refusal::Stopped(reason) => {
                // The receiver may be there again when the stream is opened the next time.
                self.attached = None;
                Err(SendError::Refused { reason, maybe_delivered: false })
            }
            // The session is over, or another sender gave the stream up.
            _ => {
                self.attached = None;
                Ok(())
            }
        }
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        let attached = lock(&self.state).attached.clone();
        Self {
            core: Arc::clone(&self.core),
            target: self.target,
            name: self.name.clone(),
            options: self.options,
            state: Mutex::new(State { attached }),
            line: tokio::sync::Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("target", &self.target)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
