//! One node, and in the place of its peer whoever writes bytes. The fuzz targets use it, too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, dead_code, unreachable_pub, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use actor_proxy::{Actors, Exchange, Lane, Limits, NodeId, PeerFault, Surroundings};
use bytes::Bytes;

pub struct Raw {
    pub node: Actors,
    /// Its session with the peer.
    pub exchange: Exchange,
    start: Instant,
    elapsed: Arc<AtomicU64>,
}

pub fn node_id(number: u8) -> NodeId {
    NodeId { member: [number + 1; 32], device: [number + 101; 32], boot: [1; 16] }
}

impl Raw {
    pub fn new(limits: Limits) -> Self {
        let (start, elapsed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let millis = Arc::clone(&elapsed);
        let node = Actors::new(Surroundings {
            me: node_id(0),
            seed: [7; 32],
            clock: Arc::new(move || start + Duration::from_millis(millis.load(Ordering::Acquire))),
            // With nodes of even numbers.
            may_speak_with: Arc::new(|node| node.member[0] % 2 == 1),
            limits,
        });
        let exchange = node.connected(node_id(1));
        Self { node, exchange, start, elapsed }
    }

    pub fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.elapsed.load(Ordering::Acquire))
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.elapsed.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::AcqRel);
        self.node.handle_timeout(self.now());
    }

    /// The peer says something.
    pub fn hear(&self, envelopes: impl IntoIterator<Item = Bytes>) -> Result<(), PeerFault> {
        let (outcome, wakes) = self.exchange.handle_messages(self.now(), envelopes);
        wakes.wake();
        outcome
    }

    /// What the node says, in the order of its lanes.
    pub fn said(&self) -> Vec<Bytes> {
        let mut said = Vec::new();
        let context = Context::from_waker(Waker::noop());
        let Some(mut outgoing) = self.exchange.outgoing(&context) else { return said };
        for lane in Lane::all() {
            while let Some(next) = outgoing.peek(lane) {
                said.push(next.to_bytes());
                outgoing.advance(lane);
            }
        }
        if outgoing.finish() {
            self.exchange.handle_taken().wake();
        }
        self.exchange.handle_written().wake();
        said
    }

    /// The tag under which the peer knows a service after it has looked it up.
    pub fn look_up(&self, name: &str) -> [u8; 4] {
        let mut look_up = vec![0x0e, 1, 0, 0, 0, u8::try_from(name.len()).unwrap()];
        look_up.extend(name.as_bytes());
        self.hear([look_up.into()]).unwrap();
        let found = self.said().into_iter().find(|envelope| envelope[0] == 0x0f).unwrap();
        // Kind, question, flags, id.
        found[1 + 4 + 1 + 16..][..4].try_into().unwrap()
    }
}

impl Drop for Raw {
    /// A node that is not shut down keeps its peers, and they it.
    fn drop(&mut self) {
        self.node.shutdown();
    }
}
