//! What a node offers under names.

use crate::body::Format;
use crate::envelope::Listed;
use crate::node_id::ServiceName;

/// How an actor is spoken with. The default suits programs in Rust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// How the bodies of its messages are written. [`Format::Native`].
    pub format: Format,
    /// Nobody may pass on messages to it: whoever is given its address by somebody else speaks with it directly, or not
    /// at all. `false`.
    pub direct_only: bool,
    /// Messages of actors of this node that may wait. That of [`Limits`](crate::Limits).
    pub mailbox_messages: Option<usize>,
}

impl ServiceOptions {
    /// These options with bodies that describe themselves, for callers in other languages.
    #[must_use]
    pub fn self_describing(self) -> Self {
        Self { format: Format::Cbor, ..self }
    }

    /// These options without introducers in between.
    #[must_use]
    pub fn direct_only(self) -> Self {
        Self { direct_only: true, ..self }
    }

    /// These options with room for so many messages.
    #[must_use]
    pub fn with_mailbox(self, messages: usize) -> Self {
        Self { mailbox_messages: Some(messages), ..self }
    }
}

/// A service as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// Under which name it is looked up.
    pub name: ServiceName,
    /// What it speaks.
    pub schema: String,
    /// How bodies are written.
    pub format: Format,
}

impl From<Listed> for ServiceInfo {
    fn from(Listed { name, schema, format }: Listed) -> Self {
        Self { name, schema: schema.into(), format }
    }
}
