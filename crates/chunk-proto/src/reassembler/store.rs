//! What is held for a peer, and how payloads become held.

use std::fmt;

use bytes::Bytes;

use crate::budget::PeerBudget;
use crate::inflate::Inflater;
use crate::{ChunkHeader, Coding, Error};

/// What holding a chunk costs besides its bytes, in bytes: its place in a map or queue.
pub(super) const HELD_CHUNK_BYTES: usize = 192;

/// The peer's budget and decompressor.
pub(super) struct Store {
    pub(super) budget: PeerBudget,
    inflater: Option<Inflater>,
}

/// The bytes that a chunk covers, and what they are charged at.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    charge: usize,
}

impl Store {
    pub(super) fn new(budget: PeerBudget) -> Self {
        Self { budget, inflater: None }
    }

    /// Turns a payload into what its chunk covers: to be passed on at once, or else charged and free of any buffer
    /// that it came in.
    pub(super) fn take(
        &mut self,
        header: &ChunkHeader,
        payload: Bytes,
        at_once: bool,
    ) -> Result<Stored, Error> {
        let covered = header.covered_bytes();
        let fits = match header.coding() {
            Coding::Raw => payload.len() == covered,
            // Also bounds what a decompressor can be made to read.
            Coding::Deflate => payload.len() < covered,
        };
        if !fits {
            return Err(Error::PayloadLength {
                message: header.message(),
                index: header.index(),
                payload_bytes: payload.len(),
                chunk_bytes: covered,
            });
        }
        let charge = if at_once { 0 } else { covered + 1 + HELD_CHUNK_BYTES };
        self.budget.reserve(charge)?;
        let bytes = match header.coding() {
            Coding::Raw if at_once => payload,
            Coding::Raw => Bytes::copy_from_slice(&payload),
            Coding::Deflate => {
                let inflater = self.inflater.get_or_insert_with(Inflater::new);
                let inflated = inflater.inflate(&payload, covered).map_err(|flaw| {
                    self.budget.release(charge);
                    Error::Deflate { message: header.message(), index: header.index(), flaw }
                })?;
                Bytes::from(inflated)
            }
        };
        Ok(Stored { bytes, charge })
    }

    /// Frees the decompressor until it is needed again.
    pub(super) fn rest(&mut self) {
        self.inflater = None;
    }
}

impl Stored {
    /// Gives the bytes out.
    pub(super) fn pass_on(self, budget: &mut PeerBudget) -> Bytes {
        budget.release(self.charge);
        self.bytes
    }

    /// Lets the bytes go.
    pub(super) fn discard(self, budget: &mut PeerBudget) {
        budget.release(self.charge);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("budget", &self.budget).finish_non_exhaustive()
    }
}
