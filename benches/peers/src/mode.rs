//! The modes, how much of each is done, and what each of them finds out.

use std::time::Duration;

/// Large messages.
pub const BULK_MESSAGE_BYTES: usize = 1 << 20;
/// Small ones.
pub const SMALL_MESSAGE_BYTES: usize = 64;

/// Why a system has no growth.
pub const NOT_GROWN: &str = "growth is measured for TCP, TLS and Conclave only";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 1 MiB messages of random bytes, until the receiver says that it has them all.
    Bulk,
    /// 64 bytes there and back, one after the other.
    RoundTrip,
    /// 64-byte messages one way, until the receiver says that it has them all.
    Rate,
    /// Connect, handshake, 64 bytes there and back, close; one after the other.
    Connect,
    /// Memory of two processes per session that does nothing.
    Idle,
    /// All of these between two processes, the same work spread over ever more sessions.
    Growth,
}

impl Mode {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 6] =
        [Self::Bulk, Self::RoundTrip, Self::Rate, Self::Connect, Self::Idle, Self::Growth];

    /// How `--modes` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::RoundTrip => "rtt",
            Self::Rate => "rate",
            Self::Connect => "connect",
            Self::Idle => "idle",
            Self::Growth => "growth",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether each end is a process of its own.
    pub fn apart(self) -> bool {
        matches!(self, Self::Idle | Self::Growth)
    }

    /// How long one turn may take before it is ended and called a failure.
    pub fn deadline(self) -> Duration {
        Duration::from_secs(if self == Self::Growth { 600 } else { 180 })
    }
}

/// How much of each mode.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Of 1 MiB.
    pub bulk_messages: usize,
    /// One after the other.
    pub round_trips: usize,
    /// Of 64 bytes.
    pub rate_messages: usize,
    /// One after the other.
    pub connects: usize,
    /// Held at the same time, where many are.
    pub sessions: usize,
}

impl Load {
    /// What the figures of the documents are made with.
    const FULL: Self = Self {
        bulk_messages: 1024,
        round_trips: 20_000,
        rate_messages: 2_000_000,
        connects: 500,
        sessions: 2_000,
    };
    /// To see that all of it works.
    const QUICK: Self =
        Self { bulk_messages: 64, round_trips: 1_000, rate_messages: 100_000, connects: 20, sessions: 50 };

    /// A little, or all.
    pub fn new(quick: bool) -> Self {
        if quick { Self::QUICK } else { Self::FULL }
    }

    /// How many sessions the turns of a mode hold: in growth, ever more.
    pub fn steps(quick: bool, mode: Mode) -> &'static [usize] {
        match (mode, quick) {
            (Mode::Growth, true) => &[1, 10],
            (Mode::Growth, false) => &[1, 10, 100, 1_000, 10_000],
            (Mode::Idle, true) => &[Self::QUICK.sessions],
            (Mode::Idle, false) => &[Self::FULL.sessions],
            _ => &[1],
        }
    }
}
