//! The services of this node and of others, as commands use them: the one place that knows the node's actors.

use std::sync::Arc;
use std::time::Duration;

use membership::IdentityKey;
use node::Node;
use serde_json::Value;

use super::chat::{Parlor, Saying};
use super::event::Event;
use super::failure::{Failure, Kind};

/// The member whose services are used.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) identity: IdentityKey,
    /// What they are called here.
    pub(crate) called: String,
}

/// The actors of one node.
pub(crate) struct Actors;

impl Actors {
    pub(crate) fn new(_node: Node) -> Actors {
        Actors
    }

    /// Takes what members say, as the actor `chat`.
    pub(crate) fn serve_chat(&self, _parlor: &Arc<Parlor>) -> Result<(), Failure> {
        Err(none())
    }

    /// Says a line to a member; returns when it is in their mailbox, or why not.
    pub(crate) async fn say(&self, _to: &Party, _saying: Saying) -> Result<(), Failure> {
        Err(none())
    }

    /// The services that a member offers, as [`Event::Service`] each.
    pub(crate) async fn services(&self, _of: &Party) -> Result<Vec<Event>, Failure> {
        Err(none())
    }

    /// Asks a service of a member and waits for its answer.
    pub(crate) async fn call(
        &self,
        _of: &Party,
        _service: &str,
        _input: Value,
        _timeout: Duration,
    ) -> Result<Value, Failure> {
        Err(none())
    }
}

fn none() -> Failure {
    Failure::new(Kind::Broken, "this node has no actors yet")
}
