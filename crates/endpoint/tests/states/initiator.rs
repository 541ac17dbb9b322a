//! The initiator, whole: the dial of the control plane, the handshake of one path, and the session that comes of it,
//! joined as a node joins them.

#[path = "initiator_packets.rs"]
mod packets;

use std::time::{Duration, Instant};

use endpoint::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::BootId;

use crate::cell::{Act, Cell, Machine, Seen, Word, named};
use crate::initiator_table::TABLE;
use crate::plane::Plane;
use crate::scene::*;

/// The kind of sealed packets (§6.1).
const SEALED: u8 = 0x10;
const SECOND: Duration = Duration::from_secs(1);

named! {
    /// How far a path of ours has come. Beside: there is an unconfirmed session that the peer has dialed.
    State {
        Dialing = "Dialing",
        Waiting = "Waiting",
        Asked = "Asked",
        AskedBeside = "Asked, beside",
        Met = "Met",
        MetBeside = "Met, beside",
        Held = "Held",
        Live = "Live",
        Closed = "Closed",
    }
}

named! {
    /// What can happen to it.
    Event {
        Opens = "the path opens",
        Fails = "the path cannot be opened",
        Reply = "the REPLY",
        ReplyForged = "REPLY, forged",
        ReplyForeign = "REPLY of another handshake",
        ReplyShort = "REPLY, a byte short",
        ReplyLong = "REPLY, a byte long",
        Challenge = "a CHALLENGE",
        ChallengeForged = "CHALLENGE, forged",
        ChallengeForeign = "CHALLENGE of another handshake",
        ChallengeShort = "CHALLENGE, a byte short",
        ChallengeLong = "CHALLENGE, a byte long",
        First = "FIRST",
        KeyShare = "KEY SHARE",
        CookiedBack = "COOKIED",
        Unknown = "an unknown kind",
        Empty = "an empty packet",
        Sealed = "a sealed packet that opens",
        SealedAgain = "a sealed packet that came before",
        SealedForged = "a sealed packet, forged",
        SealedForeign = "a sealed packet of another session",
        SealedShort = "a sealed packet, cut short",
        Farewell = "a sealed word of farewell",
        Half = "0.5 s pass",
        Turn = "1 s passes",
        TurnOther = "1 s passes, and another path is open",
        Deadline = "10 s since the dial began",
        Idle = "25 s without use",
        TheirFirst = "a flight of the peer is proven",
        TheirsCounts = "the session that the peer dialed is confirmed",
        TheirsLost = "the session that the peer dialed is lost",
        Cancel = "nobody waits any more",
        Disconnect = "the application parts with the peer",
        Removed = "the peer is a member no more",
        Shutdown = "the node shuts down",
        PathLost = "the path is lost",
    }
}

pub(crate) struct Initiator {
    scene: Scene,
    endpoint: Endpoint,
    attempt: AttemptId,
    /// Another address of the same peer.
    other: Option<AttemptId>,
    path: Option<PathId>,
    outbound: Option<Outbound>,
    flight: Vec<Vec<u8>>,
    plane: Option<Plane>,
    session: Option<SessionId>,
    gone: bool,
    over: bool,
    counter: u64,
    /// The session that the peer dialed.
    theirs: Option<SessionId>,
    their_path: Option<PathId>,
    their_counter: u64,
    /// The far end.
    bob: Counterpart,
    bob_left: bool,
    pending: Option<Vec<u8>>,
    came: Option<Vec<u8>>,
    now: Now,
    rng: StdRng,
}

impl Initiator {
    fn new(reliable: bool) -> Self {
        let scene = Scene::new(reliable);
        let mut rng = StdRng::seed_from_u64(8);
        let mut endpoint = Endpoint::new(Config::default(), scene.peer(ANN), scene.members(2), &mut rng);
        let bob = Target::Device(scene.peer(BOB));
        endpoint.connect(scene.now, bob, Urgency::Prompt, WaiterId(1)).unwrap();
        let Some(Action::Dial { attempt, .. }) = endpoint.poll_action() else { panic!("a dial") };
        Self {
            bob: Counterpart::new(&scene),
            now: scene.now,
            scene,
            endpoint,
            attempt,
            other: None,
            path: None,
            outbound: None,
            flight: Vec::new(),
            plane: None,
            session: None,
            gone: false,
            over: false,
            counter: COUNTER,
            theirs: None,
            their_path: None,
            their_counter: 0,
            bob_left: false,
            pending: None,
            came: None,
            rng,
        }
    }

    /// The other address opens first, and ours waits for its turn.
    fn yield_the_turn(&mut self) {
        self.open(self.attempt);
        self.pass(SECOND / 4, &mut Seen::default());
        self.path = None;
        self.outbound = None;
        self.flight.clear();
        self.attempt = self.other.take().unwrap();
        self.path = self.open(self.attempt);
    }

    fn open(&mut self, attempt: AttemptId) -> Option<PathId> {
        self.counter += 1;
        let facts = self.scene.facts();
        self.endpoint.path_opened(self.now, attempt, facts, self.counter, &mut self.rng).ok()
    }

    fn receive(&mut self, packet: &[u8], seen: &mut Seen) {
        if self.gone {
            return;
        }
        let sealed = packet.first() == Some(&SEALED);
        if self.session.is_some() && (self.scene.reliable || sealed) {
            return self.read_sealed(packet, seen);
        }
        // Before its turn, and once it is answered, the path is not read.
        let Some(outbound) = self.outbound.as_mut().filter(|_| self.plane.is_none()) else { return };
        let path = self.path.unwrap();
        match outbound.handle_packet(self.now.instant, packet) {
            Step::Wait => {
                seen.step = Some("wait");
                self.transmit(seen);
            }
            Step::Established(established) => {
                seen.step = Some("established");
                let boot = established.peer.boot;
                self.plane = Some(Plane::new(self.now.instant, *established));
                self.endpoint.established(self.now, path, boot);
            }
            Step::Failed(cause) => {
                seen.step = Some("failed");
                self.endpoint.handshake_failed(self.now, path, cause);
            }
            other => panic!("{other:?}"),
        }
    }

    fn read_sealed(&mut self, packet: &[u8], seen: &mut Seen) {
        let (Some(plane), Some(session)) = (&mut self.plane, self.session) else { return };
        match plane.handle(self.now.instant, &mut self.rng, packet) {
            None if self.scene.reliable => {
                self.gone = true;
                self.endpoint.path_lost(self.now, self.path.unwrap(), PathCause::Garbage);
            }
            None => {}
            Some(news) => {
                self.endpoint.confirmed(self.now, session);
                if let Some(reason) = news.closed {
                    self.endpoint.closed_by_peer(self.now, session, reason);
                }
            }
        }
        self.act(seen);
    }

    /// What the handshake has to say, in a word.
    fn transmit(&mut self, seen: &mut Seen) {
        let Some(outbound) = self.outbound.as_mut().filter(|_| !self.gone) else { return };
        let packets = transmit(outbound);
        let said: Vec<_> = packets.iter().filter_map(|packet| packet.first().copied()).collect();
        match said[..] {
            [] => {}
            [1, 2] => {
                seen.said = Some(Word::Flight);
                self.flight = packets;
            }
            [5, 2] => seen.said = Some(Word::Cookied),
            ref other => panic!("{other:?}"),
        }
    }

    fn act(&mut self, seen: &mut Seen) {
        while let Some(action) = self.endpoint.poll_action() {
            match action {
                Action::Dial { attempt, .. } => self.other = Some(attempt),
                Action::AbandonDial { attempt } if attempt == self.attempt => self.gone = true,
                Action::Begin { path, order } if Some(path) == self.path => {
                    let with = (&self.scene.keys(ANN), &*self.scene.members(4));
                    let facts = self.scene.facts();
                    let outbound = Outbound::start(self.now.instant, &order, &facts, with, &mut self.rng);
                    self.outbound = Some(outbound.unwrap());
                    self.transmit(seen);
                    seen.acts.push(Act::Begin);
                }
                Action::Live { path, session } if Some(path) == self.path => {
                    self.session = Some(session);
                    let sealed = self.plane.as_mut().unwrap().transmit();
                    assert_eq!((sealed.len(), sealed[0][0]), (1, SEALED), "at once, and once");
                    seen.say(Word::Confirmation);
                    if let Some(bob) = &mut self.bob.plane {
                        let news = bob.handle(self.now.instant, &mut self.rng, &sealed[0]);
                        assert!(news.unwrap().confirmed);
                    }
                }
                Action::ClosePath { path } if Some(path) == self.path => {
                    self.gone = true;
                    seen.acts.push(Act::Close);
                }
                Action::CloseSession { session, .. } if Some(session) == self.session => {
                    self.gone = true;
                    seen.say(Word::Farewell);
                }
                Action::CheckIdle { session } if Some(session) == self.session => {
                    self.endpoint.session_used(self.now, session, self.scene.now.instant);
                }
                Action::PeerUp { session, .. } if Some(session) == self.session => seen.acts.push(Act::Up),
                Action::PeerDown { session, .. } if Some(session) == self.session => {
                    seen.acts.push(Act::Down)
                }
                Action::Answer { path, admission } if Some(path) == self.their_path => {
                    self.theirs = Some(admission.session);
                }
                Action::ClosePath { path } if Some(path) == self.their_path => self.theirs = None,
                Action::StoreCounter { counter, .. } => assert_eq!(counter, self.their_counter),
                Action::Resolved { .. } => {
                    assert!(!std::mem::replace(&mut self.over, true), "one outcome");
                }
                _ => {}
            }
        }
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration, seen: &mut Seen) {
        let end = self.now.instant + time;
        loop {
            let handshake = self.outbound.as_ref().and_then(Outbound::poll_timeout);
            let handshake = handshake.filter(|_| self.plane.is_none() && !self.gone);
            let next = self.endpoint.poll_timeout().into_iter().chain(handshake).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now.instant = next.max(self.now.instant);
            self.endpoint.handle_timeout(self.now);
            self.act(seen);
            self.repeat(next, seen);
        }
        self.now.instant = end;
    }

    fn repeat(&mut self, now: Instant, seen: &mut Seen) {
        if self.plane.is_some() || self.gone {
            return;
        }
        let Some(outbound) = &mut self.outbound else { return };
        if outbound.poll_timeout().is_some_and(|due| due <= now) {
            drop(outbound.handle_timeout(now));
            self.transmit(seen);
        }
    }

    fn their_first(&mut self, seen: &mut Seen) {
        self.their_counter += 1;
        let (device, credential) = (self.scene.peer(BOB).device, self.scene.keys(BOB).credential);
        let (counter, boot) = (self.their_counter, BootId([1; 16]));
        let proof = Proof { device, credential, counter, boot, ticket: None };
        let path = self.endpoint.accept(self.now, self.scene.facts()).unwrap().path;
        let before = self.their_path.replace(path);
        assert_eq!(self.endpoint.admit(self.now, path, proof, &mut self.rng), None);
        self.act(seen);
        assert!(self.theirs.is_some(), "answered, beside {before:?}");
    }
}

impl Machine for Initiator {
    type State = State;
    type Event = Event;

    const STATES: &'static [State] = State::ALL;
    const EVENTS: &'static [Event] = Event::ALL;
    const PROBES: &'static [Event] = &[
        Event::Opens,
        Event::Reply,
        Event::Challenge,
        Event::Sealed,
        Event::Turn,
        Event::TheirsLost,
        Event::Idle,
    ];

    fn state_words(state: State) -> &'static str {
        state.words()
    }

    fn event_words(event: Event) -> &'static str {
        event.words()
    }

    fn cell(state: State, event: Event) -> Cell<State> {
        let (of, row) = &TABLE[event as usize];
        assert_eq!(*of, event, "rows stand in the order of the events");
        row[state as usize]
    }

    fn reach(reliable: bool, state: State) -> Self {
        let mut it = Self::new(reliable);
        let way: &[Event] = match state {
            State::Dialing => &[],
            State::Waiting => {
                it.yield_the_turn();
                &[]
            }
            State::Asked => &[Event::Opens],
            State::AskedBeside => &[Event::Opens, Event::TheirFirst],
            State::Met => &[Event::Opens, Event::Challenge],
            State::MetBeside => &[Event::Opens, Event::Challenge, Event::TheirFirst],
            State::Held => &[Event::Opens, Event::TheirFirst, Event::Reply],
            State::Live => &[Event::Opens, Event::Reply],
            State::Closed => &[Event::Opens, Event::Disconnect],
        };
        way.iter().for_each(|event| drop(it.apply(*event)));
        it
    }

    fn apply(&mut self, event: Event) -> Seen {
        let mut seen = Seen::default();
        if let Some(packet) = self.packet(event) {
            if event == Event::Sealed && self.session.is_some() {
                self.came = self.pending.take().or(self.came.take());
            }
            self.receive(&packet, &mut seen);
        }
        let peer = Target::Device(self.scene.peer(BOB));
        match event {
            Event::Opens if self.path.is_none() => self.path = self.open(self.attempt),
            Event::Fails => self.endpoint.dial_failed(self.now, self.attempt, DialCause::Refused),
            Event::Farewell => {
                let bob = self.bob.plane.as_mut().filter(|_| self.session.is_some() && !self.bob_left);
                let packets = bob.map(|bob| {
                    bob.close(CloseReason::Application);
                    bob.transmit()
                });
                for packet in packets.unwrap_or_else(|| self.scene.foreign_sealed()) {
                    self.receive(&packet, &mut seen);
                    self.act(&mut seen);
                }
                self.bob_left = true;
            }
            Event::Half => self.pass(SECOND / 2, &mut seen),
            Event::Turn => self.pass(SECOND, &mut seen),
            Event::TurnOther => {
                self.pass(SECOND / 4, &mut seen);
                self.other.map(|other| self.open(other));
                self.pass(3 * SECOND / 4, &mut seen);
            }
            Event::Deadline => {
                self.now.instant = self.scene.now.instant + 10 * SECOND;
                self.endpoint.handle_timeout(self.now);
            }
            Event::Idle => {
                self.now.instant = self.scene.now.instant + 25 * SECOND;
                self.endpoint.handle_timeout(self.now);
            }
            Event::TheirFirst => self.their_first(&mut seen),
            Event::TheirsCounts => {
                if self.theirs.is_none() {
                    self.their_first(&mut seen);
                }
                self.endpoint.confirmed(self.now, self.theirs.unwrap());
            }
            Event::TheirsLost => {
                let path = self.their_path.unwrap_or(PathId(u64::MAX));
                self.theirs = None;
                self.endpoint.path_lost(self.now, path, PathCause::Closed);
            }
            Event::Cancel => {
                self.endpoint.cancel(self.now, WaiterId(1));
            }
            Event::Disconnect => self.endpoint.disconnect(self.now, peer, CloseReason::Application),
            Event::Removed => self.endpoint.set_members(self.now, self.scene.members(0)),
            Event::Shutdown => self.endpoint.shutdown(self.now),
            Event::PathLost => {
                if let Some(path) = self.path {
                    self.gone = true;
                    self.endpoint.path_lost(self.now, path, PathCause::Closed);
                }
            }
            _ => {}
        }
        if event == Event::Fails && self.path.is_none() {
            self.gone = true;
        }
        self.act(&mut seen);
        seen
    }

    fn leaves_a_trace(_reliable: bool, state: State, event: Event) -> bool {
        // The turn, the repetitions and the grace of what follows are counted from it.
        let clock = matches!(event, Event::Half | Event::Turn | Event::TurnOther);
        clock || (state == State::Dialing && event == Event::TheirFirst)
    }

    fn check(&self, (from, to): (State, State), _: Event, seen: &Seen) {
        let up = to == State::Live && from != State::Live;
        let down = from == State::Live && to == State::Closed;
        assert_eq!((seen.count(Act::Up), seen.count(Act::Down)), (up.into(), down.into()), "{seen:?}");
        assert_eq!(seen.said == Some(Word::Confirmation), up, "confirmed at once, and only then");
        assert_eq!(self.gone, to == State::Closed, "{seen:?}");
        let peer = self.scene.peer(BOB);
        let told = self.endpoint.session_with(&peer).filter(|session| Some(*session) == self.session);
        assert_eq!(told.is_some(), to == State::Live);
    }
}
