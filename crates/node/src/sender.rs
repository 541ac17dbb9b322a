//! Sending messages to one stream of one member.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use endpoint::Target;
use link::{StreamId, StreamName, StreamOptions, TrySendError};

use crate::core::Core;
use crate::error::SendError;
use crate::outgoing::Outgoing;
use crate::session::{Half, Operation, Session};
use crate::sync::lock;

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
        let operation = self.in_order(begin).await?;
        Ok(Outgoing::new(operation, total_bytes))
    }

    async fn send_bytes(&self, message: Bytes, confirm: bool) -> Result<(), SendError> {
        match self.in_order(|| self.offer(&message, confirm)).await? {
            Taken::Accepted { look } => {
                if look {
                    // Lets other tasks have their turn once in a while, however fast messages are accepted.
                    tokio::task::consume_budget().await;
                }
                Ok(())
            }
            Taken::Awaited(operation) => SendError::of_outcome(operation.await),
        }
    }

    /// Hands something to a session: to the one there is, or, behind those who wait already, to the next. All who wait
    /// share one dial and its failure.
    async fn in_order<T>(&self, offer: impl Fn() -> Result<Option<T>, SendError>) -> Result<T, SendError> {
        if !self.somebody_waits()
            && let Some(taken) = offer()?
        {
            return Ok(taken);
        }
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

    /// Works on the session that this sender is attached to. `None`: it is attached to none, or not any more.
    fn on_session<T>(
        &self,
        work: impl FnOnce(&Arc<Session>, &mut Half, StreamId) -> Result<T, link::SendError>,
    ) -> Result<Option<T>, SendError> {
        use link::SendError as Refusal;
        let mut state = lock(&self.state);
        let Some(attached) = &state.attached else { return Ok(None) };
        let session = &attached.session;
        let error = match session.with(|half| work(session, half, attached.stream)) {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        match error {
            Refusal::TooLarge { bytes, limit } => Err(SendError::TooLarge { bytes, limit }),
            Refusal::TooManyWaiting { .. } => Err(SendError::TooManyWaiting),
            Refusal::Stopped(reason) => {
                // The receiver may be there again when the stream is opened the next time.
                state.attached = None;
                Err(SendError::Refused { reason, maybe_delivered: false })
            }
            // The session is over, or another sender gave the stream up: there will be a new one.
            _ => {
                state.attached = None;
                Ok(None)
            }
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

/// A place in the line of those who wait for a session.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream in use. The last one of a stream to be dropped ends the stream.
struct Attached {
    session: Arc<Session>,
    stream: StreamId,
}

impl Attached {
    fn open(
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
