//! What is asked of those who are not in a session yet.

/// The fewest bits of a puzzle: a few milliseconds of the caller's.
pub const MIN_PUZZLE_BITS: u8 = 10;
/// The most bits that this node asks for: well below a second of an ordinary caller's, and far below the deadline of a
/// handshake for a slow one.
pub const MAX_PUZZLE_BITS: u8 = 18;
/// From one difficulty to the next: four times the work.
pub const PUZZLE_STEP_BITS: u8 = 2;

/// What a first packet must show before a Diffie-Hellman is spent on it, beside the door, which it must always show.
///
/// ```text
///            rise (pressure), one step at a time, RISE_INTERVAL apart
///   Calm ──> Cookies ──> Puzzles { 10 } ──> .. { 12 } ──> .. ──> .. { 18 } ──> MembersOnly
///     <──        <──              <──            <──  ..  <──           <──
///            fall (no pressure for FALL_INTERVAL), one step at a time, FALL_INTERVAL apart
/// ```
/// Sessions that there are, and dials of this node's own, are served alike at every level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Level {
    /// Nothing.
    #[default]
    Calm,
    /// On a path whose source address can be forged: that the sender receives at its address. On a reliable path its
    /// making has shown that.
    Cookies,
    /// That, and on every path that the sender has worked for it.
    Puzzles {
        /// How much: each bit doubles it.
        bits: u8,
    },
    /// The hardest puzzle; and whoever comes with a ticket, or without a name, is not let in at all.
    MembersOnly,
}

impl Level {
    /// The next one up; `MembersOnly` is the last.
    #[must_use]
    pub fn above(self) -> Self {
        match self {
            Self::Calm => Self::Cookies,
            Self::Cookies => Self::Puzzles { bits: MIN_PUZZLE_BITS },
            Self::Puzzles { bits } if bits.saturating_add(PUZZLE_STEP_BITS) <= MAX_PUZZLE_BITS => {
                Self::Puzzles { bits: bits + PUZZLE_STEP_BITS }
            }
            Self::Puzzles { .. } | Self::MembersOnly => Self::MembersOnly,
        }
    }

    /// The next one down; `Calm` is the last.
    #[must_use]
    pub fn below(self) -> Self {
        match self {
            Self::MembersOnly => Self::Puzzles { bits: MAX_PUZZLE_BITS },
            Self::Puzzles { bits } if bits >= MIN_PUZZLE_BITS + PUZZLE_STEP_BITS => {
                Self::Puzzles { bits: bits - PUZZLE_STEP_BITS }
            }
            Self::Puzzles { .. } => Self::Cookies,
            Self::Cookies | Self::Calm => Self::Calm,
        }
    }

    /// Whether somebody who is not a member yet may come in: by a ticket, or anonymously.
    #[must_use]
    pub fn admits_strangers(self) -> bool {
        self != Self::MembersOnly
    }

    /// What a first packet on such a path is challenged with, if at all: the bits of a puzzle, zero for a cookie alone.
    #[must_use]
    pub fn challenge(self, reliable: bool) -> Option<u8> {
        match self {
            Self::Calm => None,
            Self::Cookies => (!reliable).then_some(0),
            Self::Puzzles { bits } => Some(bits),
            Self::MembersOnly => Some(MAX_PUZZLE_BITS),
        }
    }
}
