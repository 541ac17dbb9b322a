//! Any sequence of calls, sensible or not, against one endpoint; and a shadow of what it may ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::*;
use link::CloseReason;
use membership::{Card, DeviceId, DeviceKey, Door, Identity, Members, NetAddress, Record, UnixSeconds};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::{BootId, Credential};

/// The endpoint is the third of them, so that there are smaller and larger peers.
const PEOPLE: usize = 5;
const LOCAL: usize = 2;
const MAX_UNCONFIRMED: usize = 2;
const MAX_KNOCKING: usize = 3;

/// Who takes part: made once, as keys cost more than operations.
pub(crate) struct Cast {
    peers: Vec<(PeerId, Credential)>,
    /// For each set of bits, the people whose bit is set.
    lists: Vec<Arc<Members>>,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(9);
        let mut people: Vec<_> = (0..PEOPLE)
            .map(|_| (Identity::generate(&mut rng), DeviceKey::generate(&mut rng).expect("a key")))
            .collect();
        people.sort_by_key(|(identity, _)| identity.key());
        let mut cards = Vec::new();
        let mut peers = Vec::new();
        for (identity, device) in &people {
            let record =
                Record::issue(identity, DeviceId([1; 16]), device.key(), UnixSeconds::MAX).expect("a record");
            peers.push((PeerId { identity: identity.key(), device: device.key() }, record.to_credential()));
            let addresses = ["a", "b"].map(|name| NetAddress::new(name).expect("an address")).to_vec();
            cards.push(Card::new(vec![record], Door::from_bytes([1; 32]), addresses, None).expect("a card"));
        }
        let lists = (0..1 << PEOPLE).map(|bits| members(&cards, bits)).collect();
        Self { peers, lists }
    }

    fn members(&self, bits: u8) -> Arc<Members> {
        Arc::clone(&self.lists[usize::from(bits) % self.lists.len()])
    }
}

/// Runs the operations, three bytes each, then shuts down.
pub(crate) fn run(cast: &Cast, operations: &[u8]) {
    let mut model = Model::new(cast);
    for operation in operations.chunks_exact(3) {
        model.apply(operation[0], operation[1], operation[2]);
        model.observe();
    }
    model.endpoint.shutdown(model.now);
    model.observe();
    assert!(model.endpoint.is_quiet(), "something is left after a shutdown");
    assert!(model.waiting.is_empty(), "somebody was not told");
    assert!(model.paths.is_empty(), "a path was not closed");
    assert!(model.up.is_empty(), "a peer is still up");
}

struct Model<'a> {
    cast: &'a Cast,
    endpoint: Endpoint,
    now: Now,
    rng: StdRng,
    ids: u64,
    counter: u64,
    waiting: BTreeMap<WaiterId, Instant>,
    opening: BTreeSet<AttemptId>,
    paths: BTreeMap<PathId, Use>,
    up: BTreeMap<PeerId, SessionId>,
    /// Every session that was ever named, so that late calls about them are tried too.
    sessions: Vec<SessionId>,
}

/// What a path is for, as the shadow knows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Use {
    Dialed,
    Begun(PeerId),
    Knocking,
    Admitted(PeerId),
    Unconfirmed(PeerId, SessionId),
    Session(SessionId),
}

impl<'a> Model<'a> {
    fn new(cast: &'a Cast) -> Self {
        let mut rng = StdRng::seed_from_u64(9);
        let config = Config {
            max_unconfirmed_sessions: MAX_UNCONFIRMED,
            max_inbound_handshakes: MAX_KNOCKING,
            max_waiters: 8,
            ..Config::default()
        };
        let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_000).expect("a date") };
        Self {
            endpoint: Endpoint::new(config, cast.peers[LOCAL].0, cast.members(u8::MAX), &mut rng),
            now,
            rng,
            cast,
            ids: 0,
            counter: 0,
            waiting: BTreeMap::new(),
            opening: BTreeSet::new(),
            paths: BTreeMap::new(),
            up: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }

    fn peer(&self, choice: u8) -> PeerId {
        self.cast.peers[usize::from(choice) % PEOPLE].0
    }

    /// A path that is open, or one that never was.
    fn path(&self, choice: u8) -> PathId {
        let known = self.paths.keys().nth(usize::from(choice) % (self.paths.len() + 1));
        known.copied().unwrap_or(PathId(u64::from(choice)))
    }

    fn session(&self, choice: u8) -> SessionId {
        let known = self.sessions.get(usize::from(choice) % (self.sessions.len() + 1));
        known.copied().unwrap_or(SessionId(u64::from(choice)))
    }

    fn apply(&mut self, operation: u8, a: u8, b: u8) {
        let now = self.now;
        match operation % 16 {
            0 | 1 => self.connect(a, b),
            2 => {
                let waiter = WaiterId(u64::from(a) % (self.ids + 1));
                let waits = self.waiting.remove(&waiter).is_some();
                assert_eq!(self.endpoint.cancel(now, waiter), waits);
            }
            3 => self.endpoint.disconnect(now, self.peer(a).into(), CloseReason::Application),
            4 => self.open(a),
            5 => {
                if let Some(attempt) =
                    self.opening.iter().nth(usize::from(a) % (self.opening.len() + 1)).copied()
                {
                    self.opening.remove(&attempt);
                    let cause = if b.is_multiple_of(2) { DialCause::Refused } else { DialCause::Unreachable };
                    self.endpoint.dial_failed(now, attempt, cause);
                }
            }
            6 => self.endpoint.established(now, self.path(a), BootId([b % 2; 16])),
            7 => {
                let path = self.path(a);
                self.endpoint.handshake_failed(now, path, HandshakeCause::BadAnswer);
            }
            8 => {
                let accepted = self.endpoint.accept(now, facts()).expect("not shutting down");
                self.paths.insert(accepted.path, Use::Knocking);
            }
            9 | 10 => self.admit(a, b),
            11 => {
                let session = self.session(a);
                if let Some((path, Use::Unconfirmed(..))) = self.carrying(session) {
                    self.paths.insert(path, Use::Session(session));
                }
                self.endpoint.confirmed(now, session);
            }
            12 => {
                let last_use =
                    now.instant.checked_sub(Duration::from_secs(u64::from(b))).unwrap_or(now.instant);
                self.endpoint.session_used(now, self.session(a), last_use);
            }
            13 => {
                let path = self.path(a);
                self.paths.remove(&path);
                self.endpoint.path_lost(now, path, PathCause::Broken);
            }
            14 => match b % 4 {
                0 => self.endpoint.close(now, self.session(a), CloseReason::Protocol),
                1 => self.endpoint.closed_by_peer(now, self.session(a), CloseReason::Idle),
                2 => self.endpoint.set_members(now, self.cast.members(a)),
                _ => self.endpoint.set_members(now, self.cast.members(u8::MAX)),
            },
            _ => self.pass(Duration::from_millis(u64::from(a) * u64::from(b))),
        }
    }

    fn connect(&mut self, a: u8, b: u8) {
        self.ids += 1;
        let waiter = WaiterId(self.ids);
        let urgency = if b.is_multiple_of(2) { Urgency::Prompt } else { Urgency::Patient };
        let peer = self.peer(a);
        let target = if b % 4 < 2 { Target::Device(peer) } else { Target::Member(peer.identity) };
        self.waiting.insert(waiter, self.now.instant);
        self.endpoint.connect(self.now, target, urgency, waiter).expect("a new waiter");
    }

    fn open(&mut self, a: u8) {
        let Some(attempt) = self.opening.iter().nth(usize::from(a) % (self.opening.len() + 1)).copied()
        else {
            return;
        };
        self.opening.remove(&attempt);
        self.counter += 1;
        let path = self.endpoint.path_opened(self.now, attempt, facts(), self.counter, &mut self.rng);
        self.paths.insert(path.expect("an attempt that is wanted"), Use::Dialed);
    }

    fn admit(&mut self, a: u8, b: u8) {
        let path = self.path(a);
        let (peer, credential) = self.cast.peers[usize::from(b) % PEOPLE];
        let proof = Proof {
            device: peer.device,
            credential,
            counter: u64::from(b / 5) + self.counter / 2,
            boot: BootId([b % 2; 16]),
            ticket: None,
        };
        if self.paths.get(&path) == Some(&Use::Knocking) {
            self.paths.insert(path, Use::Admitted(peer));
        }
        self.endpoint.admit(self.now, path, proof, &mut self.rng);
    }

    fn carrying(&self, session: SessionId) -> Option<(PathId, Use)> {
        let carries =
            |use_: &Use| matches!(use_, Use::Session(id) | Use::Unconfirmed(_, id) if *id == session);
        self.paths.iter().find(|(_, use_)| carries(use_)).map(|(path, use_)| (*path, *use_))
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(deadline) = self.endpoint.poll_timeout().filter(|deadline| *deadline <= end) {
            self.now.instant = deadline.max(self.now.instant);
            self.endpoint.handle_timeout(self.now);
            assert!(
                self.endpoint.poll_timeout().is_none_or(|next| next > self.now.instant),
                "a deadline stays due"
            );
            self.observe();
        }
        self.now.instant = end;
    }

    /// Holds everything that the endpoint asks for against the shadow.
    fn observe(&mut self) {
        while let Some(action) = self.endpoint.poll_action() {
            self.check(action);
        }
        let live: BTreeMap<_, _> = self.endpoint.sessions().map(|(session, peer)| (peer, session)).collect();
        assert_eq!(live, self.up, "what is live is what was said to be up");
        let busy = !self.waiting.is_empty() || !self.paths.is_empty();
        assert!(!busy || self.endpoint.poll_timeout().is_some(), "whatever is under way has a deadline");
        let unconfirmed = self.paths.values().filter(|use_| matches!(use_, Use::Unconfirmed(..))).count();
        assert!(unconfirmed <= MAX_UNCONFIRMED);
        let strangers = self.paths.values().filter(|use_| matches!(use_, Use::Knocking)).count();
        assert!(strangers <= MAX_KNOCKING);
    }

    fn check(&mut self, action: Action) {
        match action {
            Action::Dial { attempt, .. } => assert!(self.opening.insert(attempt)),
            Action::AbandonDial { attempt } => {
                assert!(self.opening.remove(&attempt), "abandoned what was not opening")
            }
            Action::Begin { path, order } => {
                assert!(
                    !self.paths.values().any(|use_| *use_ == Use::Begun(order.peer)),
                    "two first packets in flight"
                );
                assert!(!self.unconfirmed_with(order.peer), "our first packet says that there is no session");
                assert!(!self.up.contains_key(&order.peer), "who has a session does not dial");
                assert_eq!(self.paths.insert(path, Use::Begun(order.peer)), Some(Use::Dialed));
            }
            Action::Answer { path, admission } => self.check_answer(path, admission.session),
            Action::Live { path, session } => {
                let before = self.paths.insert(path, Use::Session(session));
                assert!(matches!(before, Some(Use::Begun(_))), "live without a handshake");
                self.sessions.push(session);
            }
            Action::ClosePath { path } => {
                assert!(self.paths.remove(&path).is_some(), "closed what was not open")
            }
            Action::CloseSession { session, .. } => {
                let (path, _) = self.carrying(session).expect("a session that is there");
                self.paths.remove(&path);
            }
            Action::CheckIdle { session } => assert!(self.up.values().any(|up| *up == session)),
            Action::Resolved { waiter, result } => {
                let asked = self.waiting.remove(&waiter).expect("somebody who waits");
                assert!(self.now.instant - asked <= BACKOFF_CAP + HANDSHAKE_TIMEOUT, "told too late");
                assert!(result.is_err() || self.up.values().any(|up| Ok(*up) == result));
            }
            Action::PeerUp { peer, session, .. } => assert_eq!(self.up.insert(peer, session), None),
            Action::PeerDown { peer, session, .. } => assert_eq!(self.up.remove(&peer), Some(session)),
            _ => {}
        }
    }

    fn check_answer(&mut self, path: PathId, session: SessionId) {
        let Some(Use::Admitted(peer)) = self.paths.get(&path).copied() else {
            panic!("answered what was not proven")
        };
        assert!(!self.unconfirmed_with(peer), "one unconfirmed session for each initiator");
        let ours = self.paths.values().any(|use_| *use_ == Use::Begun(peer));
        assert!(
            !ours || peer < self.cast.peers[LOCAL].0,
            "the smaller answered while its own first packet is in flight"
        );
        self.paths.insert(path, Use::Unconfirmed(peer, session));
        self.sessions.push(session);
    }

    fn unconfirmed_with(&self, peer: PeerId) -> bool {
        self.paths.values().any(|use_| matches!(use_, Use::Unconfirmed(of, _) if *of == peer))
    }
}

fn facts() -> PathFacts {
    let remote = NetAddress::new("somewhere").expect("an address");
    PathFacts { kind: "model", reliable: true, mtu_bytes: 65_536, remote }
}

/// The people whose bit is set.
fn members(cards: &[Card], bits: u8) -> Arc<Members> {
    let mut members = Members::new();
    for (index, card) in cards.iter().enumerate() {
        if bits >> index & 1 == 1 {
            members.add(card).expect("a card");
        }
    }
    Arc::new(members)
}
