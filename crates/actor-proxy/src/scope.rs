//! How an address that is deep inside a value finds the table of the message which the value is written to or read from.
//!
//! serde gives a `Serialize` no way to reach beyond its serializer, so the table of the innermost message stands in the
//! thread for as long as its body is being written or read, and never longer: a guard takes it away again, also when the
//! user's code panics. Scopes nest, since that code may send messages of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use serde::de::DeserializeOwned;
use serde::{Serialize, de, ser};

use crate::body::{self, DecodeError, EncodeError, Format, Short};
use crate::error::AskError;
use crate::limits::MAX_ADDRESSES;
use crate::parcel::{Passenger, fail_replies};
use crate::reply::AnyReply;

thread_local! {
    static DESK: RefCell<Desk> = const { RefCell::new(Desk { scopes: Vec::new(), scratch: Vec::new() }) };
}

/// What a thread reads and writes bodies with.
struct Desk {
    scopes: Vec<Scope>,
    /// A buffer with room, so that a small message allocates nothing.
    scratch: Vec<u8>,
}

/// A buffer that keeps more room than this is not kept.
const MAX_SCRATCH_BYTES: usize = 16 * 1024;

/// A buffer to write a body into, with what its last user left in it. Whoever needs a second one at the same time gets an
/// empty one.
pub(crate) fn scratch() -> Vec<u8> {
    // A thread that ends has none any more, and what it drops then must not panic.
    DESK.try_with(|desk| std::mem::take(&mut desk.borrow_mut().scratch)).unwrap_or_default()
}

/// Takes a buffer back.
pub(crate) fn recycle(buffer: Vec<u8>) {
    if (1..=MAX_SCRATCH_BYTES).contains(&buffer.capacity()) {
        let _ = DESK.try_with(|desk| desk.borrow_mut().scratch = buffer);
    }
}

enum Scope {
    /// Most messages hold no address, and need no manifest.
    Writing(Option<Box<Manifest>>),
    Reading {
        table: Vec<Passenger>,
        /// One-time addresses that were dropped again before the whole was read: whether it can be read decides what
        /// their askers hear.
        dropped: Vec<Arc<dyn AnyReply>>,
    },
}

/// The addresses of a message that is being written.
#[derive(Default)]
struct Manifest {
    table: Vec<Passenger>,
    /// Once there are many: where each of them stands.
    indices: BTreeMap<usize, usize>,
    full: bool,
}

/// So many addresses are looked through one by one.
const MAX_SEARCHED: usize = 16;

impl Manifest {
    fn find(&mut self, key: usize) -> Option<usize> {
        if self.table.len() <= MAX_SEARCHED {
            return self.table.iter().position(|other| other.key() == key);
        }
        if self.indices.is_empty() {
            self.indices.extend(self.table.iter().enumerate().map(|(index, other)| (other.key(), index)));
        }
        self.indices.get(&key).copied()
    }

    fn board(&mut self, passenger: Passenger) -> Option<usize> {
        let key = passenger.key();
        if let Some(index) = self.find(key) {
            return Some(index);
        }
        if self.table.len() >= MAX_ADDRESSES {
            self.full = true;
            return None;
        }
        let index = self.table.len();
        self.table.push(passenger);
        if !self.indices.is_empty() {
            self.indices.insert(key, index);
        }
        Some(index)
    }
}

/// Takes the scope away when it is dropped.
struct Guard {
    depth: usize,
}

impl Guard {
    fn enter(scope: Scope) -> Self {
        DESK.with_borrow_mut(|desk| {
            desk.scopes.push(scope);
            Self { depth: desk.scopes.len() }
        })
    }

    fn leave(self) -> Option<Scope> {
        let scope = DESK.with_borrow_mut(|desk| {
            desk.scopes.truncate(self.depth);
            desk.scopes.pop()
        });
        std::mem::forget(self);
        scope
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Only while unwinding. What the scopes hold is dropped after the borrow: it may be addresses.
        let left = DESK.with_borrow_mut(|desk| desk.scopes.split_off(self.depth - 1));
        for scope in left {
            if let Scope::Reading { table, dropped } = scope {
                let replies = table.into_iter().chain(dropped.into_iter().map(Passenger::Reply));
                fail_replies(replies, &AskError::Malformed);
            }
        }
    }
}

/// Why a body was not written.
pub(crate) enum WriteError {
    Encode(EncodeError),
    TooManyAddresses,
}

/// Writes a body behind what is in `out`, and gives the addresses that stand in it, in the order of their indices.
pub(crate) fn write<T: Serialize>(
    format: Format,
    value: &T,
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<Vec<Passenger>, WriteError> {
    writing(|| body::encode(format, value, out, limit)).map(|((), table)| table)
}

/// As [`write`], for what is most likely short: see [`body::encode_short`].
#[inline]
pub(crate) fn write_short<T: Serialize>(
    format: Format,
    value: &T,
    short: &mut Short,
    lend: fn() -> Vec<u8>,
    limit: usize,
) -> Result<(Option<Vec<u8>>, Vec<Passenger>), WriteError> {
    writing(|| body::encode_short(format, value, short, lend, limit))
}

/// Runs what writes a body, and gives the addresses that stand in it.
#[inline]
fn writing<T>(encode: impl FnOnce() -> Result<T, EncodeError>) -> Result<(T, Vec<Passenger>), WriteError> {
    let guard = Guard::enter(Scope::Writing(None));
    let written = encode();
    let manifest = match guard.leave() {
        Some(Scope::Writing(manifest)) => manifest,
        _ => None,
    };
    match (manifest, written) {
        (Some(manifest), _) if manifest.full => Err(WriteError::TooManyAddresses),
        (_, Err(error)) => Err(WriteError::Encode(error)),
        (manifest, Ok(written)) => Ok((written, manifest.map(|manifest| manifest.table).unwrap_or_default())),
    }
}

/// Reads a body whose addresses are those of `table`.
pub(crate) fn read<T: DeserializeOwned>(
    format: Format,
    body: &[u8],
    table: Vec<Passenger>,
) -> Result<T, (DecodeError, Vec<Passenger>)> {
    // Most messages hold no address. Without a message around it none can be found by mistake.
    if table.is_empty() && DESK.with_borrow(|desk| desk.scopes.is_empty()) {
        return body::decode(format, body).map_err(|error| (error, table));
    }
    let guard = Guard::enter(Scope::Reading { table, dropped: Vec::new() });
    let read = body::decode(format, body);
    let (mut table, dropped) = match guard.leave() {
        Some(Scope::Reading { table, dropped }) => (table, dropped),
        _ => (Vec::new(), Vec::new()),
    };
    match read {
        Ok(value) => {
            for reply in dropped {
                reply.fail(AskError::NoReply).into_iter().for_each(Waker::wake);
            }
            Ok(value)
        }
        Err(error) => {
            table.extend(dropped.into_iter().map(Passenger::Reply));
            Err((error, table))
        }
    }
}

/// Keeps a one-time address that is dropped while a message is being read until that is over. `Err`: none is.
pub(crate) fn defer(reply: Arc<dyn AnyReply>) -> Result<(), Arc<dyn AnyReply>> {
    // Without the thread's scopes the thread is about to end, and reads nothing.
    let mut reply = Some(reply);
    let _ = DESK.try_with(|desk| {
        if let Some(Scope::Reading { dropped, .. }) = desk.borrow_mut().scopes.last_mut() {
            dropped.extend(reply.take());
        }
    });
    reply.map_or(Ok(()), Err)
}

/// The index under which `passenger` stands in the message that is being written.
pub(crate) fn board<E: ser::Error>(passenger: Passenger) -> Result<u32, E> {
    DESK.with_borrow_mut(|desk| {
        let Some(Scope::Writing(manifest)) = desk.scopes.last_mut() else {
            return Err(E::custom("an address travels in messages only"));
        };
        let index = manifest.get_or_insert_default().board(passenger);
        let index = index.ok_or_else(|| E::custom("too many addresses in one message"))?;
        u32::try_from(index).map_err(E::custom)
    })
}

/// The address that stands at `index` in the message that is being read. A one-time address can be taken once.
pub(crate) fn alight<E: de::Error>(index: u32) -> Result<Passenger, E> {
    DESK.with_borrow_mut(|desk| {
        let Some(Scope::Reading { table, .. }) = desk.scopes.last_mut() else {
            return Err(E::custom("an address travels in messages only"));
        };
        let passenger = usize::try_from(index).ok().and_then(|index| table.get_mut(index));
        passenger.and_then(Passenger::alight).ok_or_else(|| E::custom("no address of that index"))
    })
}
