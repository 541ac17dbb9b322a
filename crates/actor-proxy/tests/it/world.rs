//! Nodes, the pipes between them, a clock that stands still, and tasks that run when they are told to.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use actor_proxy::{Actors, Exchange, Lane, Limits, NodeId, PeerFault, Surroundings, Unreachable};
use bytes::Bytes;

/// A cause of failure of the layer below.
#[derive(Debug, thiserror::Error)]
#[error("nobody answers")]
pub struct NobodyAnswers;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    flag: Arc<Flag>,
}

/// Two ends of a session.
struct Session {
    ends: [(usize, Exchange); 2],
    flags: [Arc<Flag>; 2],
    /// On the way to each end, lane by lane: lanes may overtake each other.
    under_way: [BTreeMap<usize, Vec<Bytes>>; 2],
}

pub struct World {
    pub nodes: Vec<Actors>,
    start: Instant,
    elapsed: Arc<AtomicU64>,
    sessions: Vec<Session>,
    tasks: Vec<Task>,
    /// Pairs that cannot reach each other.
    pub cut: Vec<(usize, usize)>,
    /// Dial by itself when somebody wants a session.
    pub dials: bool,
    pub faults: Vec<PeerFault>,
    /// Messages carried.
    pub carried: usize,
    boots: Vec<u8>,
    limits: Limits,
    knows: Arc<Mutex<Vec<(usize, usize)>>>,
    keeper: Arc<Flag>,
}

pub fn node_id(number: usize, boot: u8) -> NodeId {
    let number = u8::try_from(number).unwrap();
    NodeId { member: [number + 1; 32], device: [number + 101; 32], boot: [boot; 16] }
}

impl World {
    pub fn new(nodes: usize) -> Self {
        Self::with_limits(nodes, Limits::default())
    }

    pub fn with_limits(count: usize, limits: Limits) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            start: Instant::now(),
            elapsed: Arc::new(AtomicU64::new(0)),
            sessions: Vec::new(),
            tasks: Vec::new(),
            cut: Vec::new(),
            dials: true,
            faults: Vec::new(),
            carried: 0,
            boots: vec![1; count],
            limits,
            knows: Arc::default(),
            keeper: Arc::new(Flag(AtomicBool::new(false))),
        };
        for number in 0..count {
            let node = world.make(number);
            world.nodes.push(node);
        }
        world
    }

    fn make(&self, number: usize) -> Actors {
        let (start, elapsed, knows) = (self.start, Arc::clone(&self.elapsed), Arc::clone(&self.knows));
        let clock = Arc::new(move || start + Duration::from_millis(elapsed.load(Ordering::Acquire)));
        let may_speak_with = move |node: &NodeId| {
            // Strangers may name nodes that cannot be.
            let other = usize::from(node.member[0]).wrapping_sub(1);
            !knows.lock().unwrap().contains(&(number, other))
        };
        Actors::new(Surroundings {
            me: node_id(number, self.boots[number]),
            seed: [u8::try_from(number).unwrap() ^ self.boots[number].rotate_left(4); 32],
            clock,
            may_speak_with: Arc::new(may_speak_with),
            limits: self.limits.clone(),
        })
    }

    /// `one` may not open sessions with `other` from now on.
    pub fn forbid(&self, one: usize, other: usize) {
        self.knows.lock().unwrap().push((one, other));
    }

    pub fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.elapsed.load(Ordering::Acquire))
    }

    /// Makes a session, unless there is one.
    pub fn connect(&mut self, one: usize, other: usize) {
        if self.session(one, other).is_some() {
            return;
        }
        let flag = || Arc::new(Flag(AtomicBool::new(true)));
        let here = self.nodes[one].connected(self.nodes[other].me());
        let there = self.nodes[other].connected(self.nodes[one].me());
        let ends = [(one, here), (other, there)];
        self.sessions.push(Session { ends, flags: [flag(), flag()], under_way: Default::default() });
    }

    fn session(&self, one: usize, other: usize) -> Option<usize> {
        self.sessions.iter().position(|session| {
            let pair = (session.ends[0].0, session.ends[1].0);
            pair == (one, other) || pair == (other, one)
        })
    }

    /// The session as `one` sees it.
    pub fn exchange(&self, one: usize, other: usize) -> &Exchange {
        let session = &self.sessions[self.session(one, other).expect("a session")];
        &session.ends.iter().find(|(node, _)| *node == one).unwrap().1
    }

    /// Looks a service up, in a session that is made if there is none.
    pub fn look_up<M: actor_proxy::Message>(
        &mut self,
        from: usize,
        at: usize,
        name: &str,
    ) -> Result<actor_proxy::Address<M>, actor_proxy::ServiceError> {
        self.connect(from, at);
        let lookup = self.exchange(from, at).service::<M>(name);
        self.block_on(lookup)
    }

    /// Ends a session; what is on its way is lost.
    pub fn disconnect(&mut self, one: usize, other: usize) {
        if let Some(at) = self.session(one, other) {
            drop(self.sessions.remove(at));
        }
    }

    /// Ends a node and all its sessions, and starts it anew with another boot id.
    pub fn restart(&mut self, number: usize) {
        self.sessions.retain(|session| session.ends.iter().all(|(node, _)| *node != number));
        self.nodes[number].shutdown();
        self.boots[number] += 1;
        self.nodes[number] = self.make(number);
    }

    pub fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.push(Task { future: Box::pin(future), flag });
    }

    /// Polls every task that was woken, once; a panic ends the task.
    pub fn poll_tasks(&mut self) -> bool {
        let mut progress = false;
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.retain_mut(|task| {
            if !task.flag.0.swap(false, Ordering::AcqRel) {
                return true;
            }
            progress = true;
            let waker = Waker::from(Arc::clone(&task.flag));
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                task.future.as_mut().poll(&mut Context::from_waker(&waker))
            }));
            matches!(polled, Ok(Poll::Pending))
        });
        tasks.append(&mut self.tasks);
        self.tasks = tasks;
        progress
    }

    /// Moves what wants to leave into the pipes; `most` per lane and end.
    pub fn transmit(&mut self, most: usize) -> bool {
        self.transmit_where(most, |_| true)
    }

    /// The same for nodes that are wanted.
    pub fn transmit_where(&mut self, most: usize, wanted: impl Fn(usize) -> bool) -> bool {
        let mut progress = false;
        for session in &mut self.sessions {
            for side in 0..2 {
                if !wanted(session.ends[side].0) {
                    continue;
                }
                let waker = Waker::from(Arc::clone(&session.flags[side]));
                let exchange = &session.ends[side].1;
                let Some(mut outgoing) = exchange.outgoing(&Context::from_waker(&waker)) else { continue };
                for lane in Lane::all() {
                    for _ in 0..most {
                        let Some(message) = outgoing.peek(lane).map(|next| next.to_bytes()) else { break };
                        outgoing.advance(lane);
                        session.under_way[1 - side].entry(lane.index()).or_default().push(message);
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

    /// Delivers what is in the pipes, the lanes in the given order.
    pub fn deliver(&mut self, lanes: impl Fn(usize) -> usize) -> bool {
        self.deliver_where(|_, lane| Some(lanes(lane)))
    }

    /// Delivers what is in the pipes to a side of each session: the lanes in the given order, and not those without one.
    pub fn deliver_where(&mut self, order: impl Fn(usize, usize) -> Option<usize>) -> bool {
        let mut progress = false;
        let now = self.now();
        let mut broken = Vec::new();
        for (at, session) in self.sessions.iter_mut().enumerate() {
            for side in 0..2 {
                let under_way = std::mem::take(&mut session.under_way[side]).into_iter();
                let (mut lots, rest) =
                    under_way.partition::<Vec<_>, _>(|(lane, _)| order(side, *lane).is_some());
                session.under_way[side] = rest.into_iter().collect();
                lots.sort_by_key(|(lane, _)| order(side, *lane));
                for (_, messages) in lots {
                    progress = true;
                    self.carried += messages.len();
                    let (result, wakes) = session.ends[side].1.handle_messages(now, messages);
                    wakes.wake();
                    if let Err(fault) = result {
                        self.faults.push(fault);
                        broken.push(at);
                    }
                }
            }
        }
        broken.dedup();
        for at in broken.into_iter().rev() {
            drop(self.sessions.remove(at));
        }
        progress
    }

    /// Does what nodes ask for.
    pub fn serve_wanted(&mut self) -> bool {
        let mut progress = false;
        for number in 0..self.nodes.len() {
            let waker = Waker::from(Arc::clone(&self.keeper));
            while let Poll::Ready(node) = self.nodes[number].poll_wanted(&mut Context::from_waker(&waker)) {
                progress = true;
                let other = usize::from(node.member[0]) - 1;
                let is_cut = self.cut.contains(&(number, other)) || self.cut.contains(&(other, number));
                if is_cut || !self.dials {
                    let why = Unreachable::new(NobodyAnswers, true);
                    self.nodes[number].handle_unreachable(&node, &why);
                } else {
                    self.connect(number, other);
                    // The other process of that machine, if it was restarted.
                    if self.nodes[other].me() != node {
                        self.nodes[number].handle_unreachable(&node, &Unreachable::new(NobodyAnswers, true));
                    }
                }
            }
        }
        progress
    }

    /// Runs until nothing happens any more without the clock.
    pub fn run(&mut self) {
        for _ in 0..100_000 {
            let mut progress = self.poll_tasks();
            progress |= self.serve_wanted();
            progress |= self.transmit(usize::MAX);
            progress |= self.deliver(|lane| lane);
            if !progress {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Moves the clock on while nothing else happens.
    pub fn pass(&mut self, by: Duration) {
        self.elapsed.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::AcqRel);
        for node in &self.nodes {
            node.handle_timeout(self.now());
        }
    }

    /// Whether there is a session.
    pub fn is_connected(&self, one: usize, other: usize) -> bool {
        self.session(one, other).is_some()
    }

    /// Moves the clock on, deadline by deadline, running in between.
    pub fn advance(&mut self, by: Duration) {
        let end = self.elapsed.load(Ordering::Acquire) + u64::try_from(by.as_millis()).unwrap();
        loop {
            self.run();
            let now = self.elapsed.load(Ordering::Acquire);
            if now >= end {
                return;
            }
            let next = self.nodes.iter().filter_map(|node| node.poll_timeout(None)).min();
            let next = next.map_or(end, |next| {
                let millis = next.saturating_duration_since(self.start).as_micros().div_ceil(1_000);
                u64::try_from(millis).unwrap()
            });
            self.elapsed.store(next.clamp(now, end), Ordering::Release);
            for node in &self.nodes {
                node.handle_timeout(self.now());
            }
        }
    }

    /// Runs a future to its end, moving the clock if need be, at most an hour.
    pub fn block_on<T: Send + 'static>(&mut self, future: impl Future<Output = T> + Send + 'static) -> T {
        let result = Arc::new(Mutex::new(None));
        let set = Arc::clone(&result);
        self.spawn(async move {
            let value = future.await;
            *set.lock().unwrap() = Some(value);
        });
        for _ in 0..3_600 {
            self.run();
            if let Some(value) = result.lock().unwrap().take() {
                return value;
            }
            self.advance(Duration::from_secs(1));
        }
        panic!("it does not end");
    }
}
