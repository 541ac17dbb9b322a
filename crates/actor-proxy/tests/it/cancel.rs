//! Futures that are dropped at any point break nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use actor_proxy::{
    Address, Allow, AskError, Inbox, Limits, Message, ReplyTo, Schema, SendError, ServiceError,
    ServiceOptions,
};
use serde::{Deserialize, Serialize};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// What one node says, in the order in which it began to.
#[derive(Serialize, Deserialize)]
enum Word {
    Say(u64),
    Ask(u64, ReplyTo<u64>),
    Give(u64, Address<Word>),
    Stop,
}

impl Message for Word {
    const SCHEMA: Schema = Schema::new("test.word/1");
}

/// Numbers are those of the sender, times this, and more.
const SENDER: u64 = 1_000;

async fn listener(mut inbox: Inbox<Word>, heard: Arc<Mutex<Vec<u64>>>) {
    let mut kept = Vec::new();
    while let Some(word) = inbox.recv().await {
        let number = match word {
            Word::Say(number) => number,
            Word::Ask(number, reply) => {
                // Some are never answered, and some not in time.
                match number % 4 {
                    0 => drop(reply),
                    1 => kept.push((None, Some(reply))),
                    _ => reply.send(number),
                }
                number
            }
            Word::Give(number, address) => {
                kept.push((Some(address), None));
                number
            }
            Word::Stop => return,
        };
        heard.lock().unwrap().push(number);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Arrived,
    Accepted,
    /// It did not and will not arrive.
    Never,
    Unknown,
}

struct Operation {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    polls_left: u64,
    number: Option<u64>,
    is_plain_send: bool,
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

struct Play {
    world: World,
    random: Random,
    heard: Arc<Mutex<Vec<u64>>>,
    outcomes: Arc<Mutex<BTreeMap<u64, Outcome>>>,
    addresses: Vec<Address<Word>>,
    /// Numbers in the order of first polls.
    begun: Vec<Arc<Mutex<Vec<u64>>>>,
    inboxes: Vec<Inbox<Word>>,
    operations: Vec<Operation>,
    next: u64,
    was_cut: bool,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut limits = Limits::default();
        if !seed.is_multiple_of(3) {
            (limits.mailbox_window_bytes, limits.outbox_bytes) = (200, 200);
        }
        let nodes = 2 + usize::from(seed.is_multiple_of(2));
        let mut world = World::with_limits(nodes, limits);
        world.forbid(2, 0);
        let heard = Arc::<Mutex<Vec<u64>>>::default();
        let (_, inbox) = world.nodes[0].serve("listener", Allow::Members, ServiceOptions::default()).unwrap();
        let mut addresses = vec![world.look_up::<Word>(1, 0, "listener").unwrap()];
        if nodes == 3 {
            // Through node 1.
            let (_, mut desk) =
                world.nodes[2].serve("desk", Allow::Members, ServiceOptions::default()).unwrap();
            let given = addresses[0].clone();
            world.look_up(1, 2, "desk").unwrap().try_send(Word::Give(0, given)).unwrap();
            world.run();
            let Some((Word::Give(_, address), _)) = desk.try_recv() else { panic!("nothing came") };
            addresses.push(address);
            world.nodes[2].withdraw("desk");
        }
        world.spawn(listener(inbox, Arc::clone(&heard)));
        let begun = addresses.iter().map(|_| Arc::default()).collect();
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            world,
            random,
            heard,
            outcomes: Arc::default(),
            addresses,
            begun,
            inboxes: Vec::new(),
            operations: Vec::new(),
            next: 0,
            was_cut: false,
        }
    }

    fn begin(&mut self) {
        let sender = self.random.below(self.addresses.len() as u64) as usize;
        let address = self.addresses[sender].clone();
        self.next += 1;
        let number = SENDER * (sender as u64 + 1) + self.next;
        let begun = Arc::clone(&self.begun[sender]);
        let outcomes = Arc::clone(&self.outcomes);
        let note = move |outcome| {
            outcomes.lock().unwrap().insert(number, outcome);
        };
        let kind = self.random.below(8);
        let given = (kind == 5).then(|| {
            let (own, inbox) = self.world.nodes[1 + sender].mailbox::<Word>();
            self.inboxes.push(inbox);
            own
        });
        let lookup =
            self.world.is_connected(1, 0).then(|| self.world.exchange(1, 0).service::<Word>("listener"));
        let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            if kind < 6 {
                begun.lock().unwrap().push(number);
            }
            match kind {
                0 | 1 => note(of_send(address.send(Word::Say(number)).await, Outcome::Accepted)),
                2 => note(of_send(address.send_confirmed(Word::Say(number)).await, Outcome::Arrived)),
                3 | 4 => {
                    note(of_ask(address.ask(|reply| Word::Ask(number, reply), 5 * SECOND).await, number))
                }
                5 => note(of_send(address.send(Word::Give(number, given.unwrap())).await, Outcome::Accepted)),
                6 => drop(address.flush().await),
                _ => match lookup {
                    Some(lookup) => match lookup.await {
                        Ok(found) => assert_eq!(found, address),
                        Err(ServiceError::Ask(AskError::Lost { .. } | AskError::TimedOut)) => {}
                        Err(error) => panic!("{error}"),
                    },
                    None => drop(address.ended().await),
                },
            }
        });
        let polls_left = if self.random.below(2) == 0 { self.random.below(4) } else { u64::MAX };
        let number = (kind < 6).then_some(number);
        self.operations.push(Operation {
            future,
            polls_left,
            number,
            is_plain_send: matches!(kind, 0 | 1 | 5),
        });
    }

    /// Polls an operation; drops it if it had its polls.
    fn poll(&mut self, at: usize) {
        let operation = &mut self.operations[at];
        if operation.polls_left > 0 {
            operation.polls_left -= 1;
            if operation.future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                self.operations.swap_remove(at);
                return;
            }
        }
        if operation.polls_left == 0 {
            let Operation { number, is_plain_send, .. } = self.operations.swap_remove(at);
            if let Some(number) = number {
                let outcome = if is_plain_send { Outcome::Never } else { Outcome::Unknown };
                self.outcomes.lock().unwrap().insert(number, outcome);
            }
        }
    }

    fn step(&mut self) {
        let bits = self.random.below(1 << 20) as usize;
        match self.random.below(16) {
            0..=3 if self.next < 50 => self.begin(),
            0..=7 if !self.operations.is_empty() => {
                let at = bits % self.operations.len();
                self.poll(at);
            }
            8 | 9 => drop(self.world.transmit(1 + bits % 3)),
            10 | 11 => {
                self.world.deliver_where(|side, lane| {
                    (bits >> (5 * side + lane) & 1 == 1).then_some(bits >> lane & 7)
                });
            }
            12 | 13 => drop(self.world.poll_tasks()),
            14 => drop(self.world.serve_wanted()),
            15 if bits.is_multiple_of(16) => {
                self.was_cut = true;
                let other = 1 + bits / 16 % 2;
                self.world.disconnect(other, other - 1);
            }
            _ => {}
        }
    }

    fn finish(mut self) {
        // What is left resolves: by itself, at its deadline, or with the actor.
        for round in 0..40 {
            self.world.run();
            for at in (0..self.operations.len()).rev() {
                self.poll(at);
            }
            if round == 10 {
                self.world.advance(11 * SECOND);
            }
            if round == 20 {
                self.addresses[0].try_send(Word::Stop).unwrap();
            }
        }
        let open: Vec<_> = self.operations.iter().map(|operation| operation.number).collect();
        assert!(open.is_empty(), "unresolved: {open:?}");
        assert!(self.world.faults.is_empty(), "{:?}", self.world.faults);
        let heard = self.heard.lock().unwrap().clone();
        assert_eq!(heard.iter().collect::<BTreeSet<_>>().len(), heard.len(), "twice: {heard:?}");
        for (sender, begun) in self.begun.iter().enumerate() {
            let first = SENDER * (sender as u64 + 1);
            let from: Vec<_> =
                heard.iter().filter(|number| (first..first + SENDER).contains(number)).collect();
            let begun = begun.lock().unwrap();
            let expected: Vec<_> = begun.iter().filter(|number| heard.contains(number)).collect();
            assert_eq!(from, expected, "the order of sender {sender}");
        }
        for (number, outcome) in self.outcomes.lock().unwrap().iter() {
            match outcome {
                Outcome::Arrived => assert!(heard.contains(number), "{number} arrived"),
                Outcome::Never => assert!(!heard.contains(number), "{number} was not sent"),
                Outcome::Accepted if !self.was_cut => {
                    assert!(heard.contains(number), "{number} was accepted")
                }
                Outcome::Accepted | Outcome::Unknown => {}
            }
        }
        self.addresses.clear();
        self.inboxes.clear();
        self.world.nodes[0].withdraw("listener");
        self.world.advance(3_700 * SECOND);
        for node in &self.world.nodes {
            assert_eq!(node.table_sizes(), (0, 0, 0));
        }
    }
}

fn of_send(result: Result<(), SendError>, success: Outcome) -> Outcome {
    match result {
        Ok(()) => success,
        Err(SendError::Lost { maybe_delivered: true }) => Outcome::Unknown,
        Err(SendError::Lost { maybe_delivered: false } | SendError::Full) => Outcome::Never,
        // The way through another node ends with it, perhaps behind the message.
        Err(SendError::Ended(_)) => Outcome::Unknown,
        Err(error) => panic!("{error}"),
    }
}

fn of_ask(result: Result<u64, AskError>, number: u64) -> Outcome {
    match result {
        Ok(answer) => {
            assert_eq!(answer, number);
            Outcome::Arrived
        }
        Err(AskError::Lost { maybe_delivered: false }) => Outcome::Never,
        Err(AskError::NoReply | AskError::TimedOut | AskError::Lost { .. } | AskError::Ended(_)) => {
            Outcome::Unknown
        }
        Err(AskError::Send(SendError::Ended(_))) => Outcome::Never,
        Err(error) => panic!("{error}"),
    }
}

fn play(seed: u64) {
    let mut play = Play::new(seed);
    for _ in 0..150 {
        play.step();
    }
    play.finish();
}

#[test]
fn a_future_may_be_dropped_at_any_point() {
    for seed in 1..=10_000 {
        let outcome = std::panic::catch_unwind(|| play(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
