//! A scripted conversation of three nodes, in which every kind of envelope and of address occurs: played by all of them
//! it makes the frozen vectors, played by one of them with the recorded envelopes of the others it must go the same way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, dead_code, unreachable_pub)]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use actor_proxy::{
    Actors, Address, Allow, Exchange, Inbox, Lane, Limits, Message, NodeId, ReplyTo, Schema, ServiceOptions,
    Surroundings,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub const ANN: usize = 0;
pub const BOB: usize = 1;
pub const CAROL: usize = 2;
pub const NAMES: [&str; 3] = ["ann", "bob", "carol"];

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
enum Till {
    Put(u64),
    Sum(ReplyTo<u64>),
    Watch(Address<Sale>),
    /// Gives the address of a bell.
    Bell(ReplyTo<Address<Sale>>),
    /// Is let go of without an answer.
    Forget(ReplyTo<u64>),
    /// Here is a colleague.
    Meet(Address<Till>),
    /// Here is the book.
    Read(Address<Book>),
    Stop,
}

impl Message for Till {
    const SCHEMA: Schema = Schema::new("shop.till/1");
}

#[derive(Serialize, Deserialize)]
struct Sale(u64);

impl Message for Sale {
    const SCHEMA: Schema = Schema::new("shop.sale/1");
}

#[derive(Serialize, Deserialize)]
struct Book {
    line: String,
}

impl Message for Book {
    const SCHEMA: Schema = Schema::new("shop.book/1");
}

/// One envelope on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Envelopes of one round cross each other.
    pub round: usize,
    pub from: usize,
    pub to: usize,
    pub lane: usize,
    pub envelope: Bytes,
}

/// What was said, and what each of them experienced.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recording {
    pub lines: Vec<Line>,
    pub effects: [Vec<String>; 3],
}

/// What somebody has, for their tasks to use.
#[derive(Default)]
struct Things {
    till: Option<Address<Till>>,
    guest: Option<Address<Till>>,
    book: Option<Address<Book>>,
    bells: Vec<Address<Sale>>,
    sales: Option<Inbox<Sale>>,
    ringing: Vec<Inbox<Sale>>,
}

#[derive(Clone)]
struct Person {
    node: Actors,
    things: Arc<Mutex<Things>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Person {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }

    fn with<T>(&self, work: impl FnOnce(&mut Things) -> T) -> T {
        work(&mut self.things.lock().unwrap())
    }
}

struct Actor {
    person: Person,
    exchanges: BTreeMap<usize, Exchange>,
    tasks: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Actor {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(Box::pin(task));
    }
}

struct Stage {
    cast: [Option<Actor>; 3],
    start: Instant,
    elapsed: Arc<AtomicU64>,
    /// Whom carol may speak with: 1 for ann, 3 for all.
    acquainted: Arc<AtomicU64>,
    round: usize,
    lines: Vec<Line>,
    recorded: Vec<Line>,
}

/// Everybody plays.
pub fn record() -> Recording {
    play([true; 3], Vec::new())
}

/// One plays, the others are read from a recording.
pub fn replay(who: usize, recording: &Recording) -> Recording {
    let mut present = [false; 3];
    present[who] = true;
    play(present, recording.lines.clone())
}

fn node_id(number: usize) -> NodeId {
    let number = u8::try_from(number).unwrap();
    NodeId { member: [0xa0 + number; 32], device: [0xd0 + number; 32], boot: [0xb0 + number; 16] }
}

impl Stage {
    fn new(present: [bool; 3], recorded: Vec<Line>) -> Self {
        let (start, elapsed, acquainted) =
            (Instant::now(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(1)));
        let mut limits = Limits::default();
        // So small that credit is granted soon.
        limits.mailbox_window_bytes = 600;
        let make = |who: usize| {
            let (millis, acquainted) = (Arc::clone(&elapsed), Arc::clone(&acquainted));
            let node = Actors::new(Surroundings {
                me: node_id(who),
                seed: [u8::try_from(who).unwrap() + 1; 32],
                clock: Arc::new(move || start + Duration::from_millis(millis.load(Ordering::Acquire))),
                may_speak_with: Arc::new(move |node| {
                    let other = u64::from(node.member[0] - 0xa0);
                    who != CAROL && other != 2 || acquainted.load(Ordering::Acquire) > other
                }),
                limits: limits.clone(),
            });
            let person = Person { node, things: Arc::default(), log: Arc::default() };
            Actor { person, exchanges: BTreeMap::new(), tasks: Vec::new() }
        };
        let cast = [ANN, BOB, CAROL].map(|who| present[who].then(|| make(who)));
        Self { cast, start, elapsed, acquainted, round: 0, lines: Vec::new(), recorded }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.elapsed.load(Ordering::Acquire))
    }

    /// Somebody does something, if they are there.
    fn act(&mut self, who: usize, act: impl FnOnce(&mut Actor, Person)) {
        if let Some(actor) = &mut self.cast[who] {
            let person = actor.person.clone();
            act(actor, person);
        }
    }

    fn connect(&mut self, one: usize, other: usize) {
        for (here, there) in [(one, other), (other, one)] {
            self.act(here, |actor, me| {
                drop(actor.exchanges.insert(there, me.node.connected(node_id(there))))
            });
        }
    }

    fn disconnect(&mut self, one: usize, other: usize) {
        for (here, there) in [(one, other), (other, one)] {
            self.act(here, |actor, _| drop(actor.exchanges.remove(&there)));
        }
    }

    fn advance(&mut self, time: Duration) {
        self.elapsed.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::AcqRel);
        let now = self.now();
        self.cast.iter().flatten().for_each(|actor| actor.person.node.handle_timeout(now));
    }

    /// Rounds until nothing is said any more.
    fn flow(&mut self) {
        loop {
            self.poll();
            let said = self.take_said();
            let others = self.recorded.iter().filter(|line| line.round == self.round);
            let others: Vec<Line> = others.filter(|line| self.cast[line.from].is_none()).cloned().collect();
            self.round += 1;
            let now = self.now();
            for line in said.iter().chain(&others) {
                if let Some(actor) = &self.cast[line.to] {
                    let exchange = actor.exchanges.get(&line.from).expect("a session");
                    let (outcome, wakes) = exchange.handle_messages(now, [line.envelope.clone()]);
                    wakes.wake();
                    outcome.expect("a sound envelope");
                }
            }
            let is_over = said.is_empty() && !self.recorded.iter().any(|line| line.round + 1 == self.round);
            self.lines.extend(said);
            if is_over {
                return;
            }
        }
    }

    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for actor in self.cast.iter_mut().flatten() {
            actor.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        }
    }

    fn take_said(&mut self) -> Vec<Line> {
        let (round, context, mut said) = (self.round, Context::from_waker(Waker::noop()), Vec::new());
        for (from, actor) in self.cast.iter().enumerate() {
            for (&to, exchange) in actor.iter().flat_map(|actor| &actor.exchanges) {
                let mut outgoing = exchange.outgoing(&context).expect("a session");
                for lane in Lane::all() {
                    while let Some(next) = outgoing.peek(lane) {
                        said.push(Line { round, from, to, lane: lane.index(), envelope: next.to_bytes() });
                        outgoing.advance(lane);
                    }
                }
                if outgoing.finish() {
                    exchange.handle_taken().wake();
                }
                exchange.handle_written().wake();
            }
        }
        said
    }

    fn finish(self) -> Recording {
        let effects = self.cast.each_ref().map(|actor| {
            actor.as_ref().map(|actor| actor.person.log.lock().unwrap().clone()).unwrap_or_default()
        });
        self.cast.iter().flatten().for_each(|actor| actor.person.node.shutdown());
        Recording { lines: self.lines, effects }
    }
}

/// What bob's till and carol's guest do.
async fn till(me: Person, mut inbox: Inbox<Till>) {
    let (mut sum, mut watchers) = (0, Vec::<Address<Sale>>::new());
    while let Some(message) = inbox.recv().await {
        match message {
            Till::Put(amount) => {
                sum += amount;
                me.note(format!("{amount} was put in"));
                for watcher in &watchers {
                    watcher.send(Sale(amount)).await.unwrap();
                }
            }
            Till::Sum(reply) => reply.send(sum),
            Till::Watch(watcher) => {
                me.note(format!("watched by an actor {:?}", watcher.route()));
                watchers.push(watcher);
            }
            Till::Bell(reply) => {
                let (bell, inbox) = me.node.mailbox();
                me.with(|things| things.ringing.push(inbox));
                reply.send(bell);
            }
            Till::Forget(reply) => drop(reply),
            Till::Meet(colleague) => {
                me.note(format!("met an actor {:?}", colleague.route()));
                me.with(|things| things.till = Some(colleague));
            }
            Till::Read(book) => {
                me.note(format!("given the book {:?}", book.route()));
                me.with(|things| things.book = Some(book));
            }
            Till::Stop => break,
        }
    }
    me.note("the till is closed");
}

fn play(present: [bool; 3], recorded: Vec<Line>) -> Recording {
    let mut stage = Stage::new(present, recorded);
    services(&mut stage);
    messages(&mut stage);
    addresses(&mut stage);
    third(&mut stage);
    absence(&mut stage);
    ends(&mut stage);
    stage.finish()
}

fn services(stage: &mut Stage) {
    stage.act(BOB, |actor, me| {
        let (_, inbox) = me.node.serve("till", Allow::Members, ServiceOptions::default()).unwrap();
        actor.spawn(till(me.clone(), inbox));
        let options = ServiceOptions::default().self_describing().direct_only();
        let allow = Allow::only([node_id(ANN).member]);
        let (_, mut inbox) = me.node.serve::<Book>("book", allow, options).unwrap();
        actor.spawn(async move {
            while let Some(Book { line }) = inbox.recv().await {
                me.note(format!("the book says {line:?}"));
            }
        });
    });
    stage.connect(ANN, BOB);
    stage.act(ANN, |actor, me| {
        let exchange = &actor.exchanges[&BOB];
        let (till, book) = (exchange.service::<Till>("till"), exchange.service::<Book>("book"));
        let (nothing, list) = (exchange.service::<Till>("nothing"), exchange.services());
        actor.spawn(async move {
            let (till, book) = (till.await.unwrap(), book.await.unwrap());
            me.note(format!("{:?}", nothing.await.unwrap_err()));
            for service in list.await.unwrap() {
                me.note(format!("{:?} speaks {:?} as {:?}", service.name, service.schema, service.format));
            }
            me.with(|things| (things.till, things.book) = (Some(till), Some(book)));
        });
    });
    stage.flow();
}

/// Spawns a task of somebody who has the address of the till.
fn with_till<F>(stage: &mut Stage, who: usize, task: impl FnOnce(Person, Address<Till>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    stage.act(who, |actor, me| {
        let till = me.with(|things| things.till.clone()).unwrap();
        actor.spawn(task(me, till));
    });
    stage.flow();
}

fn messages(stage: &mut Stage) {
    with_till(stage, ANN, async |me, till| {
        till.send(Till::Put(7)).await.unwrap();
        till.send_confirmed(Till::Put(8)).await.unwrap();
        me.note(format!("the sum is {:?}", till.ask(Till::Sum, PATIENCE).await));
        me.note(format!("forgotten: {:?}", till.ask(Till::Forget, PATIENCE).await));
        for _ in 0..6 {
            till.send(Till::Put(1)).await.unwrap();
        }
        let book = me.with(|things| things.book.clone()).unwrap();
        book.send(Book { line: "grüße".into() }).await.unwrap();
    });
}

fn addresses(stage: &mut Stage) {
    with_till(stage, ANN, async |me, till| {
        let (sale, mut sales) = me.node.mailbox();
        till.send(Till::Watch(sale)).await.unwrap();
        till.send(Till::Put(2)).await.unwrap();
        me.note(format!("told of {}", sales.recv().await.unwrap().0));
        me.with(|things| things.sales = Some(sales));
        for _ in 0..2 {
            let bell: Address<Sale> = till.ask(Till::Bell, PATIENCE).await.unwrap();
            till.send(Till::Watch(bell.clone())).await.unwrap();
            me.with(|things| things.bells.push(bell));
        }
        let bell: Address<Sale> = till.ask(Till::Bell, PATIENCE).await.unwrap();
        drop(bell);
    });
    stage.advance(Duration::from_secs(11));
    stage.flow();
}

fn third(stage: &mut Stage) {
    stage.act(CAROL, |actor, me| {
        let (_, inbox) = me.node.serve("guest", Allow::Members, ServiceOptions::default()).unwrap();
        actor.spawn(till(me, inbox));
    });
    stage.connect(ANN, CAROL);
    stage.act(ANN, |actor, me| {
        let guest = actor.exchanges[&CAROL].service::<Till>("guest");
        actor.spawn(async move {
            let guest = guest.await.unwrap();
            let till = me.with(|things| things.till.clone()).unwrap();
            guest.send(Till::Meet(till)).await.unwrap();
            me.with(|things| things.guest = Some(guest));
        });
    });
    stage.flow();
    with_till(stage, CAROL, async |me, till| {
        till.send(Till::Put(100)).await.unwrap();
        till.send_confirmed(Till::Put(200)).await.unwrap();
        me.note(format!("the sum is {:?}", till.ask(Till::Sum, PATIENCE).await));
    });
    stage.acquainted.store(3, Ordering::Release);
    stage.act(ANN, |actor, me| {
        actor.spawn(async move {
            let (guest, book) =
                me.with(|things| (things.guest.clone().unwrap(), things.book.clone().unwrap()));
            guest.send(Till::Read(book)).await.unwrap();
        });
    });
    stage.flow();
    stage.connect(BOB, CAROL);
    stage.act(CAROL, |actor, me| {
        let book = me.with(|things| things.book.clone()).unwrap();
        actor.spawn(async move {
            let refused = book.send_confirmed(Book { line: "hello".into() }).await;
            me.note(format!("not in the book: {refused:?}"));
        });
    });
    stage.flow();
}

fn absence(stage: &mut Stage) {
    stage.disconnect(ANN, BOB);
    // The till still has the addresses of the bells; they end with their inboxes.
    stage.act(BOB, |_, me| drop(me.with(|things| things.ringing.swap_remove(0))));
    stage.connect(ANN, BOB);
    stage.act(ANN, |actor, me| {
        for bell in me.with(|things| things.bells.clone()) {
            let me = me.clone();
            actor.spawn(async move { me.note(format!("a bell is gone: {:?}", bell.ended().await)) });
        }
    });
    stage.flow();
}

fn ends(stage: &mut Stage) {
    for who in [ANN, CAROL] {
        stage.act(who, |actor, me| {
            let (till, book) = me.with(|things| (things.till.clone().unwrap(), things.book.clone().unwrap()));
            let reader = me.clone();
            actor.spawn(async move { me.note(format!("the till is gone: {:?}", till.ended().await)) });
            actor.spawn(async move { reader.note(format!("the book is gone: {:?}", book.ended().await)) });
        });
    }
    with_till(stage, ANN, async |_, till| till.send(Till::Stop).await.unwrap());
    stage.act(BOB, |_, me| assert!(me.node.withdraw("book")));
    stage.flow();
    stage.advance(Duration::from_secs(11));
    stage.flow();
}
