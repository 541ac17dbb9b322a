//! Any sequence of what may become of tickets, their presenters and a store that fails or a process that ends in between:
//! a ticket opens for no more than its uses, only for whom it is for, never after its date however clocks are set, and
//! what one use leaves is what the next one finds.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use membership::{
    Grant, IdentityKey, Psk, Redemption, Scope, TicketBook, TicketId, TicketRefusal, TicketTerms, UnixSeconds,
};

const MAX_OPERATIONS: usize = 400;
const TICKETS: u8 = 3;
const PRESENTERS: u8 = 4;
const START: u64 = 1_000;

fuzz_target!(|input: &[u8]| {
    let [setup, operations @ ..] = input else { return };
    let mut world = World::new(*setup);
    for operation in operations.chunks_exact(2).take(MAX_OPERATIONS) {
        world.apply(operation[0], operation[1]);
        world.check();
    }
});

struct World {
    book: TicketBook,
    /// What is durable.
    stored: BTreeMap<TicketId, TicketTerms>,
    stored_horizon: UnixSeconds,
    issued: BTreeMap<TicketId, TicketTerms>,
    withdrawn: Vec<TicketId>,
    /// Begun, and neither finished nor abandoned.
    begun: Vec<Redemption>,
    /// How often each has opened for somebody, durably.
    opened: BTreeMap<TicketId, u16>,
    now: u64,
    latest: u64,
}

impl World {
    fn new(setup: u8) -> Self {
        let mut world = Self {
            book: TicketBook::default(),
            stored: BTreeMap::new(),
            stored_horizon: UnixSeconds::default(),
            issued: BTreeMap::new(),
            withdrawn: Vec::new(),
            begun: Vec::new(),
            opened: BTreeMap::new(),
            now: START,
            latest: 0,
        };
        for ticket in 0..TICKETS {
            let choice = setup >> (2 * ticket);
            let terms = TicketTerms {
                secret: Psk::from_bytes([ticket; 32]),
                expires: date(START + 10 + 30 * u64::from(ticket)),
                uses_left: 1 + u16::from(choice & 3),
                bound: (choice & 3 == 3).then(|| presenter(ticket)),
                grant: Grant { scope: Scope::default(), depth: 1, expires: UnixSeconds::MAX },
            };
            world.book.issue(id(ticket), terms.clone()).expect("a fit ticket");
            assert!(world.book.issue(id(ticket), terms.clone()).is_err(), "the same id twice");
            world.stored.insert(id(ticket), terms.clone());
            world.issued.insert(id(ticket), terms);
        }
        world
    }

    fn apply(&mut self, operation: u8, argument: u8) {
        let (ticket, by) = (id(argument % TICKETS), presenter(argument / TICKETS % PRESENTERS));
        let now = date(self.now);
        match operation % 16 {
            0..=3 => {
                let outcome = self.book.reserve(&ticket, &by, now);
                self.judge(&ticket, &by, outcome.as_ref().err());
            }
            4 => self.book.release(&ticket, &by),
            5..=8 => {
                let outcome = self.book.begin(&ticket, &by, now);
                self.judge(&ticket, &by, outcome.as_ref().err());
                if let Ok(redemption) = outcome {
                    let twice = |other: &Redemption| (other.ticket, other.by) == (ticket, by);
                    assert!(!self.begun.iter().any(twice), "one use for one presenter at a time");
                    assert_eq!((redemption.ticket, redemption.by), (ticket, by));
                    self.begun.push(redemption);
                }
            }
            9 | 10 => self.store(argument),
            11 => {
                if let Some(redemption) = self.take_begun(argument) {
                    self.book.abandon(&redemption);
                    self.book.finish(&redemption);
                }
            }
            12 if operation >= 240 => {
                self.book.withdraw(&ticket);
                self.stored.remove(&ticket);
                self.withdrawn.push(ticket);
            }
            13 => self.now = (self.now + u64::from(argument % 8)).saturating_sub(u64::from(argument / 64)),
            14 => {
                self.note();
                for ticket in self.book.expire(now) {
                    assert!(self.issued[&ticket].expires < date(self.latest));
                    self.stored.remove(&ticket);
                }
                self.stored_horizon = self.book.horizon();
            }
            15 => self.restart(),
            _ => {}
        }
    }

    fn note(&mut self) {
        self.latest = self.latest.max(self.now);
    }

    /// Whether the outcome of a reservation or of a use that begins is what everybody can see.
    fn judge(&mut self, ticket: &TicketId, by: &IdentityKey, refusal: Option<&TicketRefusal>) {
        self.note();
        let terms = &self.issued[ticket];
        let is_over = terms.expires < date(self.latest);
        let is_for_them = terms.bound.is_none_or(|bound| bound == *by);
        let secret = self.book.open().secret(ticket, by, date(self.now));
        match refusal {
            None => {
                assert!(!is_over && is_for_them && !self.withdrawn.contains(ticket));
                assert!(secret.is_ok_and(|secret| *secret == terms.secret));
            }
            Some(TicketRefusal::Expired) => assert!(is_over && secret.is_err()),
            Some(TicketRefusal::NotForYou) => assert!(!is_for_them && secret.is_err()),
            Some(TicketRefusal::Unknown) => assert!(secret.is_err()),
            Some(_) => {}
        }
    }

    /// The store takes one use, if it follows from what it has.
    fn store(&mut self, argument: u8) {
        let Some(redemption) = self.take_begun(argument) else { return };
        if self.stored.get(&redemption.ticket) != Some(&redemption.before) {
            return self.book.abandon(&redemption);
        }
        match redemption.after.clone() {
            Some(after) => self.stored.insert(redemption.ticket, after),
            None => self.stored.remove(&redemption.ticket),
        };
        *self.opened.entry(redemption.ticket).or_default() += 1;
        self.book.finish(&redemption);
        self.book.finish(&redemption);
        self.book.abandon(&redemption);
    }

    fn take_begun(&mut self, argument: u8) -> Option<Redemption> {
        let count = self.begun.len();
        (count > 0).then(|| self.begun.remove(usize::from(argument) % count))
    }

    /// The process ends; whatever was begun is stored or not, and nobody is told.
    fn restart(&mut self) {
        self.begun.clear();
        self.book = TicketBook::restore(self.stored.clone(), self.stored_horizon);
        self.latest = self.stored_horizon.seconds();
    }

    fn check(&self) {
        for (ticket, terms) in &self.issued {
            let opened = self.opened.get(ticket).copied().unwrap_or(0);
            assert!(opened <= terms.uses_left, "opened more often than it may");
            let left = self.book.open().terms(ticket).map_or(0, |terms| terms.uses_left);
            assert!(left + opened <= terms.uses_left, "a use came back");
            let begun = self.begun.iter().filter(|it| it.ticket == *ticket).count();
            let is_gone = self.withdrawn.contains(ticket) || terms.expires < date(self.latest);
            assert!(is_gone || begun <= usize::from(left), "more begun than there are");
            if !is_gone && self.stored.contains_key(ticket) {
                assert_eq!(self.stored.get(ticket), self.book.open().terms(ticket));
            }
        }
    }
}

fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).expect("a date")
}

fn id(n: u8) -> TicketId {
    TicketId([n + 1; 16])
}

fn presenter(n: u8) -> IdentityKey {
    IdentityKey([n + 1; 32])
}
