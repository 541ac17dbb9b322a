//! Plain messages that came one behind the other: most of them, and cheaper together.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::account::Account;
use crate::body::{DecodeError, Format};
use crate::limits::cost;
use crate::parcel::{Parcel, Toll, read_plain};
use crate::peer::Peer;
use crate::schema::Payload;
use crate::written::MIN_SHARED_BYTES;

/// A buffer may be so many times as large as what is kept of it.
const MAX_KEPT_SHARE: usize = 4;
/// What a message costs beside its body, as far as buffers are concerned.
const MESSAGE_BYTES: usize = 64;

/// Bodies, with the buffers in which they lie.
#[derive(Default)]
pub(crate) struct Bodies {
    buffers: Vec<Bytes>,
    /// In which buffer, and where in it.
    spans: Vec<(u32, Range<u32>)>,
}

impl Bodies {
    /// Adds one that lies in `buffer`, which is that of the one before or another.
    pub(crate) fn push(&mut self, buffer: &Bytes, body: Range<usize>) {
        let is_last = |last: &Bytes| last.as_ptr() == buffer.as_ptr() && last.len() == buffer.len();
        if !self.buffers.last().is_some_and(is_last) {
            self.buffers.push(buffer.clone());
        }
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let index = number(self.buffers.len().saturating_sub(1));
        self.spans.push((index, number(body.start)..number(body.end)));
    }

    /// Copies bodies out of buffers of which they are a small part: credit counts their own bytes only, not those that would
    /// be kept with them.
    fn compact(&mut self) {
        let mut used = vec![0_usize; self.buffers.len()];
        for (index, span) in &self.spans {
            let bytes = usize::try_from(span.end - span.start).unwrap_or_default();
            if let Some(used) = usize::try_from(*index).ok().and_then(|index| used.get_mut(index)) {
                *used += bytes + MESSAGE_BYTES;
            }
        }
        for (index, used) in used.into_iter().enumerate() {
            let Some(buffer) = self.buffers.get_mut(index) else { continue };
            if used.saturating_mul(MAX_KEPT_SHARE) >= buffer.len() {
                continue;
            }
            let mut own = Vec::with_capacity(used);
            for (_, span) in self.spans.iter_mut().filter(|(other, _)| usize::try_from(*other) == Ok(index)) {
                let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                let range = usize::try_from(span.start).ok().zip(usize::try_from(span.end).ok());
                let body = range.and_then(|(start, end)| buffer.get(start..end)).unwrap_or_default();
                let start = own.len();
                own.extend_from_slice(body);
                *span = number(start)..number(own.len());
            }
            *buffer = own.into();
        }
    }

    fn body(&self, at: usize) -> Option<&[u8]> {
        let (buffer, body) = self.place(at)?;
        buffer.get(body)
    }

    /// A body with its share of the buffer, if it is large: parts of it may be kept.
    #[inline]
    fn whole(&self, at: usize, bytes: usize) -> Option<Bytes> {
        if bytes < MIN_SHARED_BYTES {
            return None;
        }
        let (buffer, body) = self.place(at)?;
        Some(buffer.slice(body))
    }

    fn place(&self, at: usize) -> Option<(&Bytes, Range<usize>)> {
        let (index, span) = self.spans.get(at)?;
        let buffer = self.buffers.get(usize::try_from(*index).ok()?)?;
        Some((buffer, usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?))
    }
}

/// Messages of one peer to one actor, without addresses in them.
pub(crate) struct Run {
    pub(crate) from: Arc<Peer>,
    format: Format,
    bodies: Bodies,
    /// How many were read.
    read: usize,
    account: Arc<Account>,
    unpaid: u64,
}

/// The sums in which the cost of messages goes back, small against every window.
const PAYMENT_BYTES: u64 = 16 * 1024;

impl Run {
    pub(crate) fn new(from: Arc<Peer>, format: Format, bodies: Bodies, account: Arc<Account>) -> Self {
        let mut bodies = bodies;
        bodies.compact();
        Self { from, format, bodies, read: 0, account, unpaid: 0 }
    }

    /// Keeps the messages for which `permits` says so, each asked for by itself; what the others cost is given back.
    pub(crate) fn retain(&mut self, mut permits: impl FnMut() -> bool) {
        let mut refused = 0;
        self.bodies.spans.retain(|(_, span)| {
            let permitted = permits();
            if !permitted {
                refused += cost(usize::try_from(span.end - span.start).unwrap_or(usize::MAX), 0);
            }
            permitted
        });
        if refused > 0 {
            self.account.consume(refused);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bodies.spans.is_empty()
    }

    /// Reads the next message; `None` after the last one.
    pub(crate) fn open_next<T: Payload>(&mut self) -> Option<Result<T, DecodeError>> {
        let body = self.bodies.body(self.read)?;
        let whole = self.bodies.whole(self.read, body.len());
        self.read += 1;
        self.unpaid += cost(body.len(), 0);
        let opened = read_plain(self.format, body, whole);
        if self.unpaid >= PAYMENT_BYTES || self.read == self.bodies.spans.len() {
            self.account.consume(std::mem::take(&mut self.unpaid));
        }
        Some(opened)
    }

    /// The messages by themselves.
    pub(crate) fn into_parcels(mut self) -> Vec<(Parcel, Toll)> {
        let bodies = std::mem::take(&mut self.bodies);
        let parcels = (0..bodies.spans.len()).filter_map(|at| {
            let (index, span) = bodies.spans.get(at)?;
            let buffer = bodies.buffers.get(usize::try_from(*index).ok()?)?;
            let body = buffer.slice(usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?);
            let toll = Toll::new(Arc::clone(&self.account), cost(body.len(), 0));
            Some((Parcel { format: self.format, body, table: Vec::new() }, toll))
        });
        parcels.collect()
    }
}

impl Drop for Run {
    /// What nobody read is out of the mailbox all the same.
    fn drop(&mut self) {
        let left = self.bodies.spans.iter().skip(self.read);
        let left =
            left.map(|(_, span)| cost(usize::try_from(span.end - span.start).unwrap_or(usize::MAX), 0));
        let owed = self.unpaid + left.sum::<u64>();
        if owed > 0 {
            self.account.consume(owed);
        }
    }
}
