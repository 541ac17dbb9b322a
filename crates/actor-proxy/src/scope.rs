//! How an address that is deep inside a value finds the table of the message which the value is written to or read from.
//!
//! serde gives a `Serialize` no way to reach beyond its serializer, so the table of the innermost message stands in the
//! thread for as long as its body is being written or read, and never longer: a guard takes it away again, also when the
//! user's code panics. Scopes nest, since that code may send messages of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Serialize, de, ser};

use crate::body::{self, DecodeError, EncodeError, Format, Short};
use crate::error::AskError;
use crate::limits::MAX_ADDRESSES;
use crate::parcel::{Passenger, fail_replies};
use crate::reply::AnyReply;
use crate::written::{MIN_SHARED_BYTES, Shared, Written};

thread_local! {
    static DESK: Desk = const { Desk::new() };
}

/// What a thread reads and writes bodies with.
struct Desk {
    /// How many messages are being written and read, each inside the one before.
    depth: Cell<usize>,
    /// What stands in them, each with its depth: one that is being written and that is not here holds nothing so far. Most
    /// never hold anything.
    scopes: RefCell<Vec<(usize, Scope)>>,
    /// A buffer with room, so that a small message allocates nothing.
    scratch: Cell<Vec<u8>>,
}

impl Desk {
    const fn new() -> Self {
        Self { depth: Cell::new(0), scopes: RefCell::new(Vec::new()), scratch: Cell::new(Vec::new()) }
    }

    /// Works with the innermost message that is being written.
    fn with_manifest<T>(&self, work: impl FnOnce(&mut Manifest) -> T) -> Option<T> {
        let depth = self.depth.get();
        let mut scopes = self.scopes.borrow_mut();
        if depth > 0 && scopes.last().is_none_or(|(at, _)| *at < depth) {
            scopes.push((depth, Scope::Writing(Box::default())));
        }
        match scopes.last_mut() {
            Some((_, Scope::Writing(manifest))) => Some(work(manifest)),
            _ => None,
        }
    }

    /// Takes out what stands in the innermost message, and in those that were inside of it.
    fn leave(&self, depth: usize) -> Vec<(usize, Scope)> {
        self.depth.set(depth - 1);
        let mut scopes = self.scopes.borrow_mut();
        match scopes.last() {
            Some((at, _)) if *at >= depth => {
                let from = scopes.partition_point(|(at, _)| *at < depth);
                scopes.split_off(from)
            }
            _ => Vec::new(),
        }
    }
}

/// A buffer that keeps more room than this is not kept.
const MAX_SCRATCH_BYTES: usize = 16 * 1024;

/// A buffer to write a body into, with what its last user left in it. Whoever needs a second one at the same time gets an
/// empty one.
pub(crate) fn scratch() -> Vec<u8> {
    // A thread that ends has none any more, and what it drops then must not panic.
    DESK.try_with(|desk| desk.scratch.take()).unwrap_or_default()
}

/// Takes a buffer back.
pub(crate) fn recycle(buffer: Vec<u8>) {
    if (1..=MAX_SCRATCH_BYTES).contains(&buffer.capacity()) {
        let _ = DESK.try_with(|desk| desk.scratch.set(buffer));
    }
}

enum Scope {
    Writing(Box<Manifest>),
    Reading {
        table: Vec<Passenger>,
        /// One-time addresses that were dropped again before the whole was read: whether it can be read decides what
        /// their askers hear.
        dropped: Vec<Arc<dyn AnyReply>>,
        /// What is being read, if parts of it may be shared.
        body: Option<Bytes>,
    },
}

/// The addresses of a message that is being written, and the bytes that are not copied for it.
#[derive(Default)]
struct Manifest {
    table: Vec<Passenger>,
    /// Bytes that are about to be written, and may be shared instead.
    offered: Option<Bytes>,
    shared: Vec<Shared>,
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
    #[inline]
    fn enter() -> Self {
        DESK.with(|desk| {
            let depth = desk.depth.get() + 1;
            desk.depth.set(depth);
            Self { depth }
        })
    }

    fn enter_reading(table: Vec<Passenger>, body: Option<Bytes>) -> Self {
        let guard = Self::enter();
        let scope = Scope::Reading { table, dropped: Vec::new(), body };
        DESK.with(|desk| desk.scopes.borrow_mut().push((guard.depth, scope)));
        guard
    }

    #[inline]
    fn leave(self) -> Option<Scope> {
        let mut left = DESK.with(|desk| desk.leave(self.depth));
        std::mem::forget(self);
        left.pop().map(|(_, scope)| scope)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Only while unwinding. What the scopes hold is dropped after the borrow: it may be addresses.
        for (_, scope) in DESK.with(|desk| desk.leave(self.depth)) {
            if let Scope::Reading { table, dropped, .. } = scope {
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

/// Writes a body, and gives the addresses that stand in it, in the order of their indices.
pub(crate) fn write<T: Serialize>(
    format: Format,
    value: &T,
    limit: usize,
) -> Result<(Written, Vec<Passenger>), WriteError> {
    let mut out = Written::buffer();
    match writing(|| body::encode(format, value, &mut out, limit)) {
        Ok(((), load)) => Ok((Written::new(out, load.shared), load.table)),
        Err(error) => {
            recycle(out);
            Err(error)
        }
    }
}

/// As [`write`], for what is most likely short: see [`body::encode_short`].
#[inline]
pub(crate) fn write_short<T: Serialize>(
    format: Format,
    value: &T,
    short: &mut Short,
    limit: usize,
) -> Result<(Option<Written>, Vec<Passenger>), WriteError> {
    let (long, load) = writing(|| body::encode_short(format, value, short, Written::buffer, limit))?;
    Ok((long.map(|long| Written::new(long, load.shared)), load.table))
}

/// What a body holds beside the bytes that were written.
#[derive(Default)]
struct Load {
    table: Vec<Passenger>,
    shared: Vec<Shared>,
}

/// Runs what writes a body, and gives what stands in it.
#[inline]
fn writing<T>(encode: impl FnOnce() -> Result<T, EncodeError>) -> Result<(T, Load), WriteError> {
    let guard = Guard::enter();
    let written = encode();
    let manifest = match guard.leave() {
        Some(Scope::Writing(manifest)) => Some(manifest),
        _ => None,
    };
    match (manifest, written) {
        (Some(manifest), _) if manifest.full => Err(WriteError::TooManyAddresses),
        (_, Err(error)) => Err(WriteError::Encode(error)),
        (None, Ok(written)) => Ok((written, Load::default())),
        (Some(manifest), Ok(written)) => {
            let Manifest { table, shared, .. } = *manifest;
            Ok((written, Load { table, shared }))
        }
    }
}

/// Says that the next bytes to be written are these, and need not be copied. Nothing happens outside of a message.
pub(crate) fn offer(bytes: &Bytes) {
    if bytes.len() < MIN_SHARED_BYTES {
        return;
    }
    let bytes = bytes.clone();
    // What was offered before may be the last of its kind: dropping that is the user's code.
    // A thread that is about to end writes no message.
    let former = DESK.try_with(|desk| desk.with_manifest(|manifest| manifest.offered.replace(bytes)));
    drop(former);
}

/// Takes bytes out of the hands of whoever writes them behind the `at`-th byte of a buffer, if they were offered.
pub(crate) fn share(bytes: &[u8], at: usize) -> bool {
    DESK.with(|desk| {
        let mut scopes = desk.scopes.borrow_mut();
        let Some((depth, Scope::Writing(manifest))) = scopes.last_mut() else { return false };
        if *depth != desk.depth.get() {
            return false;
        }
        let is_it = |offered: &mut Bytes| offered.as_ptr() == bytes.as_ptr() && offered.len() == bytes.len();
        let shared = manifest.offered.take_if(is_it).map(|bytes| Shared { at, bytes });
        let is_shared = shared.is_some();
        manifest.shared.extend(shared);
        is_shared
    })
}

/// A body may be so many times as large as a part of it that keeps it.
const MAX_KEPT_SHARE: usize = 4;

/// These bytes as a part of the body that is being read, if they stand in it and are much of it.
pub(crate) fn part_of_body(bytes: &[u8]) -> Option<Bytes> {
    let part = DESK.try_with(|desk| {
        let scopes = desk.scopes.borrow();
        let Some((depth, Scope::Reading { body: Some(body), .. })) = scopes.last() else { return None };
        if *depth != desk.depth.get() {
            return None;
        }
        let start = bytes.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
        let part = start..start.checked_add(bytes.len())?;
        let is_much = bytes.len().saturating_mul(MAX_KEPT_SHARE) >= body.len();
        (is_much && part.end <= body.len()).then(|| body.slice(part))
    });
    part.ok().flatten()
}

/// Whether this thread neither writes nor reads a message.
#[inline]
pub(crate) fn is_outermost() -> bool {
    DESK.with(|desk| desk.depth.get() == 0)
}

/// Reads a body whose addresses are those of `table`. Parts of one that is `whole` may be kept with it.
pub(crate) fn read<T: DeserializeOwned>(
    format: Format,
    body: &[u8],
    whole: Option<Bytes>,
    table: Vec<Passenger>,
) -> Result<T, (DecodeError, Vec<Passenger>)> {
    // Most messages hold no address. Without a message around it none can be found by mistake.
    if table.is_empty() && whole.is_none() && is_outermost() {
        return body::decode(format, body).map_err(|error| (error, table));
    }
    let guard = Guard::enter_reading(table, whole);
    let read = body::decode(format, body);
    let (mut table, dropped) = match guard.leave() {
        Some(Scope::Reading { table, dropped, .. }) => (table, dropped),
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
    let _ = DESK.try_with(|desk| match desk.scopes.borrow_mut().last_mut() {
        Some((depth, Scope::Reading { dropped, .. })) if *depth == desk.depth.get() => {
            dropped.extend(reply.take());
        }
        _ => {}
    });
    reply.map_or(Ok(()), Err)
}

/// The index under which `passenger` stands in the message that is being written.
pub(crate) fn board<E: ser::Error>(passenger: Passenger) -> Result<u32, E> {
    let index = DESK.with(|desk| desk.with_manifest(|manifest| manifest.board(passenger)));
    let index = index.ok_or_else(|| E::custom("an address travels in messages only"))?;
    let index = index.ok_or_else(|| E::custom("too many addresses in one message"))?;
    u32::try_from(index).map_err(E::custom)
}

/// The address that stands at `index` in the message that is being read. A one-time address can be taken once.
pub(crate) fn alight<E: de::Error>(index: u32) -> Result<Passenger, E> {
    DESK.with(|desk| match desk.scopes.borrow_mut().last_mut() {
        Some((depth, Scope::Reading { table, .. })) if *depth == desk.depth.get() => {
            let passenger = usize::try_from(index).ok().and_then(|index| table.get_mut(index));
            passenger.and_then(Passenger::alight).ok_or_else(|| E::custom("no address of that index"))
        }
        _ => Err(E::custom("an address travels in messages only")),
    })
}
