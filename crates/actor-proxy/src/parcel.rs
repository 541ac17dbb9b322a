//! A message as it arrived: a body that nobody has read, and the addresses that stand in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::account::Account;
use crate::body::{self, DecodeError, Format};
use crate::error::AskError;
use crate::local::LocalAddress;
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::reply::AnyReply;
use crate::scope;
use crate::shared::Core;
use crate::written::MIN_SHARED_BYTES;

/// An address without its type, on its way in a message.
pub(crate) enum Passenger {
    Local(LocalAddress),
    Remote(Arc<Proxy>),
    Reply(Arc<dyn AnyReply>),
    Gone(Arc<Gone>),
    /// Was a one-time address, until somebody took it.
    Taken,
}

/// An address of something that was not found when it came. No two of them are the same.
pub(crate) struct Gone {
    pub(crate) core: Arc<Core>,
}

impl Passenger {
    pub(crate) fn gone(core: &Arc<Core>) -> Self {
        Self::Gone(Arc::new(Gone { core: Arc::clone(core) }))
    }

    /// The same for the same address, and for no two that live at the same time.
    pub(crate) fn key(&self) -> usize {
        match self {
            Self::Local(local) => local.key(),
            Self::Remote(proxy) => Arc::as_ptr(proxy).addr(),
            Self::Reply(reply) => Arc::as_ptr(reply).cast::<()>().addr(),
            Self::Gone(gone) => Arc::as_ptr(gone).addr(),
            Self::Taken => 0,
        }
    }

    pub(crate) fn alight(&mut self) -> Option<Self> {
        match self {
            Self::Local(local) => Some(Self::Local(local.clone())),
            Self::Remote(proxy) => Some(Self::Remote(Arc::clone(proxy))),
            Self::Gone(gone) => Some(Self::Gone(Arc::clone(gone))),
            Self::Reply(_) => Some(std::mem::replace(self, Self::Taken)),
            Self::Taken => None,
        }
    }
}

/// A body and its addresses.
pub(crate) struct Parcel {
    pub(crate) format: Format,
    pub(crate) body: Bytes,
    pub(crate) table: Vec<Passenger>,
}

impl Parcel {
    /// Reads it, in the task that wants it: a body that takes long or panics holds up nobody else.
    pub(crate) fn open<T: DeserializeOwned>(self) -> Result<T, DecodeError> {
        let Self { format, body, table } = self;
        let whole = (body.len() >= MIN_SHARED_BYTES).then(|| body.clone());
        if table.is_empty() {
            return read_plain(format, &body, whole);
        }
        let read = catch_unwind(AssertUnwindSafe(|| scope::read(format, &body, whole, table)));
        match read {
            Ok(Ok(value)) => Ok(value),
            Ok(Err((error, table))) => {
                fail_replies(table, &AskError::Malformed);
                Err(error)
            }
            Err(_) => Err(panicked()),
        }
    }

    /// Nobody will read it: whoever waits for an answer is told why.
    pub(crate) fn refuse(self, why: &AskError) {
        fail_replies(self.table, why);
    }
}

/// Reads a body in which no address stands. Parts of one that is `whole` may be kept with it.
pub(crate) fn read_plain<T: DeserializeOwned>(
    format: Format,
    body: &[u8],
    whole: Option<Bytes>,
) -> Result<T, DecodeError> {
    let read = catch_unwind(AssertUnwindSafe(|| {
        if whole.is_none() && scope::is_outermost() {
            // Nothing can be found in a message around it by mistake.
            return body::decode(format, body);
        }
        scope::read(format, body, whole, Vec::new()).map_err(|(error, _)| error)
    }));
    read.unwrap_or_else(|_| Err(panicked()))
}

#[cold]
fn panicked() -> DecodeError {
    DecodeError::Malformed("reading it panicked".into())
}

/// Tells those who wait for an answer that there is none.
pub(crate) fn fail_replies(table: impl IntoIterator<Item = Passenger>, why: &AskError) {
    for passenger in table {
        if let Passenger::Reply(reply) = passenger {
            reply.fail(why.clone()).into_iter().for_each(Waker::wake);
        }
    }
}

/// A parcel in a mailbox, and what it owes.
pub(crate) struct Received {
    pub(crate) from: Arc<Peer>,
    pub(crate) parcel: Parcel,
    pub(crate) toll: Toll,
}

/// What a message costs its sender until somebody takes it out of the mailbox.
pub(crate) struct Toll {
    account: Arc<Account>,
    cost: u64,
}

impl Toll {
    pub(crate) fn new(account: Arc<Account>, cost: u64) -> Self {
        Self { account, cost }
    }
}

impl Drop for Toll {
    fn drop(&mut self) {
        self.account.consume(self.cost);
    }
}
