//! One connection.

use std::fmt;
use std::sync::Arc;

use actor_proxy::{Address, Ended, Inbox, Message, SendError};
use membership::IdentityKey;
use thiserror::Error;
use tokio::sync::{Mutex, OwnedSemaphorePermit};

use super::wire::Item;

/// A connection: messages of type `M` in both directions. Dropping it closes it.
pub struct Connection<M: Message> {
    speaker: Speaker<M>,
    /// None once nothing more can come.
    inbox: Option<Inbox<Item<M>>>,
    /// The number of the next message.
    expected: u64,
    closed: Option<Closed>,
    /// The place among those that a listener accepts.
    _place: Option<OwnedSemaphorePermit>,
}

/// The sending side of a connection, for other tasks. Cheap to clone; the last one closes it.
pub struct Speaker<M: Message>(Arc<Line<M>>);

struct Line<M: Message> {
    peer: IdentityKey,
    far: Address<Item<M>>,
    /// The number of the next message. Held while one is being accepted, so that their order is that of their numbers.
    next: Mutex<u64>,
}

/// Why nothing more comes in a connection. All that arrived before was received.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Closed {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    ByPeer,
    /// Messages were lost with a session.
    #[error("messages were lost with a session")]
    Lost,
    /// A message is not of the type that this end expects.
    #[error("a message could not be read")]
    Unreadable,
    /// The peer is gone, or cannot be reached.
    #[error(transparent)]
    Ended(Ended),
}

impl<M: Message> Connection<M> {
    pub(super) fn new(
        peer: IdentityKey,
        far: Address<Item<M>>,
        inbox: Inbox<Item<M>>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let line = Line { peer, far, next: Mutex::default() };
        let speaker = Speaker(Arc::new(line));
        Self { speaker, inbox: Some(inbox), expected: 0, closed: None, _place: place }
    }

    /// Who is at the other end, as its session has proven.
    #[must_use]
    pub fn peer(&self) -> IdentityKey {
        self.speaker.peer()
    }

    /// The sending side alone.
    #[must_use]
    pub fn speaker(&self) -> Speaker<M> {
        self.speaker.clone()
    }

    /// See [`Speaker::send`].
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: M) -> Result<(), SendError> {
        self.speaker.send(message).await
    }

    /// See [`Speaker::flush`].
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn flush(&self) -> Result<(), SendError> {
        self.speaker.flush().await
    }

    /// The next message. Messages that nobody takes stop their sender, not their loss. Cancel-safe.
    ///
    /// # Errors
    /// [`Closed`], from then on always the same.
    pub async fn recv(&mut self) -> Result<M, Closed> {
        let Some(inbox) = &mut self.inbox else { return Err(self.closed.clone().unwrap_or(Closed::ByPeer)) };
        // A peer that closes says so behind its messages, if there is room. This is how its disappearance is noticed, and
        // may overtake what it sent.
        let ended = self.speaker.0.far.ended();
        let item = tokio::select! {
            biased;
            item = inbox.recv() => item.ok_or(Closed::ByPeer),
            ended = ended => match ended {
                Ended::Finished | Ended::Panicked => inbox.recv().await.ok_or(Closed::ByPeer),
                ended => inbox.try_recv().map(|(item, _)| item).ok_or(Closed::Ended(ended)),
            },
        };
        let unreadable = inbox.unreadable() > 0;
        match item {
            Ok(Item::Message { number, body }) if number == self.expected => {
                self.expected += 1;
                Ok(body)
            }
            Ok(_) if unreadable => Err(self.close(Closed::Unreadable)),
            Ok(Item::Close { number }) if number == self.expected => Err(self.close(Closed::ByPeer)),
            Ok(_) => Err(self.close(Closed::Lost)),
            Err(why) => Err(self.close(if unreadable { Closed::Unreadable } else { why })),
        }
    }

    /// Has `callback` called for each message, one after the other, in a task of its own, which ends with the connection.
    /// Nothing that arrived before is lost. The speaker keeps the connection open.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn on_message(mut self, mut callback: impl FnMut(M) + Send + 'static) -> Speaker<M> {
        let speaker = self.speaker();
        tokio::spawn(async move {
            while let Ok(message) = self.recv().await {
                callback(message);
            }
        });
        speaker
    }

    fn close(&mut self, why: Closed) -> Closed {
        self.inbox = None;
        self.closed.insert(why).clone()
    }
}

impl<M: Message> Speaker<M> {
    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> IdentityKey {
        self.0.peer
    }

    /// Sends a message as a unit: it arrives whole or not at all. Resolves when it was accepted under flow control. Not
    /// cancel-safe: if the future is dropped just as the message was accepted, the peer sees [`Closed::Lost`].
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent then.
    pub async fn send(&self, message: M) -> Result<(), SendError> {
        let mut next = self.0.next.lock().await;
        self.0.far.send(Item::Message { number: *next, body: message }).await?;
        *next += 1;
        Ok(())
    }

    /// Resolves when everything that was accepted has been handed to the carrier. Nothing needs it to leave: messages are
    /// packed together only while the carrier is busy.
    ///
    /// # Errors
    /// [`SendError::Lost`] if the session ends before.
    pub async fn flush(&self) -> Result<(), SendError> {
        self.0.far.flush().await
    }
}

impl<M: Message> Drop for Line<M> {
    fn drop(&mut self) {
        let number = *self.next.get_mut();
        // Without room the peer learns it from the end of this side's mailbox.
        self.far.try_send(Item::Close { number }).ok();
    }
}

impl<M: Message> Clone for Speaker<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> fmt::Debug for Speaker<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speaker").field("peer", &self.0.peer).finish_non_exhaustive()
    }
}

impl<M: Message> fmt::Debug for Connection<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.speaker.0.peer).finish_non_exhaustive()
    }
}
