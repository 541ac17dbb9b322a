//! The plainest shape of a question.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::reply::ReplyTo;

/// A question and where its answer goes. A service that does one thing takes nothing but this, under a schema of its own:
///
/// ```
/// use actor_proxy::{Message, Request, Schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Square(Request<u64, u64>);
///
/// impl Message for Square {
///     const SCHEMA: Schema = Schema::new("maths.square/1");
/// }
///
/// fn answer(Square(Request { body, reply }): Square) {
///     reply.send(body.saturating_mul(body));
/// }
/// ```
///
/// Written as CBOR it is the map `{"body": …, "reply": …}`.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "T: Serialize, R: crate::Payload",
    deserialize = "T: Deserialize<'de>, R: crate::Payload"
))]
pub struct Request<T, R> {
    /// What is asked.
    pub body: T,
    /// Where the answer goes.
    pub reply: ReplyTo<R>,
}

impl<T, R> Request<T, R> {
    /// Puts the two together, as [`Address::ask`](crate::Address::ask) wants it: `till.ask(|reply| Square(Request::new(7,
    /// reply)), timeout)`.
    #[must_use]
    pub fn new(body: T, reply: ReplyTo<R>) -> Self {
        Self { body, reply }
    }
}

impl<T: fmt::Debug, R> fmt::Debug for Request<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("body", &self.body).finish_non_exhaustive()
    }
}
