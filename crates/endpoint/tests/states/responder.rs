//! The responder, whole: the handshake of one path, the control plane behind it, and the session that comes of it,
//! joined as a node joins them.

#[path = "responder_packets.rs"]
mod packets;

use endpoint::*;
use membership::Redemption;
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::{BootId, Capabilities};

use crate::cell::{Act, Cell, Machine, Seen, Word, named};
use crate::plane::Plane;
use crate::responder_table::TABLE;
use crate::scene::*;

/// The kind of sealed packets (§6.1).
const SEALED: u8 = 0x10;

named! {
    /// How far a path has come that somebody else opened.
    State {
        First = "First",
        Challenged = "Challenged",
        Crossed = "Crossed",
        KeyShare = "Key share",
        Parked = "Parked",
        Unconfirmed = "Unconfirmed",
        Reserved = "Reserved",
        Redeeming = "Redeeming",
        Live = "Live",
        Silent = "Silent",
        Closed = "Closed",
    }
}

named! {
    /// What can happen to it.
    Event {
        First = "FIRST of a member",
        FirstByTicket = "FIRST by an open ticket",
        FirstUnderLoad = "FIRST, while load asks for a challenge",
        FirstPutOff = "FIRST, while its turn has not come",
        FirstWithoutDoor = "FIRST without the door",
        FirstUnproven = "FIRST in a member's name, with another key",
        FirstOfStranger = "FIRST of nobody's member",
        FirstByClosedTicket = "FIRST by a ticket that is not open",
        FirstOfSuite = "FIRST of a suite that is not accepted",
        FirstShort = "FIRST, a byte short",
        FirstLong = "FIRST, a byte long",
        KeyShare = "the KEY SHARE committed to",
        KeyShareCounter = "the KEY SHARE, but the counter was passed",
        KeyShareOurs = "the KEY SHARE, while our FIRST is in flight",
        KeyShareCipher = "the KEY SHARE, without a common cipher",
        KeyShareForged = "KEY SHARE, forged",
        KeyShareForeign = "KEY SHARE of another handshake",
        KeyShareShort = "KEY SHARE, a byte short",
        KeyShareLong = "KEY SHARE, a byte long",
        Cookied = "COOKIED",
        CookiedForged = "COOKIED, with another's cookie",
        CookiedShort = "COOKIED, a byte short",
        CookiedLong = "COOKIED, a byte long",
        Reply = "REPLY",
        Challenge = "CHALLENGE",
        Unknown = "an unknown kind",
        Empty = "an empty packet",
        Sealed = "a sealed packet that opens",
        SealedAgain = "a sealed packet that came before",
        SealedForged = "a sealed packet, forged",
        SealedForeign = "a sealed packet of another session",
        SealedShort = "a sealed packet, cut short",
        Farewell = "a sealed word of farewell",
        Deadline = "10 s since the path was accepted",
        Idle = "20 s without use",
        OtherFirst = "a later flight of the peer is proven elsewhere",
        OursBegins = "our FIRST to the peer leaves",
        OursFails = "our handshake with the peer fails, or its turn is over",
        OursCounts = "our handshake with the peer is answered",
        Crowded = "other paths need the place",
        Redeemed = "the redemption is stored",
        NotRedeemed = "the redemption cannot be stored",
        Disconnect = "the application parts with the peer",
        Removed = "the peer is a member no more",
        Shutdown = "the node shuts down",
        PathLost = "the path is lost",
    }
}

pub(crate) struct Responder {
    scene: Scene,
    endpoint: Endpoint,
    keys: HandshakeKeys,
    demand: Demand,
    path: PathId,
    inbound: Option<Inbound>,
    /// What comes of packets concerns nobody any more: the path was proven, or refused.
    decided: bool,
    gone: bool,
    session: Option<SessionId>,
    redemption: Option<Box<Redemption>>,
    plane: Option<Plane>,
    our_path: Option<PathId>,
    /// The far end: who it is, and what it has.
    who: usize,
    dialer: Outbound,
    flight: Vec<Vec<u8>>,
    dialer_plane: Option<Plane>,
    /// The next sealed packet of the far end, and the last one that came.
    pending: Option<Vec<u8>>,
    came: Option<Vec<u8>>,
    /// A first packet was taken.
    taken: bool,
    /// What was asked of it.
    challenged: Option<Vec<u8>>,
    now: Now,
    rng: StdRng,
}

impl Responder {
    fn new(reliable: bool, flight: &Flight) -> Self {
        let scene = Scene::new(reliable);
        let mut rng = StdRng::seed_from_u64(6);
        let config = Config { max_inbound_handshakes: 2, ..Config::default() };
        let mut endpoint = Endpoint::new(config, scene.peer(BOB), scene.members(2), &mut rng);
        endpoint.tickets_mut().issue(TICKET, Scene::terms()).unwrap();
        let accepted = endpoint.accept(scene.now, scene.facts()).unwrap();
        let mut dialer = scene.start(flight);
        Self {
            keys: scene.keys(BOB),
            demand: scene.demands().1,
            path: accepted.path,
            inbound: Some(Inbound::new(&scene.facts(), accepted.deadline)),
            decided: false,
            gone: false,
            session: None,
            redemption: None,
            plane: None,
            our_path: None,
            flight: transmit(&mut dialer),
            dialer,
            dialer_plane: None,
            pending: None,
            came: None,
            taken: false,
            challenged: None,
            who: flight.from,
            now: scene.now,
            rng,
            endpoint,
            scene,
        }
    }

    fn peer(&self) -> PeerId {
        self.scene.peer(self.who)
    }

    /// Whether anybody reads: while a ticket is redeemed what comes waits.
    fn is_read(&self) -> bool {
        !self.gone && self.redemption.is_none()
    }

    /// A packet comes on the path, and goes where a node has it go.
    fn receive(&mut self, packet: &[u8], demand: &Demand, seen: &mut Seen) {
        if !self.is_read() {
            return;
        }
        let sealed = packet.first() == Some(&SEALED);
        if self.plane.is_some() && (self.scene.reliable || sealed) {
            return self.open(packet, seen);
        }
        let mut admittance = self.endpoint.admittance();
        admittance.demand = demand.clone();
        let Some(inbound) = &mut self.inbound else { return };
        let step = inbound.handle_packet(self.now, packet, (&self.keys, &admittance));
        if !self.decided {
            seen.step = Some(match step {
                Step::Wait => "wait",
                Step::Challenge => "challenge",
                Step::Later => "later",
                Step::Proven(_) => "proven",
                Step::Established(_) | Step::CallEstablished(_) => "established",
                Step::Called => "called",
                Step::Failed(_) => "failed",
            });
        }
        match step {
            Step::Challenge => {
                inbound.challenge(packet, &self.keys, demand, &mut self.rng).unwrap();
                let challenge = inbound.poll_transmit().unwrap();
                assert!(challenge.len() <= packet.len());
                if packet == self.scene.packets(&Flight::OF_ANN)[0] {
                    self.challenged = Some(challenge.to_vec());
                }
                seen.say(Word::Challenge);
            }
            Step::Proven(proof) => {
                self.decided = true;
                self.endpoint.admit(self.now, self.path, *proof, &mut self.rng);
            }
            Step::Failed(cause) => {
                self.endpoint.handshake_failed(self.now, self.path, cause);
                self.decided = true;
            }
            Step::Wait if inbound.poll_transmit().is_some() => seen.say(Word::Reply),
            Step::Wait | Step::Later => {}
            Step::Established(_) | Step::Called | Step::CallEstablished(_) => panic!("not of ours"),
        }
    }

    fn open(&mut self, packet: &[u8], seen: &mut Seen) {
        let (Some(plane), Some(session)) = (&mut self.plane, self.session) else { return };
        let Some(news) = plane.handle(self.now.instant, &mut self.rng, packet) else {
            if self.scene.reliable {
                self.gone = true;
                self.endpoint.path_lost(self.now, self.path, PathCause::Garbage);
            }
            return;
        };
        if news.confirmed {
            self.endpoint.confirmed(self.now, session);
            self.act(seen);
        }
        if let Some(reason) = news.closed {
            self.endpoint.closed_by_peer(self.now, session, reason);
        }
    }

    /// Does what the control plane asks for.
    fn act(&mut self, seen: &mut Seen) {
        while let Some(action) = self.endpoint.poll_action() {
            match action {
                Action::Answer { path, admission } if path == self.path => {
                    self.session = Some(admission.session);
                    let inbound = self.inbound.as_mut().unwrap();
                    match inbound.answer(&admission, &self.keys, &mut self.rng) {
                        Ok(established) => {
                            let reply = inbound.poll_transmit().unwrap().to_vec();
                            self.plane = Some(Plane::new(self.now.instant, *established));
                            let step = self.dialer.handle_packet(self.scene.now.instant, &reply);
                            let Step::Established(established) = step else { panic!("{step:?}") };
                            self.dialer_plane = Some(Plane::new(self.now.instant, *established));
                            seen.say(Word::Reply);
                        }
                        Err(cause) => self.endpoint.handshake_failed(self.now, path, cause),
                    }
                }
                Action::ClosePath { path } if path == self.path => {
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
                Action::Redeem { session, redemption, .. } if Some(session) == self.session => {
                    self.redemption = Some(redemption);
                    seen.acts.push(Act::Redeem);
                }
                Action::PeerUp { session, .. } if Some(session) == self.session => {
                    self.redemption = None;
                    self.inbound = None;
                    seen.acts.push(Act::Up);
                }
                Action::PeerDown { session, .. } if Some(session) == self.session => {
                    seen.acts.push(Act::Down);
                }
                Action::StoreCounter { counter: COUNTER, .. } => seen.acts.push(Act::StoreCounter),
                _ => {}
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now.instant = self.scene.now.instant + std::time::Duration::from_secs(seconds);
        self.endpoint.handle_timeout(self.now);
    }

    /// A dial of ours to the peer, up to its first packet.
    fn dial(&mut self, seen: &mut Seen) {
        if self.our_path.is_some() {
            return;
        }
        let peer = self.peer();
        self.endpoint.connect(self.now, Target::Device(peer), Urgency::Prompt, WaiterId(1)).unwrap();
        while let Some(action) = self.endpoint.poll_action() {
            if let Action::Dial { attempt, .. } = action {
                let (facts, rng) = (self.scene.facts(), &mut self.rng);
                let opened = self.endpoint.path_opened(self.now, attempt, facts, 1, rng);
                self.our_path = Some(opened.unwrap());
            }
        }
        if self.plane.is_some() {
            // The grace that an unconfirmed session has.
            self.pass(1);
        }
        self.act(seen);
    }

    fn other_first(&mut self, seen: &mut Seen) {
        let (who, ticket) = (self.who, (self.who == CAROL).then_some(TICKET));
        let (device, credential) = (self.scene.peer(who).device, self.scene.keys(who).credential);
        let counter = COUNTER + 1;
        let proof = Proof { device, credential, counter, boot: BootId([2; 16]), ticket };
        let path = self.endpoint.accept(self.now, self.scene.facts()).unwrap().path;
        assert_eq!(self.endpoint.admit(self.now, path, proof, &mut self.rng), None);
        self.act(seen);
    }

    fn redeemed(&mut self, stored: bool) {
        let members = stored.then(|| self.scene.members(3));
        match self.redemption.clone() {
            Some(redemption) => {
                let session = self.session.unwrap();
                self.endpoint.redeemed(self.now, session, &redemption, members);
            }
            None if self.endpoint.tickets().open().is_empty() => {}
            None => {
                // Of a session that is none.
                let mut book = self.endpoint.tickets().clone();
                let carol = self.scene.peer(CAROL).identity;
                book.reserve(&TICKET, &carol, self.now.date).unwrap();
                let redemption = book.begin(&TICKET, &carol, self.now.date).unwrap();
                let members = members.map(|_| self.endpoint.members().clone());
                self.endpoint.redeemed(self.now, SessionId(u64::MAX), &redemption, members);
            }
        }
    }
}

impl Machine for Responder {
    type State = State;
    type Event = Event;

    const STATES: &'static [State] = State::ALL;
    const EVENTS: &'static [Event] = Event::ALL;
    const PROBES: &'static [Event] = &[
        Event::First,
        Event::KeyShare,
        Event::Cookied,
        Event::Sealed,
        Event::Deadline,
        Event::Idle,
        Event::OursFails,
        Event::Redeemed,
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
        let by_ticket = matches!(state, State::Reserved | State::Redeeming);
        let flight = if by_ticket { Flight::OF_CAROL } else { Flight::OF_ANN };
        let mut it = Self::new(reliable, &flight);
        let first = if by_ticket { Event::FirstByTicket } else { Event::First };
        let way: &[Event] = match state {
            State::First => &[],
            State::Challenged => &[Event::FirstUnderLoad],
            State::Crossed => &[Event::FirstUnderLoad, Event::KeyShare],
            State::KeyShare => &[first],
            State::Parked => &[first, Event::KeyShareOurs],
            State::Unconfirmed | State::Reserved => &[first, Event::KeyShare],
            State::Redeeming | State::Live => &[first, Event::KeyShare, Event::Sealed],
            State::Silent => &[Event::FirstWithoutDoor],
            State::Closed => &[Event::PathLost],
        };
        way.iter().for_each(|event| drop(it.apply(*event)));
        it
    }

    fn apply(&mut self, event: Event) -> Seen {
        let mut seen = Seen::default();
        match event {
            Event::KeyShareCounter => self.endpoint.restore_counter(self.scene.peer(ANN), COUNTER),
            Event::KeyShareOurs => self.dial(&mut seen),
            Event::KeyShareCipher => self.keys.capabilities = Capabilities::CHACHA20_POLY1305,
            _ => {}
        }
        if let Some(packet) = self.packet(event) {
            let demand = match event {
                Event::FirstUnderLoad => self.scene.demands().0,
                Event::FirstPutOff => self.demand.clone().deferring(true),
                _ => self.demand.clone(),
            };
            if event == Event::Sealed && self.is_read() && self.plane.is_some() {
                self.came = self.pending.take();
            }
            self.receive(&packet, &demand, &mut seen);
            if event == Event::FirstByTicket && seen.step == Some("wait") && !self.taken {
                self.come_as(&Flight::OF_CAROL);
            }
            self.taken |= seen.step == Some("wait");
        }
        match event {
            Event::Farewell => {
                for packet in self.farewell() {
                    let demand = self.demand.clone();
                    self.receive(&packet, &demand, &mut seen);
                    self.act(&mut seen);
                }
            }
            Event::Deadline => self.pass(10),
            Event::Idle => self.pass(20),
            Event::OtherFirst => self.other_first(&mut seen),
            Event::OursBegins => self.dial(&mut seen),
            Event::OursFails => {
                let path = self.our_path.unwrap_or(PathId(u64::MAX));
                self.endpoint.handshake_failed(self.now, path, HandshakeCause::TimedOut);
            }
            Event::OursCounts => {
                let path = self.our_path.unwrap_or(PathId(u64::MAX));
                self.endpoint.established(self.now, path, BootId([2; 16]));
            }
            Event::Crowded => (0..2).for_each(|_| {
                self.endpoint.accept(self.now, self.scene.facts()).unwrap();
            }),
            Event::Redeemed => self.redeemed(true),
            Event::NotRedeemed => self.redeemed(false),
            Event::Disconnect => {
                let peer = Target::Device(self.peer());
                self.endpoint.disconnect(self.now, peer, CloseReason::Application);
            }
            Event::Removed => self.endpoint.set_members(self.now, self.scene.members(1)),
            Event::Shutdown => self.endpoint.shutdown(self.now),
            Event::PathLost => {
                self.gone = true;
                self.endpoint.path_lost(self.now, self.path, PathCause::Closed);
            }
            _ => {}
        }
        self.act(&mut seen);
        self.keys.capabilities = self.scene.keys(BOB).capabilities;
        seen
    }

    fn leaves_a_trace(reliable: bool, state: State, event: Event) -> bool {
        match state {
            // Half of the flight has come again: with the other half the answer is repeated.
            State::Unconfirmed => {
                !reliable && matches!(event, Event::First | Event::FirstUnderLoad | Event::FirstPutOff)
            }
            State::Reserved => !reliable && event == Event::FirstByTicket,
            State::KeyShare => matches!(event, Event::OtherFirst | Event::OursBegins | Event::Removed),
            State::First | State::Challenged | State::Crossed => event == Event::Removed,
            _ => false,
        }
    }

    fn check(&self, (from, to): (State, State), event: Event, seen: &Seen) {
        let passed_through = event == Event::Farewell && from == State::Unconfirmed;
        let up = (to == State::Live && from != State::Live) || passed_through;
        let down = (from == State::Live && to == State::Closed) || passed_through;
        assert_eq!((seen.count(Act::Up), seen.count(Act::Down)), (up.into(), down.into()), "{seen:?}");
        assert_eq!(seen.count(Act::StoreCounter), up.into(), "durable when it is confirmed, and not before");
        let redeems = to == State::Redeeming && from != State::Redeeming;
        assert_eq!(seen.count(Act::Redeem), redeems.into());
        assert_eq!(self.gone, to == State::Closed);
        let told = self.endpoint.session_with(&self.peer()).filter(|session| Some(*session) == self.session);
        assert_eq!(told.is_some(), to == State::Live, "in the tables when it counts, and not before");
        let consumed = from == State::Redeeming && event == Event::Redeemed;
        assert_eq!(self.endpoint.tickets().open().is_empty(), consumed);
    }
}
