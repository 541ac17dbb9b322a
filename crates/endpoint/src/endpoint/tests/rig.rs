//! One endpoint, its clock, and what it asked for.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use membership::{Card, DeviceId, DeviceKey, Door, Identity, Members, NetAddress, Record, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::BootId;

use crate::{
    Action, AttemptId, Config, Endpoint, Now, PathFacts, PathId, PeerId, Proof, SessionId, Target, Urgency,
    WaiterId,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const START: u64 = 1_000_000;

/// A hundred people with a device each, in the order of their keys.
fn people() -> &'static [(Identity, DeviceKey)] {
    static PEOPLE: OnceLock<Vec<(Identity, DeviceKey)>> = OnceLock::new();
    PEOPLE.get_or_init(|| {
        let mut rng = StdRng::seed_from_u64(0);
        let person = |_| (Identity::generate(&mut rng), DeviceKey::generate(&mut rng).unwrap());
        let mut people: Vec<_> = (0..100).map(person).collect();
        people.sort_by_key(|(identity, _)| identity.key());
        people
    })
}

/// The `n`th person. A smaller number is a smaller peer.
pub(super) fn peer(n: u8) -> PeerId {
    with_device(n, n)
}

/// The `n`th person with the device of another.
pub(super) fn with_device(n: u8, device: u8) -> PeerId {
    PeerId { identity: people()[usize::from(n)].0.key(), device: people()[usize::from(device)].1.key() }
}

pub(super) fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

/// The record of the `n`th person for the device of the `device`th.
pub(super) fn record(n: u8, device: u8, expires: UnixSeconds) -> Record {
    let key = people()[usize::from(device)].1.key();
    Record::issue(&people()[usize::from(n)].0, DeviceId([device; 16]), key, expires).unwrap()
}

pub(super) fn address(name: &str) -> NetAddress {
    NetAddress::new(name).unwrap()
}

pub(super) fn facts(name: &str) -> PathFacts {
    PathFacts { kind: "test", reliable: true, mtu_bytes: 65_536, remote: address(name) }
}

pub(super) fn boot(byte: u8) -> BootId {
    BootId([byte; 16])
}

/// What the `n`th person proves.
pub(super) fn proof(n: u8, counter: u64, boot: BootId) -> Proof {
    Proof {
        device: peer(n).device,
        credential: record(n, n, UnixSeconds::MAX).to_credential(),
        counter,
        boot,
        ticket: None,
    }
}

/// Adds the `n`th person, with records as given.
pub(super) fn add(members: &mut Members, records: Vec<Record>, addresses: &[&str]) {
    let addresses = addresses.iter().map(|name| address(name)).collect();
    members.add(&Card::new(records, Door::from_bytes([7; 32]), addresses, None).unwrap()).unwrap();
}

/// The people 1 to 9, each with the addresses `a` and `b`.
pub(super) fn members() -> Members {
    members_until(UnixSeconds::MAX)
}

/// The same, with records that expire.
pub(super) fn members_until(expires: UnixSeconds) -> Members {
    let mut members = Members::new();
    (1..=9).for_each(|n| add(&mut members, vec![record(n, n, expires)], &["a", "b"]));
    members
}

/// The people 1 to 9; the `n`th one has these addresses.
pub(super) fn members_with_addresses(n: u8, addresses: &[&str]) -> Members {
    let mut members = members();
    members.remove(&peer(n).identity).unwrap();
    add(&mut members, vec![record(n, n, UnixSeconds::MAX)], addresses);
    members
}

/// The endpoint of the fifth person, so that there are smaller and larger peers.
pub(super) struct Rig {
    pub(super) endpoint: Endpoint,
    pub(super) now: Now,
    pub(super) actions: VecDeque<Action>,
    pub(super) rng: StdRng,
    pub(super) counter: u64,
    waiters: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(Config::default(), members())
    }

    pub(super) fn with(config: Config, members: Members) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let endpoint = Endpoint::new(config, peer(5), Arc::new(members), &mut rng);
        let now = Now { instant: Instant::now(), date: date(START) };
        Self { endpoint, now, actions: VecDeque::new(), rng, counter: 0, waiters: 0 }
    }

    /// Moves what the endpoint asks for to `actions`.
    pub(super) fn pump(&mut self) {
        while let Some(action) = self.endpoint.poll_action() {
            self.actions.push_back(action);
        }
    }

    /// The next thing that the endpoint asked for.
    pub(super) fn action(&mut self) -> Action {
        self.pump();
        self.actions.pop_front().expect("an action")
    }

    pub(super) fn expect_none(&mut self) {
        self.pump();
        assert_eq!(self.actions, [], "no action expected");
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(deadline) = self.endpoint.poll_timeout().filter(|deadline| *deadline <= end) {
            self.set_clock(deadline.max(self.now.instant));
            self.endpoint.handle_timeout(self.now);
        }
        self.set_clock(end);
    }

    fn set_clock(&mut self, instant: Instant) {
        let passed = (instant - self.now.instant).as_secs();
        self.now = Now { instant, date: self.now.date.saturating_add(passed) };
    }

    pub(super) fn connect(&mut self, to: PeerId) -> WaiterId {
        self.connect_as(to, Urgency::Prompt)
    }

    pub(super) fn connect_as(&mut self, to: PeerId, urgency: Urgency) -> WaiterId {
        self.waiters += 1;
        let waiter = WaiterId(self.waiters);
        self.endpoint.connect(self.now, Target::Device(to), urgency, waiter).unwrap();
        waiter
    }

    pub(super) fn expect_dial(&mut self) -> AttemptId {
        match self.action() {
            Action::Dial { attempt, .. } => attempt,
            other => panic!("expected a dial: {other:?}"),
        }
    }

    /// Opens the path of an attempt; what follows is among the actions.
    pub(super) fn open(&mut self, attempt: AttemptId) -> PathId {
        self.counter += 1;
        self.endpoint.path_opened(self.now, attempt, facts("a"), self.counter, &mut self.rng).unwrap()
    }

    pub(super) fn expect_begin(&mut self, path: PathId) {
        assert!(matches!(self.action(), Action::Begin { path: begun, .. } if begun == path));
    }

    pub(super) fn expect_live(&mut self, path: PathId) -> SessionId {
        match self.action() {
            Action::Live { path: live, session } if live == path => session,
            other => panic!("expected {path} to be live: {other:?}"),
        }
    }

    /// Dials `to` up to the moment when our first packet is in flight.
    pub(super) fn begin(&mut self, to: PeerId) -> (WaiterId, PathId) {
        let waiter = self.connect(to);
        let attempt = self.expect_dial();
        let path = self.open(attempt);
        self.expect_begin(path);
        (waiter, path)
    }

    /// Dials `to` up to a session.
    pub(super) fn dial(&mut self, to: PeerId) -> (PathId, SessionId) {
        let (_, path) = self.begin(to);
        self.endpoint.established(self.now, path, boot(1));
        let session = self.expect_live(path);
        self.pump();
        self.actions.clear();
        (path, session)
    }

    /// A first packet of the `n`th person comes in and is proven.
    pub(super) fn knock(&mut self, n: u8, counter: u64, boot: BootId) -> PathId {
        self.knock_with(proof(n, counter, boot))
    }

    pub(super) fn knock_with(&mut self, proof: Proof) -> PathId {
        let path = self.endpoint.accept(self.now, facts("in")).unwrap().path;
        self.endpoint.admit(self.now, path, proof, &mut self.rng);
        path
    }

    pub(super) fn expect_answer(&mut self, path: PathId) -> SessionId {
        match self.action() {
            Action::Answer { path: answered, admission } if answered == path => admission.session,
            other => panic!("expected {path} to be answered: {other:?}"),
        }
    }
}
