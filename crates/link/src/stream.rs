//! Streams: ordered sequences of messages in one direction, known to both sides by a name.

use std::fmt;
use std::sync::Arc;

use chunk_proto::{Compression, Secrecy};

/// The number of a stream in its direction. The sender of the stream counts up from 1; 0 stands for the
/// session as a whole where credit is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// The session as a whole.
    pub(crate) const SESSION: Self = Self(0);
}

/// The name of a stream: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// The longest name.
    pub const MAX_BYTES: usize = 64;

    /// A name, if it is one.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let valid = (1..=Self::MAX_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
        valid.then(|| Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which stream goes first when several have something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before everything else: short commands and answers.
    Urgent,
    /// The default.
    #[default]
    Normal,
    /// After everything else: files, backups.
    Bulk,
}

impl Priority {
    pub(crate) const COUNT: usize = 3;

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }
}

/// How the messages of a stream are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamOptions {
    /// Which stream goes first. [`Priority::Normal`].
    pub priority: Priority,
    /// Whether chunks are compressed. [`Compression::Never`].
    pub compression: Compression,
    /// Secret messages are never compressed, whatever `compression` says.
    pub secrecy: Secrecy,
}

impl StreamOptions {
    /// These options with another priority.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// These options with another compression.
    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    /// These options for secret messages.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { secrecy: Secrecy::Secret, ..self }
    }
}
