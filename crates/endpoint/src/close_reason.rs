//! Why a session was closed, told to the peer inside it.
#![allow(missing_docs)]

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    #[error("idle")]
    Idle,
    #[error("shutting down")]
    Shutdown,
    #[error("superseded by another session")]
    Superseded,
    #[error("no longer a member")]
    Removed,
    #[error("protocol violation")]
    Protocol,
    #[error("closed by the application")]
    Application,
    #[error("reason {0}")]
    Other(u16),
}
