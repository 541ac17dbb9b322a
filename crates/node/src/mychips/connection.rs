//! A connection in the hands of whoever uses it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use membership::{IdentityKey, MemberId};
use tokio::sync::{mpsc, oneshot};
use x3dh_handshake::Role;
use x3dh_handshake::mychips::{Agent, End};

use super::error::{Ended, SendError};

/// Messages that were received and not taken. The connection is not read beyond that.
pub(super) const MAX_UNTAKEN_MESSAGES: usize = 64;
/// What its users want of a connection and it has not got to. Others wait.
const MAX_WAITING_COMMANDS: usize = 16;

/// What a user of a connection wants.
pub(super) enum Command {
    Send { message: Vec<u8>, reply: oneshot::Sender<Result<(), SendError>> },
    Close,
}

/// What the task of a connection has of it.
pub(super) struct Handle {
    pub(super) inbox: mpsc::Sender<Vec<u8>>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) end: Arc<OnceLock<End>>,
}

/// A connection with an agent that has proven its key and is there. Closed when it and all its [senders](Sender) are
/// dropped.
pub struct Connection {
    sender: Sender,
    role: Role,
    early: Vec<u8>,
    inbox: mpsc::Receiver<Vec<u8>>,
    end: Arc<OnceLock<End>>,
}

/// The sending half of a [`Connection`]. Clones share it.
#[derive(Clone)]
pub struct Sender {
    peer: Agent,
    commands: mpsc::Sender<Command>,
}

impl Connection {
    pub(super) fn new(peer: Agent, role: Role, early: Vec<u8>) -> (Self, Handle) {
        let (commands, wanted) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (delivery, inbox) = mpsc::channel(MAX_UNTAKEN_MESSAGES);
        let end = Arc::new(OnceLock::new());
        let handle = Handle { inbox: delivery, commands: wanted, end: Arc::clone(&end) };
        (Self { sender: Sender { peer, commands }, role, early, inbox, end }, handle)
    }

    /// Which end this node is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The agent at the other end, by the key that it has proven.
    #[must_use]
    pub fn peer(&self) -> IdentityKey {
        self.sender.peer()
    }

    /// The id under which it is a member.
    #[must_use]
    pub fn member(&self) -> MemberId {
        self.sender.member()
    }

    /// What it said early: in I or K, or in A. It was handed out only when the connection counted.
    #[must_use]
    pub fn early(&self) -> &[u8] {
        &self.early
    }

    /// The next message. Safe to cancel.
    ///
    /// # Errors
    /// [`Ended`], again and again: nothing more will come.
    pub async fn recv(&mut self) -> Result<Vec<u8>, Ended> {
        match self.inbox.recv().await {
            Some(message) => Ok(message),
            // Its task says why before it ends, unless it was ended with its runtime.
            None => Err(Ended(self.end.get().copied().unwrap_or(End::Truncated))),
        }
    }

    /// Sends a message: see [`Sender::send`].
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: impl Into<Vec<u8>>) -> Result<(), SendError> {
        self.sender.send(message).await
    }

    /// A sender that can be given away.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Closes the connection: what was sent still arrives, and what the far end has sent can still be received.
    pub async fn close(&self) {
        // There is nothing to close if its task has ended.
        self.sender.commands.send(Command::Close).await.ok();
    }
}

impl Sender {
    /// The agent at the other end.
    #[must_use]
    pub fn peer(&self) -> IdentityKey {
        self.peer.id()
    }

    /// The id under which it is a member.
    #[must_use]
    pub fn member(&self) -> MemberId {
        MemberId::of(&self.peer.id())
    }

    /// Sends a message. Resolves when it was handed to the carrier of the authenticated connection, which does not say
    /// that it has arrived.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, message: impl Into<Vec<u8>>) -> Result<(), SendError> {
        let (reply, outcome) = oneshot::channel();
        let command = Command::Send { message: message.into(), reply };
        self.commands.send(command).await.map_err(|_| SendError::Ended)?;
        outcome.await.unwrap_or(Err(SendError::Ended))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.member())
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("peer", &self.member()).finish_non_exhaustive()
    }
}
