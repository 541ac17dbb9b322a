//! Nodes and the pipes between them, in memory, under a clock that stands still. The fuzz targets and the benchmarks use
//! it, too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, dead_code, unreachable_pub, missing_docs)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actor_proxy::{Actors, Exchange, Lane, Limits, NodeId, Surroundings, Unreachable};
use bytes::Bytes;

#[derive(Debug, thiserror::Error)]
#[error("nobody answers")]
pub struct NobodyAnswers;

pub struct Net {
    pub nodes: Vec<Actors>,
    /// Makes the sessions that somebody wants; otherwise there are none to be had.
    pub dials: bool,
    start: Instant,
    elapsed: Arc<AtomicU64>,
    sessions: Vec<Session>,
}

struct Session {
    ends: [(usize, Exchange); 2],
    /// On the way to each end.
    under_way: [[VecDeque<Bytes>; Lane::COUNT]; 2],
}

pub fn node_id(number: usize) -> NodeId {
    let number = u8::try_from(number).unwrap();
    NodeId { member: [number + 1; 32], device: [number + 101; 32], boot: [1; 16] }
}

impl Net {
    /// `speak(one, other)`: whether one may open sessions with the other.
    pub fn new(count: usize, limits: &Limits, speak: fn(usize, usize) -> bool) -> Self {
        let (start, elapsed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let make = |number: usize| {
            let millis = Arc::clone(&elapsed);
            Actors::new(Surroundings {
                me: node_id(number),
                seed: [u8::try_from(number).unwrap() + 1; 32],
                clock: Arc::new(move || start + Duration::from_millis(millis.load(Ordering::Acquire))),
                may_speak_with: Arc::new(move |node| speak(number, usize::from(node.member[0]) - 1)),
                limits: limits.clone(),
            })
        };
        Self { nodes: (0..count).map(make).collect(), dials: true, start, elapsed, sessions: Vec::new() }
    }

    pub fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.elapsed.load(Ordering::Acquire))
    }

    /// Moves the clock, and lets deadlines pass.
    pub fn advance(&self, time: Duration) {
        self.elapsed.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::AcqRel);
        self.nodes.iter().for_each(|node| node.handle_timeout(self.now()));
    }

    /// Makes a session if there is none.
    pub fn connect(&mut self, one: usize, other: usize) {
        if self.session(one, other).is_none() {
            let here = self.nodes[one].connected(self.nodes[other].me());
            let there = self.nodes[other].connected(self.nodes[one].me());
            self.sessions
                .push(Session { ends: [(one, here), (other, there)], under_way: Default::default() });
        }
    }

    /// Ends a session: what is under way is lost.
    pub fn disconnect(&mut self, one: usize, other: usize) {
        if let Some(at) = self.session(one, other) {
            drop(self.sessions.remove(at));
        }
    }

    pub fn session(&self, one: usize, other: usize) -> Option<usize> {
        self.sessions.iter().position(|session| {
            let pair = (session.ends[0].0, session.ends[1].0);
            pair == (one, other) || pair == (other, one)
        })
    }

    /// The session of `one` with `other`, as `one` sees it.
    pub fn exchange(&self, one: usize, other: usize) -> Option<&Exchange> {
        let session = &self.sessions[self.session(one, other)?];
        session.ends.iter().find(|(node, _)| *node == one).map(|(_, exchange)| exchange)
    }

    /// Does what nodes ask for.
    pub fn serve_wanted(&mut self) -> bool {
        let mut progress = false;
        let mut context = Context::from_waker(Waker::noop());
        for number in 0..self.nodes.len() {
            while let Poll::Ready(node) = self.nodes[number].poll_wanted(&mut context) {
                progress = true;
                if self.dials {
                    self.connect(number, usize::from(node.member[0]) - 1);
                } else {
                    let why = Unreachable::new(NobodyAnswers, true);
                    self.nodes[number].handle_unreachable(&node, &why);
                }
            }
        }
        progress
    }

    /// Moves envelopes into the pipes, at most so many of each lane.
    pub fn transmit(&mut self, most: usize) -> bool {
        let mut progress = false;
        let context = Context::from_waker(Waker::noop());
        for session in &mut self.sessions {
            for side in 0..2 {
                let exchange = &session.ends[side].1;
                let Some(mut outgoing) = exchange.outgoing(&context) else { continue };
                for lane in Lane::all() {
                    let pipe = &mut session.under_way[1 - side][lane.index()];
                    for _ in 0..most {
                        let Some(next) = outgoing.peek(lane) else { break };
                        pipe.push_back(next.to_bytes());
                        outgoing.advance(lane);
                        progress = true;
                    }
                }
                if outgoing.finish() {
                    exchange.handle_taken().wake();
                }
                exchange.handle_written().wake();
            }
        }
        progress
    }

    /// Delivers from one lane of every pipe, at most so many.
    pub fn deliver(&mut self, lane: usize, most: usize) -> bool {
        let (mut progress, now) = (false, self.now());
        for session in &mut self.sessions {
            for side in 0..2 {
                let pipe = &mut session.under_way[side][lane];
                let count = pipe.len().min(most);
                if count > 0 {
                    progress = true;
                    let rest = pipe.split_off(count);
                    let some = std::mem::replace(pipe, rest);
                    let (outcome, wakes) = session.ends[side].1.handle_messages(now, some);
                    wakes.wake();
                    outcome.unwrap();
                }
            }
        }
        progress
    }

    /// Lets everything flow that does without the clock.
    pub fn flow(&mut self) {
        for _ in 0..10_000 {
            let mut progress = self.serve_wanted();
            progress |= self.transmit(usize::MAX);
            for lane in Lane::all() {
                progress |= self.deliver(lane.index(), usize::MAX);
            }
            if !progress {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Runs a future to its end.
    pub fn wait<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        for _ in 0..10_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return value;
            }
            self.flow();
        }
        panic!("it does not end");
    }
}

impl Drop for Net {
    /// A node that is not shut down keeps its peers, and they it.
    fn drop(&mut self) {
        self.nodes.iter().for_each(Actors::shutdown);
    }
}
