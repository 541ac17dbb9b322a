//! Moving what waits: from the streams' queues into packets, or into the line where it has to wait.

use chunk_proto::Supply;

use super::Tx;
use super::content::chunk_cost;
use crate::credit::cost;
use crate::operation::{Outcome, TxEvent};
use crate::outbound::{Content, Place, Unacked};
use crate::record::Message;
use crate::stream::{Priority, StreamId};

impl Tx {
    /// Lets a stream go as far as room and credit reach, and puts it where it waits for more.
    pub(super) fn place(&mut self, id: StreamId) {
        let place = loop {
            match self.step(id) {
                Step::Again => {}
                Step::Wait(place) => break place,
            }
        };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.place = place;
        let priority = stream.options.priority;
        match place {
            Place::Rotation => self.rotation.push(id, priority),
            Place::Parked => self.parked.push_back(id),
            Place::Idle => self.finish_if_ending(id),
            Place::NoCredit | Place::Hungry => {}
        }
    }

    /// Sends the end of a stream that is ending once nothing waits in it.
    pub(super) fn finish_if_ending(&mut self, id: StreamId) {
        let done = self
            .streams
            .get(&id)
            .is_some_and(|stream| stream.ending && !stream.ended && stream.queue.is_empty());
        if done && !self.ends.contains(&id) {
            self.ends.push_back(id);
        }
    }

    /// Takes a stream out of the line it waits in.
    pub(super) fn leave_place(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match stream.place {
            Place::Rotation => self.rotation.remove(id),
            Place::Parked => self.parked.retain(|&other| other != id),
            Place::Idle | Place::NoCredit | Place::Hungry => {}
        }
        stream.place = Place::Idle;
    }

    /// Gives each stream that waits for room or session credit one more try, in order.
    pub(super) fn pump_parked(&mut self) {
        for _ in 0..self.parked.len() {
            let Some(id) = self.parked.pop_front() else { return };
            self.place(id);
            let still = self.streams.get(&id).is_some_and(|stream| stream.place == Place::Parked);
            if still {
                // Nobody behind it gets further, and it must not lose its place in the line.
                self.parked.rotate_right(1);
                return;
            }
        }
    }

    fn step(&mut self, id: StreamId) -> Step {
        let Some(stream) = self.streams.get_mut(&id) else { return Step::Wait(Place::Idle) };
        let Some(front) = stream.queue.front() else { return Step::Wait(Place::Idle) };
        let message = match &front.content {
            Content::Chunked { chunker, begun } => {
                if chunker.state() != Supply::Ready {
                    self.events.extend(front.operation.map(|operation| TxEvent::Hungry { operation }));
                    return Step::Wait(Place::Hungry);
                }
                let cost = chunk_cost(chunker, begun.is_some());
                return Step::Wait(if cost > stream.allowance.left() {
                    Place::NoCredit
                } else if cost > self.session.left() {
                    Place::Parked
                } else {
                    Place::Rotation
                });
            }
            Content::Whole(message) => message.clone(),
        };
        let cost = cost(message.len());
        if cost > stream.allowance.left() {
            return Step::Wait(Place::NoCredit);
        }
        let packing = match stream.options.priority {
            Priority::Urgent => &mut self.urgent,
            _ => &mut self.normal,
        };
        if cost > self.session.left() || packing.full_packets() >= self.limits.max_ready_packets {
            return Step::Wait(Place::Parked);
        }
        let Some(front) = stream.queue.pop_front() else { return Step::Wait(Place::Idle) };
        self.waiting -= 1;
        stream.allowance.spend(cost);
        self.session.spend(cost);
        let number = stream.take_number();
        let record = Message { stream: id, number, acked: front.confirm, payload: &message };
        packing.append(&record, self.layout, &self.pool);
        match front.operation {
            Some(operation) if front.confirm => stream.unacked.push_back(Unacked { number, operation }),
            Some(operation) => self.done(operation, Outcome::Accepted),
            None => {}
        }
        Step::Again
    }
}

enum Step {
    Again,
    Wait(Place),
}
