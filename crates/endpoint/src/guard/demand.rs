//! What a first packet must show now.

use super::cookies::Secrets;
use super::level::Level;

/// What a first packet must show now: a snapshot for the task of its path. By default nothing but the door.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    pub(crate) level: Level,
    pub(crate) secrets: Secrets,
    /// Whether the budget is spent.
    pub(crate) defer: bool,
}

impl Demand {
    /// The level that it follows from.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The same, for a packet whose turn has not come yet: what deserves a Diffie-Hellman is
    /// [put off](crate::Step::Later), what does not is refused at once.
    #[must_use]
    pub fn deferring(self, defer: bool) -> Self {
        Self { defer, ..self }
    }
}
