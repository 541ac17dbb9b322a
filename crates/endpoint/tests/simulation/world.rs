//! Several nodes, the wires between them, and one virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::*;
use link::{CloseReason, Outcome};
use membership::{NetAddress, UnixSeconds};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use x3dh_handshake::{BootId, Established};

use super::cast::{self, Person};
use super::node::{Carried, Node, Session, Stage};
use super::plane::Plane;
use super::wire::{End, Frame, Wire};

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// What happens at a moment.
#[derive(Debug)]
enum Event {
    Opened { node: usize, life: u32, attempt: AttemptId, address: NetAddress },
    NotOpened { node: usize, life: u32, attempt: AttemptId, cause: DialCause },
    Arrived { wire: usize, at: usize, frame: Frame },
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) rng: StdRng,
    pub(crate) people: Vec<Person>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) wires: Vec<Wire>,
    events: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    /// One-way delays, in milliseconds.
    pub(crate) delays: std::ops::Range<u64>,
    pub(crate) outcomes: BTreeMap<WaiterId, Result<SessionId, ConnectError>>,
    pub(crate) cancelled: Vec<WaiterId>,
    waiters: u64,
    /// Whether each session sends a message as soon as somebody who waited has it.
    pub(crate) talkative: bool,
    pub(crate) sent: Vec<u64>,
    pub(crate) received: Vec<u64>,
    /// What became of each message, but for those nobody waits for any more.
    pub(crate) fates: BTreeMap<u64, Outcome>,
    /// Messages taken back, and whether surely nothing of them was sent.
    pub(crate) taken_back: BTreeMap<u64, bool>,
    pub(crate) downs: Vec<EndCause>,
    pub(crate) restarts_noticed: u32,
    pub(crate) counters: BTreeMap<(usize, PeerId), u64>,
    /// What every node asks of first packets.
    pub(crate) demand: Demand,
}

impl World {
    /// `addresses` of each node; `node:0` is the first one, `silent:x` opens and says nothing, `refused:x` is refused,
    /// `nowhere:x` never opens.
    pub(crate) fn new(seed: u64, addresses: &[Vec<String>], delays: std::ops::Range<u64>) -> Self {
        let people = cast::people(addresses.len());
        let members = Arc::new(cast::members(&people, addresses));
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Now { instant: Instant::now(), date: UnixSeconds::new(1_700_000_000).unwrap() };
        let nodes = people.iter().map(|person| {
            let keys = person.keys(BootId(rng.random()));
            Node::new(keys, Arc::clone(&members), 0, 0, &mut rng)
        });
        let nodes = nodes.collect();
        Self {
            now,
            nodes,
            people,
            wires: Vec::new(),
            events: BTreeMap::new(),
            sequence: 0,
            delays,
            outcomes: BTreeMap::new(),
            cancelled: Vec::new(),
            waiters: 0,
            talkative: false,
            sent: Vec::new(),
            received: Vec::new(),
            fates: BTreeMap::new(),
            taken_back: BTreeMap::new(),
            downs: Vec::new(),
            restarts_noticed: 0,
            counters: BTreeMap::new(),
            demand: Demand::default(),
            rng,
        }
    }

    pub(crate) fn peer(&self, node: usize) -> PeerId {
        self.people[node].peer()
    }

    pub(crate) fn connect(&mut self, from: usize, to: usize, urgency: Urgency) -> WaiterId {
        self.waiters += 1;
        let waiter = WaiterId(self.waiters);
        let target = self.peer(to).identity.into();
        self.nodes[from].waiting.insert(waiter, self.now.instant);
        self.nodes[from].endpoint.connect(self.now, target, urgency, waiter).unwrap();
        self.pump(from);
        waiter
    }

    pub(crate) fn cancel(&mut self, node: usize, waiter: WaiterId) {
        let waits = self.nodes[node].waiting.remove(&waiter).is_some();
        assert_eq!(
            self.nodes[node].endpoint.cancel(self.now, waiter),
            waits,
            "waits until told or cancelled"
        );
        if waits {
            self.cancelled.push(waiter);
        }
        self.pump(node);
    }

    pub(crate) fn disconnect(&mut self, from: usize, to: usize) {
        let target = self.peer(to).identity.into();
        self.nodes[from].endpoint.disconnect(self.now, target, CloseReason::Application);
        self.pump(from);
    }

    /// Ends the process of a node and begins another. Its paths break, or vanish without a sign.
    pub(crate) fn restart(&mut self, node: usize, silently: bool) {
        let life = self.nodes[node].life + 1;
        let keys = self.people[node].keys(BootId(self.rng.random()));
        let (members, counter) = (Arc::clone(&self.nodes[node].members), self.nodes[node].counter);
        let fresh = Node::new(keys, members, life, counter, &mut self.rng);
        let mut old = std::mem::replace(&mut self.nodes[node], fresh);
        for path in old.paths.keys().copied().collect::<Vec<_>>() {
            let Some((wire, outcomes)) = old.drop_path(path) else { continue };
            // Nobody of that life is left to be told; the test is, and holds it to the same.
            self.note(outcomes);
            self.hang_up(node, wire, silently);
        }
        for (waiter, _) in old.waiting {
            self.cancelled.push(waiter);
        }
    }

    /// Breaks a wire: both ends notice after a while, or neither does.
    pub(crate) fn break_wire(&mut self, wire: usize, silently: bool) {
        self.wires[wire].black_hole = true;
        if !silently {
            for end in 0..2 {
                let delay = self.delay();
                self.schedule(delay, Event::Arrived { wire, at: end, frame: Frame::End });
            }
        }
    }

    fn delay(&mut self) -> Duration {
        MILLISECOND * u32::try_from(self.rng.random_range(self.delays.clone())).unwrap()
    }

    fn schedule(&mut self, delay: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now.instant + delay, self.sequence), event);
    }

    /// Lets everything happen that happens within `time`.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now.instant + time;
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let timers = self.nodes.iter().filter_map(|node| node.endpoint.poll_timeout());
            let Some(next) = timers.chain(event).min().filter(|next| *next <= end) else { break };
            self.set_clock(next.max(self.now.instant));
            if event == Some(next) {
                let (_, event) = self.events.pop_first().unwrap();
                self.happen(event);
            }
            for node in 0..self.nodes.len() {
                if self.nodes[node].endpoint.poll_timeout().is_some_and(|due| due <= self.now.instant) {
                    self.nodes[node].endpoint.handle_timeout(self.now);
                    let again = self.nodes[node].endpoint.poll_timeout();
                    assert!(again.is_none_or(|again| again > self.now.instant), "a deadline that stays due");
                    self.pump(node);
                }
            }
        }
        self.set_clock(end);
    }

    fn set_clock(&mut self, instant: Instant) {
        let passed = (instant - self.now.instant).as_secs();
        self.now = Now { instant, date: self.now.date.saturating_add(passed) };
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Opened { node, life, attempt, address } => self.opened(node, life, attempt, &address),
            Event::NotOpened { node, life, attempt, cause } => {
                if self.nodes[node].life == life {
                    self.nodes[node].endpoint.dial_failed(self.now, attempt, cause);
                    self.pump(node);
                }
            }
            Event::Arrived { wire, at, frame } => self.arrived(wire, at, frame),
        }
    }

    fn facts(name: &str) -> PathFacts {
        PathFacts { kind: "wire", reliable: true, mtu_bytes: 65_536, remote: NetAddress::new(name).unwrap() }
    }

    fn opened(&mut self, node: usize, life: u32, attempt: AttemptId, address: &NetAddress) {
        if self.nodes[node].life != life {
            return;
        }
        self.nodes[node].counter += 1;
        let (now, counter) = (self.now, self.nodes[node].counter);
        let facts = Self::facts(address.as_str());
        let opened = self.nodes[node].endpoint.path_opened(now, attempt, facts, counter, &mut self.rng);
        let Ok(path) = opened else {
            assert_eq!(opened, Err(Error::Abandoned));
            return;
        };
        let wire = self.wires.len();
        self.nodes[node].paths.insert(path, Carried { wire, stage: Stage::Idle });
        let delay = self.delay();
        let black_hole = address.as_str().starts_with("silent");
        let ends = [Some(End { node, life, path }), None];
        self.wires.push(Wire { ends, delay, black_hole, recording: Vec::new() });
        if let Some(target) = address.as_str().strip_prefix("node:") {
            let target: usize = target.parse().unwrap();
            self.accept(target, wire);
        }
        self.pump(node);
    }

    /// The far end of a new wire.
    pub(crate) fn accept(&mut self, node: usize, wire: usize) {
        let facts = Self::facts("in");
        let Ok(Accepted { path, deadline }) = self.nodes[node].endpoint.accept(self.now, facts.clone())
        else {
            return;
        };
        self.wires[wire].ends[1] = Some(End { node, life: self.nodes[node].life, path });
        let stage = Stage::Inbound(Box::new(Inbound::new(&facts, deadline)));
        self.nodes[node].paths.insert(path, Carried { wire, stage });
        self.pump(node);
    }

    /// Puts a frame on a wire, from the end that `node` has. Wires keep the order.
    fn send(&mut self, node: usize, wire: usize, frame: Frame) {
        let entry = &mut self.wires[wire];
        let from = usize::from(entry.ends[0].is_none_or(|end| end.node != node));
        if from == 0 {
            entry.recording.push(frame.clone());
        }
        if !entry.black_hole {
            let delay = entry.delay;
            self.schedule(delay, Event::Arrived { wire, at: 1 - from, frame });
        }
    }

    /// An end of a wire goes away.
    fn hang_up(&mut self, node: usize, wire: usize, silently: bool) {
        if silently {
            self.wires[wire].black_hole = true;
        } else {
            self.send(node, wire, Frame::End);
        }
    }

    fn arrived(&mut self, wire: usize, at: usize, frame: Frame) {
        let Some(End { node, life, path }) = self.wires[wire].ends[at] else { return };
        let lost = self.wires[wire].black_hole && frame != Frame::End;
        if lost || self.nodes[node].life != life || !self.nodes[node].paths.contains_key(&path) {
            return;
        }
        match frame {
            Frame::End => {
                self.drop_path(node, path);
                self.nodes[node].endpoint.path_lost(self.now, path, PathCause::Closed);
            }
            Frame::Handshake(packet) => self.handshake(node, path, &packet),
            Frame::Sealed(packet) => self.sealed(node, path, &packet),
        }
        self.pump(node);
    }

    fn handshake(&mut self, node: usize, path: PathId, packet: &[u8]) {
        let now = self.now;
        let Node { keys, members, paths, endpoint, .. } = &mut self.nodes[node];
        let Some(carried) = paths.get_mut(&path) else { return };
        let step = match &mut carried.stage {
            Stage::Outbound(outbound) => outbound.handle_packet(now.instant, packet),
            Stage::Inbound(inbound) => {
                let mut admittance = Admittance::from(Arc::clone(members));
                admittance.demand = self.demand.clone();
                inbound.handle_packet(now, packet, (keys, &admittance))
            }
            Stage::Deaf => return,
            Stage::Idle | Stage::Answered(_) | Stage::Session(_) => return self.broken(node, path),
        };
        match step {
            Step::Wait => self.transmit(node, path),
            Step::Challenge => {
                let Stage::Inbound(inbound) = &mut carried.stage else { panic!("a challenge to nobody") };
                inbound.challenge(packet, keys, &self.demand, &mut self.rng).unwrap();
                self.transmit(node, path);
            }
            Step::Later => panic!("nobody has a budget here"),
            Step::Called | Step::CallEstablished(_) => panic!("everybody has a name here"),
            Step::Proven(proof) => drop(endpoint.admit(now, path, *proof, &mut self.rng)),
            Step::Established(established) => {
                let boot = established.peer.boot;
                carried.stage = Stage::Answered(established);
                endpoint.established(now, path, boot);
            }
            Step::Failed(cause) => {
                carried.stage = Stage::Deaf;
                endpoint.handshake_failed(now, path, cause);
            }
        }
    }

    /// Something arrived that no honest end sends.
    fn broken(&mut self, node: usize, path: PathId) {
        self.broken_by(node, path, PathCause::Garbage);
    }

    fn broken_by(&mut self, node: usize, path: PathId, cause: PathCause) {
        if let Some(wire) = self.drop_path(node, path) {
            self.hang_up(node, wire, false);
            self.nodes[node].endpoint.path_lost(self.now, path, cause);
        }
    }

    fn drop_path(&mut self, node: usize, path: PathId) -> Option<usize> {
        let (wire, outcomes) = self.nodes[node].drop_path(path)?;
        self.note(outcomes);
        Some(wire)
    }

    /// Each message has one fate.
    fn note(&mut self, outcomes: Vec<(u64, Outcome)>) {
        for (number, outcome) in outcomes {
            assert!(self.fates.insert(number, outcome).is_none(), "two outcomes");
            assert!(!self.taken_back.contains_key(&number), "an outcome after it was taken back");
        }
    }

    fn sealed(&mut self, node: usize, path: PathId, packet: &[u8]) {
        let now = self.now;
        let entry = &mut self.nodes[node];
        let known = entry.session_on(path).and_then(|id| Some((id, entry.sessions.get_mut(&id)?)));
        let opened = known.and_then(|(id, session)| {
            let news = session.plane.handle(now.instant, &mut self.rng, packet)?;
            session.last_use = now.instant;
            session.confirmed |= news.confirmed;
            Some((id, news))
        });
        let Some((id, news)) = opened else {
            if !matches!(entry.paths.get(&path).map(|carried| &carried.stage), Some(Stage::Deaf)) {
                self.broken(node, path);
            }
            return;
        };
        if news.confirmed {
            entry.endpoint.confirmed(now, id);
        }
        if !news.arrived.is_empty() {
            assert!(
                entry.endpoint.sessions().any(|(live, _)| live == id),
                "only what counts carries messages"
            );
        }
        self.received.extend(news.arrived);
        match news.closed {
            Some(reason) => self.nodes[node].endpoint.closed_by_peer(now, id, reason),
            None => self.flush(node, id),
        }
    }

    /// Does whatever a node's endpoint asks for.
    pub(crate) fn pump(&mut self, node: usize) {
        while let Some(action) = self.nodes[node].endpoint.poll_action() {
            self.nodes[node].observe(&action);
            self.act(node, action);
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        match action {
            Action::Dial { attempt, address, .. } => self.dial(node, attempt, address),
            Action::Begin { path, order } => self.begin(node, path, &order),
            Action::Answer { path, admission } => self.answer(node, path, &admission),
            Action::Live { path, session } => {
                let carried = self.nodes[node].paths.get_mut(&path).expect("a live path");
                let Stage::Answered(established) =
                    std::mem::replace(&mut carried.stage, Stage::Session(session))
                else {
                    panic!("live before it was answered")
                };
                self.begin_session(node, session, path, *established);
                self.flush(node, session);
            }
            Action::ClosePath { path } => {
                let wire = self.drop_path(node, path).expect("a path that is open");
                self.hang_up(node, wire, false);
            }
            Action::CloseSession { session, reason } => {
                let closing = self.nodes[node].sessions.get_mut(&session).expect("a session");
                closing.plane.close(reason);
                let path = closing.path;
                self.flush(node, session);
                let wire = self.drop_path(node, path).expect("the path of a session");
                self.hang_up(node, wire, false);
            }
            Action::CheckIdle { session } => {
                let entry = &self.nodes[node].sessions[&session];
                let (path, last_use) = (entry.path, entry.last_use);
                if entry.plane.is_awaited() {
                    // A peer that owes an answer for so long is gone: the owner of the path gives it up.
                    self.broken_by(node, path, PathCause::TimedOut);
                    return;
                }
                self.nodes[node].endpoint.session_used(self.now, session, last_use);
            }
            Action::Resolved { waiter, result } => self.resolved(node, waiter, result),
            Action::PeerDown { cause, .. } => self.downs.push(cause),
            Action::PeerRestarted { .. } => self.restarts_noticed += 1,
            Action::StoreCounter { peer, counter } => {
                let before = self.counters.insert((node, peer), counter);
                assert!(before.is_none_or(|before| before < counter), "counters grow");
            }
            Action::AbandonDial { .. } | Action::PeerUp { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn dial(&mut self, node: usize, attempt: AttemptId, address: NetAddress) {
        let life = self.nodes[node].life;
        let delay = self.delay();
        match address.as_str().split_once(':').unwrap().0 {
            "nowhere" => {}
            "refused" => {
                self.schedule(delay, Event::NotOpened { node, life, attempt, cause: DialCause::Refused });
            }
            _ => self.schedule(2 * delay, Event::Opened { node, life, attempt, address }),
        }
    }

    fn begin(&mut self, node: usize, path: PathId, order: &Order) {
        let entry = &mut self.nodes[node];
        let facts = entry.endpoint.path(path).expect("an open path").clone();
        let with = (&entry.keys, &*entry.members);
        let mut outbound = Outbound::start(self.now.instant, order, &facts, with, &mut self.rng).unwrap();
        let carried = entry.paths.get_mut(&path).expect("an open path");
        let wire = carried.wire;
        let mut packets = Vec::new();
        while let Some(packet) = outbound.poll_transmit() {
            packets.push(packet.to_vec());
        }
        carried.stage = Stage::Outbound(Box::new(outbound));
        packets.into_iter().for_each(|packet| self.send(node, wire, Frame::Handshake(packet)));
    }

    /// What a handshake has to send again, or because of a challenge.
    fn transmit(&mut self, node: usize, path: PathId) {
        let Some(carried) = self.nodes[node].paths.get_mut(&path) else { return };
        let wire = carried.wire;
        if let Stage::Outbound(outbound) = &mut carried.stage {
            while outbound.is_working() {
                outbound.work();
            }
        }
        let mut packets = Vec::new();
        loop {
            let packet = match &mut carried.stage {
                Stage::Outbound(outbound) => outbound.poll_transmit(),
                Stage::Inbound(inbound) => inbound.poll_transmit(),
                _ => None,
            };
            let Some(packet) = packet else { break };
            packets.push(packet.to_vec());
        }
        packets.into_iter().for_each(|packet| self.send(node, wire, Frame::Handshake(packet)));
    }

    fn answer(&mut self, node: usize, path: PathId, admission: &Admission) {
        let entry = &mut self.nodes[node];
        let carried = entry.paths.get_mut(&path).expect("a path to answer on");
        let Stage::Inbound(inbound) = &mut carried.stage else { panic!("answer to nobody") };
        let established = inbound.answer(admission, &entry.keys, &mut self.rng).unwrap();
        let reply = inbound.poll_transmit().expect("a reply").to_vec();
        let wire = carried.wire;
        carried.stage = Stage::Session(admission.session);
        self.begin_session(node, admission.session, path, *established);
        self.send(node, wire, Frame::Handshake(reply));
    }

    fn begin_session(&mut self, node: usize, id: SessionId, path: PathId, established: Established) {
        let transcript = established.transcript;
        let last_use = self.now.instant;
        let plane = Box::new(Plane::new(last_use, established));
        let session = Session { path, transcript, last_use, confirmed: false, plane };
        self.nodes[node].sessions.insert(id, session);
    }

    /// Sends a message in a session.
    pub(crate) fn say(&mut self, node: usize, session: SessionId, number: u64) {
        // Some share a packet, some take many, some take more than the window.
        let bytes = [8, 100, 20_000, 100_000, 400_000][self.rng.random_range(0..5)];
        let Some(entry) = self.nodes[node].sessions.get_mut(&session) else { return };
        entry.plane.send(number, bytes);
        self.flush(node, session);
    }

    /// Nobody waits for a message any more.
    pub(crate) fn take_back(&mut self, node: usize, number: u64) {
        let planes = self.nodes[node].sessions.iter_mut();
        let taken = planes.filter_map(|(&id, session)| Some((id, session.plane.cancel(number)?))).next();
        if let Some((session, unsent)) = taken {
            self.taken_back.insert(number, unsent);
            self.flush(node, session);
        }
    }

    /// Puts on the wire what a session wants to send.
    fn flush(&mut self, node: usize, session: SessionId) {
        let Some(entry) = self.nodes[node].sessions.get_mut(&session) else { return };
        let (path, packets, outcomes) = (entry.path, entry.plane.transmit(), entry.plane.outcomes());
        if !packets.is_empty() {
            entry.last_use = self.now.instant;
        }
        self.note(outcomes);
        let wire = self.nodes[node].paths[&path].wire;
        packets.into_iter().for_each(|packet| self.send(node, wire, Frame::Sealed(packet)));
    }

    fn resolved(&mut self, node: usize, waiter: WaiterId, result: Result<SessionId, ConnectError>) {
        let asked =
            self.nodes[node].waiting.remove(&waiter).expect("told once, and not after it was cancelled");
        let limit = MIN_DIAL_INTERVAL.max(BACKOFF_CAP) + HANDSHAKE_TIMEOUT;
        assert!(self.now.instant - asked <= limit, "told after its deadline");
        assert!(self.outcomes.insert(waiter, result).is_none(), "one outcome");
        if let Ok(session) = result {
            assert!(self.nodes[node].sessions.contains_key(&session), "a session that is there");
            if self.talkative {
                self.sent.push(waiter.0);
                self.say(node, session, waiter.0);
            }
        }
    }

    /// The transcript of the session that `node` has with `peer`.
    pub(crate) fn transcript(&self, node: usize, peer: usize) -> Option<[u8; 32]> {
        let session = self.nodes[node].endpoint.session_with(&self.peer(peer))?;
        Some(self.nodes[node].sessions[&session].transcript)
    }

    /// Puts a recorded frame on a wire of its own to `node`.
    pub(crate) fn replay(&mut self, node: usize, frames: &[Frame]) -> usize {
        let wire = self.wires.len();
        self.wires.push(Wire {
            ends: [None, None],
            delay: MILLISECOND,
            black_hole: false,
            recording: Vec::new(),
        });
        self.accept(node, wire);
        for frame in frames {
            self.schedule(MILLISECOND, Event::Arrived { wire, at: 1, frame: frame.clone() });
        }
        wire
    }
}
