//! How nodes, actors and services are named.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use uuid::Uuid;

/// One running node, as the layers below prove it. This crate only compares and passes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Whose node: in Conclave the identity key.
    pub member: [u8; 32],
    /// Which of their machines: in Conclave the static key.
    pub device: [u8; 32],
    /// Which run of its process: addresses end with it.
    pub boot: [u8; 16],
}

impl NodeId {
    /// Its length on the wire (PROTOCOL.md §13).
    pub(crate) const BYTES: usize = 80;

    /// Whether both are the same machine, perhaps in different runs.
    pub(crate) fn is_same_device(&self, other: &Self) -> bool {
        self.member == other.member && self.device == other.device
    }

    /// Every run of the same machine, in their order.
    pub(crate) fn runs(&self) -> RangeInclusive<Self> {
        Self { boot: [0; 16], ..*self }..=Self { boot: [u8::MAX; 16], ..*self }
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.member;
        let [x, y, ..] = self.boot;
        write!(f, "node {a:02x}{b:02x}{c:02x}{d:02x}/{x:02x}{y:02x}")
    }
}

/// The name of an actor: unguessable, so that knowing it is having been given it.
///
/// Random, 128 bits less the six that mark a UUID of version 4. It means something only at the actor's own node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(pub(crate) Uuid);

impl ActorId {
    pub(crate) const BYTES: usize = 16;

    /// The name of nobody.
    pub(crate) const NONE: Self = Self(Uuid::nil());

    pub(crate) fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

impl fmt::Debug for ActorId {
    /// Shows a part only: the whole is a capability, and logs are read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0.as_bytes();
        write!(f, "actor {a:02x}{b:02x}…")
    }
}

/// The name of a service: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

impl ServiceName {
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

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
