//! Everything there is in one run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use node::{CloseReason, EndCause, Event, IdentityKey, MemoryNetwork, Node, Standing, Ticket};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::air::Air;
use crate::ledger::{Kind, Ledger};
use crate::life::Life;
use crate::member::Member;
use crate::promise::Promises;
use crate::trace::Trace;

/// Tickets that somebody may find.
const MAX_FOUND_TICKETS: usize = 24;

/// Everything there is in one run.
pub(crate) struct World {
    pub(crate) trace: Trace,
    pub(crate) network: MemoryNetwork,
    pub(crate) air: Arc<Air>,
    pub(crate) keys: Keys,
    pub(crate) members: Vec<Member>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) promises: Mutex<Promises>,
    /// Tickets that were issued, by whom; some are used up.
    tickets: Mutex<Vec<(u8, Ticket)>>,
    /// A machine has lost its power, and what it leaves is to be cleared away.
    pub(crate) deaths: Notify,
    rng: Mutex<StdRng>,
    troubled: AtomicBool,
    calm: AtomicBool,
    /// Whose receiver takes nothing for now.
    held: Mutex<BTreeSet<u8>>,
    half_joined: Mutex<BTreeSet<(u8, u8)>>,
    failure: Mutex<Option<(&'static str, String)>>,
}

/// Every key and nonce that a packet was sealed with.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    keys: BTreeSet<u128>,
    repeated: bool,
}

impl Keys {
    pub(crate) fn note(&self, key: u128) {
        let mut seen = lock(&self.0);
        seen.repeated |= !seen.keys.insert(key);
    }

    fn is_repeated(&self) -> bool {
        lock(&self.0).repeated
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.0).keys.len()
    }
}

impl World {
    pub(crate) fn new(seed: u64, count: u8, prints: bool) -> Option<Arc<Self>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let trace = Trace::new(prints);
        let network = MemoryNetwork::new();
        let air = Arc::new(Air::new(trace.clone(), rng.random()));
        network.set_wire(air.clone());
        let began = Instant::now();
        let members =
            (0..count).map(|number| Member::new(number, rng.random(), began)).collect::<Option<_>>()?;
        Some(Arc::new(Self {
            trace,
            network,
            air,
            keys: Keys::default(),
            members,
            ledger: Mutex::default(),
            promises: Mutex::default(),
            tickets: Mutex::default(),
            deaths: Notify::new(),
            rng: Mutex::new(rng),
            troubled: AtomicBool::new(false),
            calm: AtomicBool::new(false),
            held: Mutex::default(),
            half_joined: Mutex::default(),
            failure: Mutex::default(),
        }))
    }

    /// A number for whoever needs a generator.
    pub(crate) fn draw(&self) -> u64 {
        lock(&self.rng).random()
    }

    pub(crate) fn member(&self, number: u8) -> &Member {
        &self.members[usize::from(number)]
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u8> + use<> {
        let numbers: Vec<_> = self.members.iter().map(|member| member.number).collect();
        numbers.into_iter()
    }

    pub(crate) fn number_of(&self, identity: &[u8; 32]) -> Option<u8> {
        self.members.iter().find(|member| member.identity.as_bytes() == identity).map(|member| member.number)
    }

    /// The life of a node, while its machine is on and stays so.
    pub(crate) fn life(&self, number: u8) -> Option<Arc<Life>> {
        let state = lock(&self.member(number).state);
        let life = state.life.as_ref()?;
        let is_on = life.machine.has_power();
        (is_on && !state.busy).then(|| Arc::clone(life))
    }

    /// Whether somebody is a member to a node.
    pub(crate) fn is_in(node: &Node, who: &IdentityKey) -> bool {
        node.standing(who).is_ok_and(|standing| matches!(standing, Standing::Member { .. }))
    }

    pub(crate) fn set_troubled(&self, troubled: bool) {
        self.troubled.store(troubled, Ordering::Relaxed);
    }

    pub(crate) fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    /// From now on nothing is wrong; or it may be again.
    pub(crate) fn set_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::Relaxed);
    }

    /// Nodes keep to the protocol among each other, and sessions do not break while nothing is wrong.
    pub(crate) fn check_event(&self, number: u8, event: &Event) {
        let Event::PeerDown { peer, cause } = event else { return };
        self.trace.note("session.ended", format_args!("{number} {cause}"));
        let other = self.number_of(peer.identity.as_bytes());
        let breaks_off = matches!(cause, EndCause::ClosedHere(reason) | EndCause::ClosedByPeer(reason) if *reason == CloseReason::Protocol);
        if breaks_off {
            self.fail("nodes keep to the protocol", format!("{number} with {other:?}: {cause}"));
        }
        if matches!(cause, EndCause::PathLost(_)) && self.calm.load(Ordering::Relaxed) {
            self.fail("no session breaks when nothing is wrong", format!("{number} with {other:?}: {cause}"));
        }
    }

    /// Somebody came by a ticket and does not know it: they may be members to each other and have told each other nothing.
    pub(crate) fn note_half_joined(&self, one: u8, other: u8) {
        lock(&self.half_joined).insert((one.min(other), one.max(other)));
    }

    pub(crate) fn is_half_joined(&self, one: u8, other: u8) -> bool {
        lock(&self.half_joined).contains(&(one.min(other), one.max(other)))
    }

    /// Has a receiver take nothing for a while.
    pub(crate) fn set_held(&self, number: u8, held: bool) {
        if held {
            lock(&self.held).insert(number)
        } else {
            lock(&self.held).remove(&number)
        };
    }

    pub(crate) fn is_held(&self, number: u8) -> bool {
        lock(&self.held).contains(&number)
    }

    /// Breaks every connection between two nodes.
    pub(crate) fn cut_between(&self, kind: &str, one: u8, other: u8) {
        let count = self.network.cut_between(self.member(one).host(), self.member(other).host());
        self.trace.note(kind, format_args!("{one} {other} {count}"));
    }

    pub(crate) fn leave_ticket(&self, issuer: u8, ticket: Ticket) {
        let mut tickets = lock(&self.tickets);
        if tickets.len() == MAX_FOUND_TICKETS {
            tickets.remove(0);
        }
        tickets.push((issuer, ticket));
    }

    pub(crate) fn find_ticket(&self, rng: &mut StdRng) -> Option<(u8, Ticket)> {
        let tickets = lock(&self.tickets);
        tickets.get(rng.random_range(0..tickets.len().max(1))).cloned()
    }

    /// What must be true is not. The first time counts.
    pub(crate) fn fail(&self, invariant: &'static str, what: String) {
        self.trace.note("FAILURE", format_args!("{invariant}: {what}"));
        lock(&self.failure).get_or_insert((invariant, what));
    }

    pub(crate) fn has_failed(&self) -> bool {
        if self.keys.is_repeated() && lock(&self.failure).is_none() {
            self.fail("no key and nonce are used twice", "two packets were sealed alike".to_owned());
        }
        if self.air.has_repeated() && lock(&self.failure).is_none() {
            self.fail("no two handshakes have the same keys", "two connections began alike".to_owned());
        }
        lock(&self.failure).is_some()
    }

    pub(crate) fn failure(&self) -> Option<(&'static str, String)> {
        self.has_failed();
        lock(&self.failure).clone()
    }

    pub(crate) fn next_number(&self) -> u64 {
        lock(&self.ledger).next_number()
    }

    /// Somebody begins to send a message.
    pub(crate) fn begun(&self, number: u64, kind: Kind, from: u8, to: Option<u8>, user: u32) {
        self.trace.note(&format!("begin.{}", kind.name()), format_args!("{number} {from} {to:?}"));
        lock(&self.ledger).begin(number, kind, from, to, user);
    }

    /// Somebody knows how a message ended.
    pub(crate) fn ended(&self, number: u64, is_ok: bool, maybe: bool) {
        let ended = lock(&self.ledger).end(number, is_ok, maybe);
        if let Err(what) = ended {
            self.fail("an operation has one outcome, and it is true", what);
        }
    }

    /// These were accepted while nothing was wrong.
    pub(crate) fn must_have_come(&self, numbers: &[u64]) {
        let missing = lock(&self.ledger).missing(numbers);
        if let Some(what) = missing {
            self.fail("what is accepted arrives when nothing is wrong", what);
        }
    }

    /// Whoever is in at this moment is not kept out.
    fn note_who_is_in(&self, one: u8, other: u8) {
        for (inside, outside) in [(one, other), (other, one)] {
            let life = lock(&self.member(inside).state).life.clone();
            if life.is_some_and(|life| Self::is_in(&life.node, &self.member(outside).identity)) {
                lock(&self.ledger).exclude(inside, outside, false);
            }
        }
    }

    /// A message came.
    pub(crate) fn delivered(&self, number: u64, here: u8, from: Option<[u8; 32]>) {
        self.trace.note("delivered", format_args!("{number} {here}"));
        let from = from.and_then(|from| self.number_of(&from));
        if let Some(from) = from {
            self.note_who_is_in(here, from);
        }
        let delivered = lock(&self.ledger).deliver(number, here, from);
        if let Err(what) = delivered {
            self.fail("a message comes once, to whom and from whom it is", what);
        }
    }
}

/// Locks, whether or not somebody panicked meanwhile.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
