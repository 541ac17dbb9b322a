//! JSON in, JSON out: services of members without their Rust types.

use std::time::Duration;

use actor_proxy::{AskError, ReplyTo};
use membership::IdentityKey;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::error::CallError;
use crate::node::Node;

/// Stands for where the answer goes.
const REPLY: &str = "$reply";

/// JSON within JSON, as deep as JSON that was read from text can be.
const MAX_JSON_DEPTH: usize = 128;

impl Node {
    /// Asks a member's service whose messages describe themselves, and waits for its answer: at most `timeout`, connecting
    /// included.
    ///
    /// The message is `{"body": input, "reply": …}`, which is what a [`Request`](crate::Request) is, whatever stands in the
    /// input. For messages of other shapes there is [`call_whole`](Self::call_whole).
    ///
    /// Each call looks the service up. For many hold a [`service`](Self::service), or an
    /// [`untyped_service`](Self::untyped_service).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(
        &self,
        member: IdentityKey,
        service: &str,
        input: &Value,
        timeout: Duration,
    ) -> Result<Value, CallError> {
        self.call_with(member, service, |reply| Call::Question { body: input, reply }, timeout).await
    }

    /// As [`call`](Self::call), with a message of any shape. The string `"$reply"` in it, which may stand there once, stands
    /// for where the answer goes: what the message's Rust type has a [`ReplyTo`] for. Put no text of others in such a
    /// message without looking for it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_whole(
        &self,
        member: IdentityKey,
        service: &str,
        message: &Value,
        timeout: Duration,
    ) -> Result<Value, CallError> {
        self.call_with(member, service, |reply| Call::Whole { message, reply }, timeout).await
    }

    async fn call_with<'a>(
        &self,
        member: IdentityKey,
        service: &str,
        call: impl FnOnce(ReplyTo<Value>) -> Call<'a>,
        timeout: Duration,
    ) -> Result<Value, CallError> {
        let now = Instant::now();
        // What lies beyond the end of time is a hundred years from now.
        let deadline = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(3_153_600_000));
        let service = timeout_at(deadline, self.untyped_service(member, service)).await;
        let service = service.map_err(|_| AskError::TimedOut)??;
        Ok(service.ask(call, deadline.saturating_duration_since(Instant::now())).await?)
    }
}

/// The message that is made of the input.
enum Call<'a> {
    Question { body: &'a Value, reply: ReplyTo<Value> },
    Whole { message: &'a Value, reply: ReplyTo<Value> },
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let depth_left = MAX_JSON_DEPTH;
        match self {
            Self::Question { body, reply } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("body", &Part { value: body, reply: None, depth_left })?;
                map.serialize_entry("reply", reply)?;
                map.end()
            }
            Self::Whole { message, reply } => {
                Part { value: message, reply: Some(reply), depth_left }.serialize(serializer)
            }
        }
    }
}

/// A part of the input.
#[derive(Clone, Copy)]
struct Part<'a> {
    value: &'a Value,
    /// What stands for [`REPLY`], where that stands for anything.
    reply: Option<&'a ReplyTo<Value>>,
    depth_left: usize,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            return Err(S::Error::custom(format_args!("JSON that nests more than {MAX_JSON_DEPTH} values")));
        };
        let part = |value| Part { value, depth_left, ..*self };
        match self.value {
            Value::String(text) if text == REPLY => match self.reply {
                Some(reply) => reply.serialize(serializer),
                None => text.serialize(serializer),
            },
            Value::Array(values) => {
                let mut array = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| array.serialize_element(&part(value)))?;
                array.end()
            }
            Value::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| object.serialize_entry(name, &part(value)))?;
                object.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}
