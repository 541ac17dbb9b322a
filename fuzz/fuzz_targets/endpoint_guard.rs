//! Any sequence of paths that are opened, first packets of members, newcomers, callers without a name and strangers, load
//! that comes and goes: nobody is answered more than they said, whoever shows too little gets no Diffie-Hellman, an
//! honest source is never shut out by what others do, and the level moves by single steps and ends calm.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use endpoint::*;
use libfuzzer_sys::fuzz_target;
use membership::{
    Card, DeviceKey, Door, Grant, Identity, Members, NetAddress, Psk, Record, Scope, TicketBook, TicketId,
    TicketTerms, UnixSeconds,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::anonymous::CallerConfig;
use x3dh_handshake::{BootId, Capabilities, Kind, Limits, ResponderKeys, Suite, Tag, TrafficAead};

const MAX_OPERATIONS: usize = 120;
const HOST_RATE: Rate = Rate::per_second(2, 4);
const NETWORK_RATE: Rate = Rate::per_second(8, 16);
const LIMITS: Limits = Limits { session_window_kib: 64, stream_window_kib: 64 };
/// The source that never does more than it may.
const HONEST: u8 = 9;
const ANONYMOUS_DOOR: [u8; 32] = [0x0a; 32];
const TICKET: TicketId = TicketId([7; 16]);

fuzz_target!(|input: &[u8]| {
    static CAST: OnceLock<Cast> = OnceLock::new();
    let mut world = World::new(CAST.get_or_init(Cast::new));
    for operation in input.chunks_exact(3).take(MAX_OPERATIONS) {
        world.apply(operation[0], operation[1], operation[2]);
        world.check();
    }
    world.calm_down();
});

/// Who takes part.
struct Cast {
    ann: HandshakeKeys,
    bob: HandshakeKeys,
    newcomer: HandshakeKeys,
    /// Ann and Bob.
    members: Arc<Members>,
    /// What the newcomer knows: Bob.
    known: Members,
    book: TicketBook,
}

impl Cast {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let mut person = || {
            let (identity, device) =
                (Identity::generate(&mut rng), DeviceKey::generate(&mut rng).expect("a key"));
            let record =
                Record::issue(&identity, device.id(), device.key(), UnixSeconds::MAX).expect("a record");
            let door = Door::generate(&mut rng);
            let card = Card::new(vec![record.clone()], door.clone(), Vec::new(), None).expect("a card");
            let responder = ResponderKeys {
                static_secret: device.secret().clone(),
                identity: identity.key(),
                door,
                previous_doors: Vec::new(),
                anonymous_door: Some(Door::from_bytes(ANONYMOUS_DOOR)),
            };
            let keys = HandshakeKeys {
                responder,
                credential: record.to_credential(),
                boot: BootId([1; 16]),
                suites: vec![Suite::X3dhHybrid, Suite::NoiseIkPsk2],
                aead: TrafficAead::Aes256Gcm,
                capabilities: Capabilities::BOTH_AEADS,
                limits: LIMITS,
            };
            (keys, card)
        };
        let ((ann, ann_card), (bob, bob_card), (newcomer, _)) = (person(), person(), person());
        let mut members = Members::new();
        members.add(&ann_card).expect("a member");
        members.add(&bob_card).expect("a member");
        let mut known = Members::new();
        known.add(&bob_card).expect("a member");
        let mut book = TicketBook::default();
        let grant = Grant { scope: Scope::default(), depth: 1, expires: UnixSeconds::MAX };
        let terms = TicketTerms {
            secret: Psk::from_bytes([8; 32]),
            expires: UnixSeconds::MAX,
            uses_left: 1,
            bound: None,
            grant,
        };
        book.issue(TICKET, terms).expect("a fit ticket");
        Self { ann, bob, newcomer, members: Arc::new(members), known, book }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    Member,
    Newcomer,
    Anonymous,
}

/// One path that somebody has opened.
struct Knock {
    who: Caller,
    source: Source,
    reliable: bool,
    deadline: Instant,
    inbound: Inbound,
    outbound: Outbound,
    /// Packets of theirs that were not delivered yet.
    flight: Vec<Vec<u8>>,
    changed: bool,
    heard: usize,
    said: usize,
    proven: bool,
    challenges: usize,
}

struct World<'a> {
    cast: &'a Cast,
    guard: Guard,
    rng: StdRng,
    now: Now,
    admittance: Admittance,
    knocks: Vec<Knock>,
    level: Level,
    /// When the honest source has used up what it may do at once.
    honest: Vec<Instant>,
    penalties: BTreeMap<[u8; 16], (Instant, u32)>,
    counts: [u64; 4],
}

impl<'a> World<'a> {
    fn new(cast: &'a Cast) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let instant = Instant::now();
        let mut config = GuardConfig::default();
        (config.host_rate, config.network_rate) = (HOST_RATE, NETWORK_RATE);
        let mut admittance = Admittance::from(Arc::clone(&cast.members));
        admittance.tickets = Arc::clone(cast.book.open());
        Self {
            cast,
            guard: Guard::new(instant, &config, &mut rng),
            rng,
            now: Now { instant, date: UnixSeconds::new(1_000).expect("a date") },
            admittance,
            knocks: Vec::new(),
            level: Level::Calm,
            honest: Vec::new(),
            penalties: BTreeMap::new(),
            counts: [0; 4],
        }
    }

    fn apply(&mut self, operation: u8, a: u8, b: u8) {
        let now = self.now.instant;
        match operation % 16 {
            0..=2 => self.enter(a, b),
            3..=7 => self.deliver(a, b),
            8 => {
                let begin = self.guard.reserve(now);
                assert!(begin >= now);
                self.guard.settle(now, Duration::from_micros(u64::from(b) * 40));
            }
            9 => self.guard.work(now, Duration::from_millis(u64::from(b))),
            10 => {
                self.guard.deferred(now);
                self.counts[0] += 1;
            }
            11 => self.guard.crowd(now, usize::from(a), usize::from(b)),
            12 | 13 => self.now.instant += Duration::from_millis(u64::from(a) * u64::from(b & 31)),
            14 if !self.knocks.is_empty() => {
                let place = usize::from(a) % self.knocks.len();
                self.fail(place, &HandshakeCause::TimedOut);
            }
            _ => self.admittance.demand = self.guard.demand(now, &mut self.rng),
        }
        // A few steps may be due at once after a long time; all of them downwards.
        if let Some(LevelChange { from, to }) = self.guard.level_change() {
            assert_eq!(from, self.level);
            assert!(to == from.above() || to < from, "from {from:?} to {to:?}");
            self.level = to;
        }
    }

    fn source(a: u8) -> Source {
        let (host, network) = if a == HONEST { (HONEST, 200) } else { (a % 8, a % 8 / 4) };
        Source { host: [host; 16], network: [network; 16] }
    }

    fn enter(&mut self, a: u8, b: u8) {
        let now = self.now.instant;
        let source = Self::source(if b & 1 == 0 { HONEST } else { a });
        let is_honest = source.host == [HONEST; 16];
        if is_honest {
            // Within four at once, and one more in each half second.
            self.honest.retain(|used| now < *used + HOST_RATE.interval * HOST_RATE.burst);
            if self.honest.len() >= HOST_RATE.burst as usize {
                return;
            }
            self.honest.push(now);
        }
        let until = self.penalties.get(&source.host).map(|(until, _)| *until);
        match self.guard.enter(now, &source) {
            Ok(()) => assert!(until.is_none_or(|until| until <= now), "it is under a penalty"),
            Err(refusal) => {
                assert!(!is_honest, "an honest source is refused: {refusal:?}");
                match refusal {
                    Refusal::Penalized => {
                        self.counts[1] += 1;
                        assert!(until.is_some_and(|until| now < until), "nothing was done");
                    }
                    Refusal::TooOften(penalty) => {
                        self.counts[2] += 1;
                        self.punished(&source, penalty);
                    }
                    _ => {}
                }
                return;
            }
        }
        if self.knocks.len() < 8 {
            let knock = self.knock(source, b);
            self.knocks.push(knock);
        }
    }

    fn knock(&mut self, source: Source, b: u8) -> Knock {
        let reliable = b & 2 == 0;
        let who = [Caller::Member, Caller::Newcomer, Caller::Anonymous][usize::from(b >> 2) % 3];
        let remote = NetAddress::new(format!("192.0.2.{}:1", source.host[0])).expect("an address");
        let path = PathFacts { kind: "fuzz", reliable, mtu_bytes: 65_536, remote };
        let (now, cast) = (self.now.instant, self.cast);
        let deadline = now + HANDSHAKE_TIMEOUT;
        let order = |ticket| Order { peer: cast.bob.local(), counter: 1, tag: Tag(1), deadline, ticket };
        let outbound = match who {
            Caller::Member => {
                Outbound::start(now, &order(None), &path, (&cast.ann, &cast.members), &mut self.rng)
            }
            Caller::Newcomer => {
                let ticket = Some((TICKET, Psk::from_bytes([8; 32])));
                Outbound::start(now, &order(ticket), &path, (&cast.newcomer, &cast.known), &mut self.rng)
            }
            Caller::Anonymous => {
                let bob = cast.bob.local();
                let config = CallerConfig {
                    responder_identity: &bob.identity,
                    responder_static: &bob.device,
                    door: &Door::from_bytes(ANONYMOUS_DOOR),
                    capabilities: Capabilities::BOTH_AEADS,
                    limits: LIMITS,
                    tag: Tag(1),
                };
                Outbound::call(now, &config, (&path, deadline), &mut self.rng)
            }
        };
        let mut outbound = outbound.expect("the keys are sound");
        let flight = flight(&mut outbound);
        let inbound = Inbound::new(&path, deadline);
        Knock {
            who,
            source,
            reliable,
            deadline,
            inbound,
            outbound,
            flight,
            changed: false,
            heard: 0,
            said: 0,
            proven: false,
            challenges: 0,
        }
    }

    /// The next packet of one of them arrives, perhaps changed on the way, perhaps while the budget is spent.
    fn deliver(&mut self, a: u8, b: u8) {
        if self.knocks.is_empty() {
            return;
        }
        let place = usize::from(a) % self.knocks.len();
        let defer = b == 255;
        self.admittance.demand = self.admittance.demand.clone().deferring(defer);
        let knock = &mut self.knocks[place];
        let Some(mut packet) = (!knock.flight.is_empty()).then(|| knock.flight.remove(0)) else {
            return self.fail(place, &HandshakeCause::TimedOut);
        };
        let is_honest = knock.source.host == [HONEST; 16];
        let is_changed = b & 1 == 1 && b < 128 && !is_honest;
        if is_changed {
            let at = usize::from(b) * packet.len() / 128;
            packet[at] ^= 1 + b;
        }
        knock.changed |= is_changed;
        knock.heard += packet.len();
        let level = self.admittance.demand.level();
        let step = knock.inbound.handle_packet(self.now, &packet, (&self.cast.bob, &self.admittance));
        assert!(knock.inbound.poll_transmit().is_none(), "nothing is sent before it is allowed");
        match step {
            Step::Wait => {}
            Step::Later => {
                assert!(defer);
                knock.flight.insert(0, packet);
            }
            Step::Challenge => {
                assert!(level.challenge(knock.reliable).is_some(), "challenged without a reason");
                self.challenge(place, &packet);
            }
            Step::Proven(proof) => {
                let is_first = packet[0] != Kind::KeyShare.byte();
                assert!(!is_changed && !(defer && is_first));
                knock.proven = true;
                let peer = match knock.who {
                    Caller::Member => self.cast.ann.local(),
                    Caller::Newcomer => self.cast.newcomer.local(),
                    Caller::Anonymous => panic!("without a name, and proven"),
                };
                assert_eq!(proof.peer(), peer);
                assert_eq!(proof.ticket.is_some(), knock.who == Caller::Newcomer);
                self.answer(place, false);
            }
            Step::Called => {
                assert!(!is_changed && !defer && knock.who == Caller::Anonymous);
                assert!(level.admits_strangers(), "only members are let in now");
                knock.proven = true;
                self.answer(place, true);
            }
            Step::Failed(cause) => {
                let has_reason = knock.changed
                    || self.now.instant >= knock.deadline
                    || !level.admits_strangers() && knock.who != Caller::Member;
                assert!(has_reason);
                self.fail(place, &cause);
            }
            other => panic!("not of an inbound handshake: {other:?}"),
        }
    }

    fn challenge(&mut self, place: usize, first: &[u8]) {
        let knock = &mut self.knocks[place];
        let demand = &self.admittance.demand;
        knock.inbound.challenge(first, &self.cast.bob, demand, &mut self.rng).expect("it was asked for");
        let challenge = knock.inbound.poll_transmit().expect("a challenge").to_vec();
        assert!(challenge.len() <= first.len(), "an amplifier");
        knock.said += challenge.len();
        knock.challenges += 1;
        self.guard.challenged();
        self.counts[3] += 1;
        let bits = demand.level().challenge(knock.reliable).unwrap_or(0);
        // What is harder takes longer than an input should.
        if bits <= MIN_PUZZLE_BITS
            && matches!(knock.outbound.handle_packet(self.now.instant, &challenge), Step::Wait)
        {
            knock.flight.extend(flight(&mut knock.outbound));
        }
    }

    fn answer(&mut self, place: usize, call: bool) {
        let mut knock = self.knocks.swap_remove(place);
        let cast = self.cast;
        let made = if call {
            knock.inbound.answer_call(Tag(2), LIMITS, &cast.bob, &mut self.rng).map(|it| it.transcript)
        } else {
            let admission = Admission { session: SessionId(1), tag: Tag(2) };
            knock.inbound.answer(&admission, &cast.bob, &mut self.rng).map(|it| it.transcript)
        };
        let theirs = made.expect("it is proven");
        let reply = knock.inbound.poll_transmit().expect("an answer").to_vec();
        knock.said += reply.len();
        assert!(knock.said <= knock.heard, "an amplifier: {} for {}", knock.said, knock.heard);
        let ours = match knock.outbound.handle_packet(self.now.instant, &reply) {
            Step::Established(it) => it.transcript,
            Step::CallEstablished(it) => it.transcript,
            other => return assert!(matches!(other, Step::Failed(HandshakeCause::TimedOut)), "{other:?}"),
        };
        assert_eq!(ours, theirs);
    }

    fn fail(&mut self, place: usize, cause: &HandshakeCause) {
        let knock = self.knocks.swap_remove(place);
        assert!(!knock.proven);
        assert!(knock.said <= knock.heard, "an amplifier");
        if knock.reliable {
            let penalty = self.guard.refused(self.now.instant, &knock.source, cause);
            assert!(penalty.is_none() || Offence::of(cause).is_some(), "for {cause:?}");
            self.punished(&knock.source, penalty);
        }
    }

    fn punished(&mut self, source: &Source, penalty: Option<Duration>) {
        let Some(penalty) = penalty else { return };
        assert!(source.host != [HONEST; 16], "an honest source is punished");
        assert!((PENALTY_BASE..=PENALTY_CAP).contains(&penalty));
        let (until, count) = self.penalties.entry(source.host).or_insert((self.now.instant, 0));
        *until = self.now.instant + penalty;
        *count += 1;
    }

    fn check(&mut self) {
        let report = self.guard.report(self.now.instant);
        let [deferred, penalized, too_often, challenges] = self.counts;
        assert_eq!((report.deferred, report.challenges), (deferred, challenges));
        assert_eq!((report.refused.penalized, report.refused.too_often), (penalized, too_often));
        assert_eq!(report.penalties, self.penalties.values().map(|(_, count)| u64::from(*count)).sum());
        let held = self.penalties.values().filter(|(until, _)| self.now.instant < *until).count();
        assert_eq!(report.penalized, held);
        assert_eq!(self.guard.poll_timeout().is_some(), report.level != Level::Calm);
        if let Some(LevelChange { from, to }) = self.guard.level_change() {
            assert!(from == self.level && (to == from.above() || to < from));
            self.level = to;
        }
    }

    /// When nothing happens any more, what is asked falls to nothing, in a bounded time.
    fn calm_down(&mut self) {
        let mut now = self.now.instant;
        self.guard.crowd(now, 0, 1);
        let until = now + 20 * FALL_INTERVAL;
        while let Some(next) = self.guard.poll_timeout() {
            assert!(next <= until, "it does not calm down");
            now = now.max(next);
            self.guard.handle_timeout(now);
        }
        assert_eq!(self.guard.report(now).level, Level::Calm);
    }
}

fn flight(outbound: &mut Outbound) -> Vec<Vec<u8>> {
    while outbound.is_working() {
        outbound.work();
    }
    std::iter::from_fn(|| outbound.poll_transmit().map(<[u8]>::to_vec)).collect()
}
