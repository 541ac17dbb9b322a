//! Why an address is no good any more.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why an actor cannot be spoken with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// Its work is done: it let go of its inbox.
    #[error("the actor has finished")]
    Finished,
    /// It panicked. Its node lives.
    #[error("the actor has panicked")]
    Panicked,
    /// Its owner withdrew it.
    #[error("the actor was withdrawn")]
    Withdrawn,
    /// Nobody held or used the address for a while, or it never was one.
    #[error("the address has expired, or never was one")]
    Expired,
    /// Its node shuts down.
    #[error("the actor's node shuts down")]
    Shutdown,
    /// Its node was restarted: the process that had it is gone.
    #[error("the actor's node was restarted")]
    Restarted,
    /// Its node cannot be reached at the moment. The address may be good again later.
    #[error("the actor's node cannot be reached")]
    Unreachable(#[source] Unreachable),
}

impl Ended {
    /// As PROTOCOL.md §13 numbers them. Those that only this side can know have none.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Finished => 1,
            Self::Panicked => 2,
            Self::Withdrawn => 3,
            Self::Shutdown => 5,
            Self::Expired | Self::Restarted | Self::Unreachable(_) => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Finished,
            2 => Self::Panicked,
            3 => Self::Withdrawn,
            5 => Self::Shutdown,
            _ => Self::Expired,
        }
    }

    /// Whether the address may be good again later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable(unreachable) if unreachable.is_retryable())
    }
}

/// Why there is no session with a node, in the words of the layer that tried.
#[derive(Clone)]
pub struct Unreachable {
    cause: Arc<dyn Error + Send + Sync>,
    retryable: bool,
}

impl Unreachable {
    /// Wraps what the layer below said; `retryable`: whether trying again may help.
    pub fn new(cause: impl Error + Send + Sync + 'static, retryable: bool) -> Self {
        Self { cause: Arc::new(cause), retryable }
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// What the layer below said; downcast it to that layer's error.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl fmt::Debug for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cause, f)
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl PartialEq for Unreachable {
    fn eq(&self, other: &Self) -> bool {
        self.retryable == other.retryable && self.cause.to_string() == other.cause.to_string()
    }
}

impl Eq for Unreachable {}

impl Error for Unreachable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
