//! A service that answers what it is asked.

use actor_proxy::{Allow, Inbox, Message, Request, Schema, ServiceOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::node::Node;

/// What the service `echo` is asked: any JSON, which comes back as it was. Every node offers it to members, unless its
/// builder [says no](crate::Builder::echo): it tells whether actors of two nodes can speak with each other.
///
/// Its messages describe themselves: [`Node::call`](crate::Node::call) asks it without this type.
#[derive(Debug, Serialize, Deserialize)]
pub struct Echo(pub Request<Value, Value>);

impl Message for Echo {
    const SCHEMA: Schema = Schema::new("conclave.echo/1");
}

impl Echo {
    /// The name of the service.
    pub const SERVICE: &'static str = "echo";
}

pub(crate) fn serve(node: &Node) {
    let options = ServiceOptions::default().self_describing();
    // The node is new: it ends at the earliest now, and nothing has the name.
    node.serve_with(Echo::SERVICE, Allow::Members, options, echo).ok();
}

async fn echo(mut inbox: Inbox<Echo>) {
    while let Some(Echo(Request { body, reply })) = inbox.recv().await {
        reply.send(body);
    }
}
