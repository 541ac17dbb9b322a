//! What lies between the hosts: delay, stalls, breaks, damage, short writes; and what a stranger has recorded there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::BytesMut;
use node::Wire;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::member::host;
use crate::replay::STRANGERS;
use crate::trace::Trace;
use crate::world::lock;

/// What a stranger keeps of the beginning of one connection.
const RECORDED_BYTES: usize = 6 * 1024;
/// Connections whose beginnings a stranger keeps.
const RECORDED_CONNECTIONS: usize = 24;

/// Directions that are narrow, before those that are empty are looked for.
const MANY_WAYS: usize = 256;
/// With so many bytes a handshake begins: the key that was drawn for it, or what is sealed with a key that follows from it,
/// is among them.
const OPENING_BYTES: usize = 256;

/// How things are between the hosts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay_micros: u64,
    pub(crate) jitter_micros: u64,
    /// What gets through one direction of a connection in a second; `None` is no limit.
    pub(crate) bytes_per_second: Option<u64>,
    /// Of a million writes.
    pub(crate) stalls: u32,
    pub(crate) breaks: u32,
    pub(crate) damages: u32,
    pub(crate) short_writes: u32,
    /// Of a million dials.
    pub(crate) lost_dials: u32,
}

impl Weather {
    pub(crate) const CALM: Self = Self {
        delay_micros: 2_000,
        jitter_micros: 500,
        bytes_per_second: None,
        stalls: 0,
        breaks: 0,
        damages: 0,
        short_writes: 20_000,
        lost_dials: 0,
    };

    pub(crate) fn any(rng: &mut StdRng) -> Self {
        let delays = [0, 200, 5_000, 40_000, 300_000];
        let widths = [None, None, Some(30_000), Some(200_000), Some(2_000_000)];
        Self {
            delay_micros: delays[rng.random_range(0..delays.len())],
            jitter_micros: delays[rng.random_range(0..delays.len())],
            bytes_per_second: widths[rng.random_range(0..widths.len())],
            stalls: [0, 0, 2_000, 10_000][rng.random_range(0..4)],
            breaks: [0, 0, 500, 5_000][rng.random_range(0..4)],
            damages: [0, 0, 500, 5_000][rng.random_range(0..4)],
            short_writes: [0, 50_000, 400_000][rng.random_range(0..3)],
            lost_dials: [0, 0, 100_000, 500_000][rng.random_range(0..4)],
        }
    }
}

/// What lies between the hosts of one world.
pub(crate) struct Air {
    trace: Trace,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    weather: Weather,
    /// The beginnings of what dialers wrote, oldest first.
    recorded: VecDeque<(SocketAddr, SocketAddr)>,
    beginnings: BTreeMap<(SocketAddr, SocketAddr), Vec<u8>>,
    /// When what was written before is through, in each direction that is narrow.
    through: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    openings: Openings,
    /// When the listener first wrote on a connection.
    answered: BTreeMap<(SocketAddr, SocketAddr), Instant>,
}

/// The beginning of what a dialer wrote.
pub(crate) struct Recorded {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) answered: Option<Instant>,
}

impl Air {
    pub(crate) fn new(trace: Trace, seed: u64) -> Self {
        let (recorded, beginnings) = (VecDeque::new(), BTreeMap::new());
        let (through, openings) = (BTreeMap::new(), Openings::default());
        let rng = StdRng::seed_from_u64(seed);
        let answered = BTreeMap::new();
        let state = State { rng, weather: Weather::CALM, recorded, beginnings, through, openings, answered };
        Self { trace, state: Mutex::new(state) }
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        lock(&self.state).weather = weather;
    }

    /// Whether two handshakes of nodes have begun alike: then they have the same keys.
    pub(crate) fn has_repeated(&self) -> bool {
        lock(&self.state).openings.repeated
    }

    /// What a dialer once wrote first, to whom, and when that was answered first.
    pub(crate) fn recorded(&self, rng: &mut StdRng) -> Option<Recorded> {
        let state = lock(&self.state);
        let which = state.recorded.get(rng.random_range(0..state.recorded.len().max(1)))?;
        let answered = state.answered.get(which).copied();
        state.beginnings.get(which).map(|bytes| Recorded { to: which.1, bytes: bytes.clone(), answered })
    }
}

/// What nodes have written first on each connection, in both directions: no two may be alike.
#[derive(Default)]
struct Openings {
    unfinished: BTreeMap<(SocketAddr, SocketAddr), Vec<u8>>,
    /// Ways whose beginning is complete; each connection has ports of its own.
    complete: BTreeSet<(SocketAddr, SocketAddr)>,
    known: BTreeSet<Vec<u8>>,
    repeated: bool,
}

impl Openings {
    fn note(&mut self, way: (SocketAddr, SocketAddr), bytes: &[u8]) {
        let stranger = host(STRANGERS);
        if way.0.ip() == stranger || way.1.ip() == stranger || self.complete.contains(&way) {
            return;
        }
        let opening = self.unfinished.entry(way).or_default();
        opening.extend(bytes.iter().take(OPENING_BYTES - opening.len()));
        if opening.len() == OPENING_BYTES {
            let opening = self.unfinished.remove(&way).unwrap_or_default();
            self.complete.insert(way);
            self.repeated |= !self.known.insert(opening);
        }
    }
}

impl State {
    fn happens(&mut self, of_a_million: u32) -> bool {
        of_a_million > 0 && self.rng.random_range(0..1_000_000) < of_a_million
    }

    fn delay(&mut self) -> Duration {
        let Weather { delay_micros, jitter_micros, .. } = self.weather;
        Duration::from_micros(delay_micros + self.rng.random_range(0..=jitter_micros))
    }

    /// How long bytes are under way: those before them go first.
    fn takes(&mut self, way: (SocketAddr, SocketAddr), length: usize) -> Duration {
        let delay = self.delay();
        let now = Instant::now();
        let Some(width) = self.weather.bytes_per_second else {
            self.through.remove(&way);
            return delay;
        };
        if self.through.len() >= MANY_WAYS {
            self.through.retain(|_, through| *through > now);
        }
        let micros = u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(1_000_000) / width;
        let through = self.through.entry(way).or_insert(now);
        *through = now.max(*through) + Duration::from_micros(micros);
        *through - now + delay
    }

    fn record(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.openings.note((from, to), bytes);
        // Dialers have ports of their own.
        if from.port() == crate::member::PORT {
            self.answered.entry((to, from)).or_insert_with(Instant::now);
            return;
        }
        if !self.beginnings.contains_key(&(from, to)) {
            if self.recorded.len() == RECORDED_CONNECTIONS
                && let Some(oldest) = self.recorded.pop_front()
            {
                self.beginnings.remove(&oldest);
            }
            self.recorded.push_back((from, to));
        }
        let beginning = self.beginnings.entry((from, to)).or_default();
        let room = RECORDED_BYTES.saturating_sub(beginning.len());
        beginning.extend(bytes.iter().take(room));
    }
}

impl Wire for Air {
    fn dials(&self, from: SocketAddr, to: SocketAddr) -> Option<Duration> {
        let mut state = lock(&self.state);
        let lost = state.weather.lost_dials;
        if state.happens(lost) {
            self.trace.note("fault.lost-dial", format_args!("{from} {to}"));
            return None;
        }
        Some(state.delay() * 2)
    }

    fn carries(&self, from: SocketAddr, to: SocketAddr, bytes: &mut BytesMut) -> Option<Duration> {
        let mut state = lock(&self.state);
        let Weather { stalls, breaks, damages, short_writes, .. } = state.weather;
        if state.happens(short_writes) {
            let length = state.rng.random_range(1..=bytes.len());
            bytes.truncate(length);
            self.trace.count("fault.short-write");
        }
        if state.happens(breaks) {
            self.trace.note("fault.break", format_args!("{from} {to}"));
            return None;
        }
        state.record(from, to, bytes);
        if state.happens(damages) {
            let at = state.rng.random_range(0..bytes.len());
            let bit = state.rng.random_range(0..8);
            bytes[at] ^= 1 << bit;
            self.trace.note("fault.damage", format_args!("{from} {to} at {at}"));
        }
        self.trace.bytes("wire", from, to, bytes);
        let mut delay = state.takes((from, to), bytes.len());
        if state.happens(stalls) {
            delay += Duration::from_millis(state.rng.random_range(500..20_000));
            self.trace.note("fault.stall", format_args!("{from} {to} {delay:?}"));
        }
        Some(delay)
    }
}
