//! Threads that do everything at once: what waits for ever here would do so anywhere.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use actor_proxy::{
    Actors, Address, Allow, Exchange, Inbox, Lane, Limits, Message, ReplyTo, Schema, ServiceOptions,
    Surroundings,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::world::node_id;

const STRESS: Duration = Duration::from_secs(1);
/// Beyond this it is taken for a deadlock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Goes in circles, with addresses that are dropped on the way.
#[derive(Serialize, Deserialize)]
struct Circle {
    hops: u32,
    origin: Address<Circle>,
    extra: Vec<Address<Circle>>,
    reply: Option<ReplyTo<u32>>,
}

impl Message for Circle {
    const SCHEMA: Schema = Schema::new("test.circle/1");
}

impl Drop for Circle {
    /// Users' code where it hurts most.
    fn drop(&mut self) {
        if self.hops == 1 {
            let origin = self.origin.clone();
            self.origin.try_send(Self { hops: 0, origin, extra: Vec::new(), reply: None }).ok();
        }
    }
}

fn node(number: usize) -> Actors {
    let mut limits = Limits::default();
    limits.lease = Duration::from_millis(20);
    (limits.mailbox_window_bytes, limits.outbox_bytes) = (4_000, 4_000);
    Actors::new(Surroundings {
        me: node_id(number, 1),
        seed: [u8::try_from(number).unwrap(); 32],
        clock: Arc::new(Instant::now),
        may_speak_with: Arc::new(|_| true),
        limits,
    })
}

/// Carries what the two ends of a session say once; `false`: it is over.
fn pump(ends: &[Exchange; 2]) -> bool {
    let context = &Context::from_waker(Waker::noop());
    for side in 0..2 {
        let Some(mut outgoing) = ends[side].outgoing(context) else { return false };
        let mut taken: Vec<Bytes> = Vec::new();
        for lane in Lane::all() {
            while let Some(next) = outgoing.peek(lane).map(|next| next.to_bytes()) {
                outgoing.advance(lane);
                taken.push(next);
            }
        }
        if outgoing.finish() {
            ends[side].handle_taken().wake();
        }
        ends[side].handle_written().wake();
        let (result, wakes) = ends[1 - side].handle_messages(Instant::now(), taken);
        wakes.wake();
        assert_eq!(result, Ok(()));
    }
    true
}

/// One session after the other.
fn carry(one: &Actors, other: &Actors, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let ends = [one.connected(other.me()), other.connected(one.me())];
        for _ in 0..2_000 {
            if !pump(&ends) {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// The hub of each as the other has it.
fn find(one: &Actors, other: &Actors) -> [Address<Circle>; 2] {
    let ends = [one.connected(other.me()), other.connected(one.me())];
    ends.each_ref().map(|end| {
        let mut lookup = Box::pin(end.service("hub"));
        loop {
            if let Poll::Ready(found) = lookup.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return found.unwrap();
            }
            assert!(pump(&ends));
        }
    })
}

/// An actor with a thread of its own.
fn act(
    node: &Actors,
    mut inbox: Inbox<Circle>,
    next: Vec<Address<Circle>>,
    stop: &AtomicBool,
    turns: &AtomicUsize,
) {
    let context = &mut Context::from_waker(Waker::noop());
    let mut asks = Vec::new();
    let mut others = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        let next = &next[turn % next.len()];
        let (own, own_inbox) = node.mailbox::<Circle>();
        others.push(own_inbox);
        let circle =
            |reply| Circle { hops: 5, origin: own.clone(), extra: vec![next.clone(), own.clone()], reply };
        if turn.is_multiple_of(3) {
            let question = circle(None);
            let mut ask = {
                let next = next.clone();
                Box::pin(async move {
                    let mut question = question;
                    next.ask(
                        |reply| {
                            question.reply = Some(reply);
                            question
                        },
                        Duration::from_millis(30),
                    )
                    .await
                })
            };
            if ask.as_mut().poll(context).is_pending() {
                asks.push(ask);
            }
        } else {
            next.try_send(circle(None)).ok();
        }
        asks.retain_mut(|ask| ask.as_mut().poll(context).is_pending());
        if asks.len() > 20 {
            // Not waited for any more.
            asks.drain(..15);
        }
        while let Some((mut circle, _)) = inbox.try_recv() {
            circle.hops = circle.hops.saturating_sub(1);
            match circle.reply.take() {
                Some(reply) if circle.hops == 0 => reply.send(1),
                reply => circle.reply = reply,
            }
            if circle.hops > 0 {
                next.try_send(circle).ok();
            }
        }
        if others.len() > 50 {
            others.drain(..40);
        }
    }
}

#[test]
fn circles_of_messages_over_sessions_that_come_and_go_end() {
    let (done, finished) = mpsc::sync_channel(1);
    let watched = std::thread::spawn(move || {
        circles();
        done.send(()).ok();
    });
    match finished.recv_timeout(PATIENCE) {
        Ok(()) => watched.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(watched.join().unwrap_err()),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("threads wait for each other"),
    }
}

fn circles() {
    let nodes = [node(0), node(1), node(2)];
    let (stop_acting, stop_carrying) = (AtomicBool::new(false), AtomicBool::new(false));
    let turns = AtomicUsize::new(0);
    let (to_nodes, hubs): (Vec<_>, Vec<_>) = nodes
        .iter()
        .map(|node| node.serve::<Circle>("hub", Allow::Members, ServiceOptions::default()).unwrap())
        .unzip();
    drop(to_nodes);
    let mut known = [const { Vec::new() }; 3];
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        let [there, here] = find(&nodes[one], &nodes[other]);
        known[one].push(there);
        known[other].push(here);
    }
    std::thread::scope(|scope| {
        for (one, other) in [(0, 1), (1, 2), (2, 0)] {
            let (one, other, stop) = (&nodes[one], &nodes[other], &stop_carrying);
            scope.spawn(move || carry(one, other, stop));
        }
        scope.spawn(|| {
            let context = &mut Context::from_waker(Waker::noop());
            while !stop_carrying.load(Ordering::Acquire) {
                for node in &nodes {
                    node.handle_timeout(Instant::now());
                    while node.poll_wanted(context).is_ready() {}
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let actors: Vec<_> = hubs
            .into_iter()
            .enumerate()
            .map(|(number, hub)| {
                let next = std::mem::take(&mut known[number]);
                let (node, stop, turns) = (&nodes[number], &stop_acting, &turns);
                scope.spawn(move || act(node, hub, next, stop, turns))
            })
            .collect();
        std::thread::sleep(STRESS);
        stop_acting.store(true, Ordering::Release);
        for actor in actors {
            actor.join().unwrap();
        }
        // Nothing is held any more: all tables become empty.
        let sizes = || nodes.each_ref().map(|node| node.table_sizes());
        let begun = Instant::now();
        while sizes() != [(0, 0, 0); 3] && begun.elapsed() < PATIENCE / 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = sizes();
        stop_carrying.store(true, Ordering::Release);
        assert_eq!(left, [(0, 0, 0); 3]);
    });
    assert!(turns.load(Ordering::Relaxed) > 100);
}
