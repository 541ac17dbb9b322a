//! What messages are: types that serde can carry, with a name for their shape.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The name of the shape of a message, such as `shop.till/1`. Two nodes must mean the same by it: it is compared before
/// any body is decoded. Change it when the type changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schema(&'static str);

impl Schema {
    /// The longest name.
    pub const MAX_BYTES: usize = 64;

    /// A name of 1 to 64 bytes.
    ///
    /// # Panics
    /// If it is shorter or longer: in a constant, that is an error of compilation.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= Self::MAX_BYTES, "a schema has 1 to 64 bytes");
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Anything that can travel: implemented for all that serde reads and writes.
pub trait Payload: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {}

/// What an actor receives.
///
/// ```
/// use actor_proxy::{Message, ReplyTo, Schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum Till {
///     Put(u64),
///     Sum(ReplyTo<u64>),
/// }
/// impl Message for Till {
///     const SCHEMA: Schema = Schema::new("shop.till/1");
/// }
/// ```
pub trait Message: Payload {
    /// The name of its shape.
    const SCHEMA: Schema;
}
