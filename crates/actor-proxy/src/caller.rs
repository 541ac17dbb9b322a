//! An address as a service of `tower`.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_service::Service;

use crate::address::Address;
use crate::error::AskError;
use crate::request::Request;
use crate::schema::{Message, Payload};

/// A [`tower_service::Service`] in front of an actor that takes [`Request`]s: each call is one question, with its own
/// deadline.
///
/// It is always ready: whether the actor's mailbox has room is known to no caller before its message stands in the line, and
/// the wait for it is part of each call, within the call's deadline. To shed load put a limit of concurrency in front of
/// it. What the actor's end means is said by each call: [`AskError::Send`] or [`AskError::Ended`].
///
/// ```
/// use std::time::Duration;
///
/// use actor_proxy::{Address, Caller, Message, Request, Schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Square(Request<u64, u64>);
///
/// impl Message for Square {
///     const SCHEMA: Schema = Schema::new("maths.square/1");
/// }
///
/// fn service(address: Address<Square>) -> impl tower_service::Service<u64, Response = u64> {
///     Caller::new(address, Square, Duration::from_secs(1))
/// }
/// ```
pub struct Caller<T, R, M, F = fn(Request<T, R>) -> M> {
    address: Address<M>,
    wrap: F,
    timeout: Duration,
    call: PhantomData<fn(T) -> R>,
}

impl<T, R, M, F> Caller<T, R, M, F>
where
    M: Message,
    F: Fn(Request<T, R>) -> M,
{
    /// Calls the actor at `address`: `wrap` makes its message of a request, and each call takes `timeout` at most.
    pub fn new(address: Address<M>, wrap: F, timeout: Duration) -> Self {
        Self { address, wrap, timeout, call: PhantomData }
    }
}

impl<T, R, M, F> Service<T> for Caller<T, R, M, F>
where
    T: Send + 'static,
    R: Payload,
    M: Message,
    F: Fn(Request<T, R>) -> M + Clone + Send + 'static,
{
    type Response = R;
    type Error = AskError;
    type Future = Pin<Box<dyn Future<Output = Result<R, AskError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, body: T) -> Self::Future {
        let Self { address, wrap, timeout, .. } = self.clone();
        Box::pin(async move { address.ask(move |reply| wrap(Request::new(body, reply)), timeout).await })
    }
}

impl<T, R, M, F: Clone> Clone for Caller<T, R, M, F> {
    fn clone(&self) -> Self {
        let Self { address, wrap, timeout, call } = self;
        Self { address: address.clone(), wrap: wrap.clone(), timeout: *timeout, call: *call }
    }
}

impl<T, R, M, F> fmt::Debug for Caller<T, R, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
