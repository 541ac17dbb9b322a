//! Who waits for room in the outbox.

use std::collections::{BTreeMap, VecDeque};

use super::Import;
use crate::outbox::Lane;
use crate::table::Handle;

/// Imports whose first message waits for room in its lane, in the order in which they came. Nothing while none does.
#[derive(Default)]
pub(super) struct Parked(BTreeMap<Lane, VecDeque<Handle<Import>>>);

impl Parked {
    pub(super) fn push(&mut self, lane: Lane, import: Handle<Import>) {
        self.0.entry(lane).or_default().push_back(import);
    }

    pub(super) fn pop(&mut self, lane: Lane) -> Option<Handle<Import>> {
        let line = self.0.get_mut(&lane)?;
        let first = line.pop_front();
        if line.is_empty() {
            self.0.remove(&lane);
        }
        first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
