//! Whose turn it is: streams with chunks to send, by priority and in rotation within one.

use std::collections::VecDeque;

use crate::stream::{Priority, StreamId};

/// Streams that are ready to send a chunk. Each stands in it at most once; the caller sees to that.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    lanes: [VecDeque<StreamId>; Priority::COUNT],
}

impl Rotation {
    /// Puts a stream behind the others of its priority.
    pub(crate) fn push(&mut self, stream: StreamId, priority: Priority) {
        if let Some(lane) = self.lanes.get_mut(priority.index()) {
            lane.push_back(stream);
        }
    }

    /// Takes the stream whose turn it is. One that has more to send is pushed again.
    pub(crate) fn pop(&mut self) -> Option<StreamId> {
        self.lanes.iter_mut().find_map(VecDeque::pop_front)
    }

    pub(crate) fn remove(&mut self, stream: StreamId) {
        for lane in &mut self.lanes {
            lane.retain(|&other| other != stream);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.iter().all(VecDeque::is_empty)
    }
}
