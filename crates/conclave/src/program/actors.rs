//! The services of this node and of others, as commands use them: the one place that knows the node's actors.

use std::sync::Arc;
use std::time::Duration;

use membership::IdentityKey;
use node::{Allow, Format, Node, Origin, ServiceInfo, ServiceName, ServiceOptions};
use serde_json::Value;

use super::chat::{Parlor, Saying};
use super::event::Event;
use super::failure::{Failure, Kind};
use super::unserved::Unserved;

/// The actor that takes what members say.
const CHAT: &str = "chat";

/// The member whose services are used.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) identity: IdentityKey,
    /// What they are called here.
    pub(crate) called: String,
}

/// What a service is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Question {
    /// The body of a request.
    Body(Value),
    /// A message of any shape, with a text that stands for where the answer goes.
    Whole(Value),
}

/// The actors of one node.
pub(crate) struct Actors {
    node: Node,
}

impl Actors {
    pub(crate) fn new(node: Node) -> Actors {
        Actors { node }
    }

    /// Takes what members say, as the actor `chat`.
    pub(crate) fn serve_chat(&self, parlor: &Arc<Parlor>) -> Result<(), Failure> {
        let parlor = Arc::clone(parlor);
        // A later program may say more with a line. And a line comes from whom it seems to come from, not from somebody who
        // was handed the address.
        let options = ServiceOptions::default().self_describing().direct_only();
        let served =
            self.node.serve_with::<Saying, _>(CHAT, Allow::Members, options, |mut inbox| async move {
                while let Some((saying, origin)) = inbox.recv_from().await {
                    if let Origin::Node(node) = origin {
                        parlor.heard(IdentityKey(node.member), saying).await;
                    }
                }
            });
        served.map(drop).map_err(|error| Failure::new(Kind::Broken, error.to_string()))
    }

    /// Says a line to a member; returns when it is in their mailbox, or why not.
    pub(crate) async fn say(&self, to: &Party, saying: Saying) -> Result<(), Failure> {
        let said = async {
            // Looked up for each line: their process may be another one by now.
            let chat = self.node.service::<Saying>(to.identity, CHAT).await?;
            Ok(chat.send_confirmed(saying).await?)
        };
        said.await.map_err(|unserved: Unserved| unserved.failure(&to.called, CHAT))
    }

    /// The services that a member offers, as [`Event::Service`] each.
    pub(crate) async fn services(&self, of: &Party) -> Result<Vec<Event>, Failure> {
        let services = self.node.services(of.identity).await;
        let services = services.map_err(|error| Unserved::from(error).unlisted(&of.called))?;
        let line = |service: ServiceInfo| Event::Service {
            member: of.called.clone(),
            name: service.name.to_string(),
            schema: service.schema,
            format: format_name(service.format).to_owned(),
        };
        Ok(services.into_iter().map(line).collect())
    }

    /// Asks a service of a member and waits for its answer.
    pub(crate) async fn call(
        &self,
        of: &Party,
        service: &str,
        question: Question,
        timeout: Duration,
    ) -> Result<Value, Failure> {
        // Before anybody is dialed for it.
        if ServiceName::new(service).is_none() {
            return Err(Unserved::BadName.failure(&of.called, service));
        }
        let answer = match &question {
            Question::Body(input) => self.node.call(of.identity, service, input, timeout).await,
            Question::Whole(message) => self.node.call_whole(of.identity, service, message, timeout).await,
        };
        answer.map_err(|error| Unserved::from(error).failure(&of.called, service))
    }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Native => "native",
        Format::Cbor => "cbor",
        _ => "unknown",
    }
}
