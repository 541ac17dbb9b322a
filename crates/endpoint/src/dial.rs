//! One dial: several addresses, one handshake at a time, one outcome.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::cause::DialCause;
use crate::config::Config;
use crate::error::ConnectError;
use crate::id::{AttemptId, PathId};
use crate::proof::Proof;
use membership::NetAddress;
use x3dh_handshake::{BootId, Tag};

/// One dial.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) phase: Phase,
    /// Addresses not tried yet, in order.
    pub(crate) untried: VecDeque<NetAddress>,
    /// When the next of them is due, if the ones before it have not failed earlier.
    pub(crate) next_address_at: Instant,
    pub(crate) attempts: BTreeMap<AttemptId, Attempt>,
    /// How often an address that stayed silent was tried once more.
    pub(crate) retries: u32,
    /// The one handshake of ours that is in flight. At any time at most one first packet of ours is on its way to a
    /// peer, so that the peer never has to choose between two.
    pub(crate) flight: Option<Flight>,
    /// The first packet of theirs that waits for the end of ours.
    pub(crate) parked: Option<Parked>,
    /// The best explanation so far of why it may fail.
    pub(crate) explanation: Option<ConnectError>,
}

/// ```text
///   connect ──> Waiting ── the backoff is over ──> Running ── deadline, or nothing left to try ──> (failed)
///                                                     │
///                        opening ──> open ──> in flight ──> answered ──> (live)
///                                     ▲           │            │ while a session of theirs, answered after our
///                                     └───────────┘            │ first packet left, may still be confirmed
///                              its turn is over and another    └─ confirmed: theirs counts; lost or late: ours
///                              path is open (the same address
///                              is tried once more if nothing
///                              else is left), or they knock
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting { start_at: Instant },
    Running { deadline: Instant },
}

/// One address that is being tried.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) address: NetAddress,
    /// The path, once it is open.
    pub(crate) path: Option<OpenPath>,
}

/// A path of ours whose handshake may begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenPath {
    pub(crate) path: PathId,
    pub(crate) counter: u64,
    pub(crate) tag: Tag,
}

/// A handshake of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) attempt: AttemptId,
    pub(crate) open: OpenPath,
    pub(crate) since: Instant,
    /// Set once they have answered, with their boot id.
    pub(crate) answered: Option<BootId>,
}

/// A proven first packet of theirs that is not answered yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parked {
    pub(crate) path: PathId,
    pub(crate) proof: Proof,
    pub(crate) tag: Tag,
}

/// What a dial can do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing before this moment.
    Wait(Instant),
    /// Begin to try addresses.
    Start,
    /// Try the next address.
    Launch,
    /// Try the address of the handshake in flight once more.
    Retry,
    /// Begin the handshake of this attempt.
    Begin(AttemptId),
    /// The handshake in flight has had its turn.
    GiveUp,
    /// The handshake in flight was answered and counts.
    Succeed,
    /// Answer the first packet of theirs that waits.
    Unpark,
    /// The deadline has passed, or nothing is left to try.
    Fail,
}

impl Dial {
    pub(crate) fn new(start_at: Instant) -> Self {
        Self {
            phase: Phase::Waiting { start_at },
            untried: VecDeque::new(),
            next_address_at: start_at,
            attempts: BTreeMap::new(),
            retries: 0,
            flight: None,
            parked: None,
            explanation: None,
        }
    }

    /// Whether a ticket that we have goes into the next first packet. Not into the first one that is tried once more:
    /// whoever consumed the ticket in a session that was lost before we knew has let us in, and looks for nobody's ticket.
    pub(crate) fn offers_ticket(&self) -> bool {
        self.retries.is_multiple_of(2)
    }

    /// What to do at `now`, when `unconfirmed` is when we answered a first packet of theirs that is not confirmed yet.
    pub(crate) fn next(&self, now: Instant, unconfirmed: Option<Instant>, config: &Config) -> Next {
        let deadline = match self.phase {
            Phase::Waiting { start_at } if now < start_at => return Next::Wait(start_at),
            Phase::Waiting { .. } => return Next::Start,
            Phase::Running { deadline } => deadline,
        };
        if now >= deadline {
            return Next::Fail;
        }
        let mut wake = deadline;
        // They were here a moment ago: give them time to confirm before we go over their head.
        let held_until =
            unconfirmed.map(|since| since + config.confirmation_grace).filter(|until| now < *until);
        match (&self.flight, self.first_open()) {
            (Some(flight), _) if flight.answered.is_some() => match held_until {
                Some(until) => return Next::Wait(wake.min(until)),
                None => return Next::Succeed,
            },
            (Some(flight), other) if other.is_some() || self.parked.is_some() => {
                let turn_ends = flight.since + config.handshake_turn;
                if now >= turn_ends {
                    return Next::GiveUp;
                }
                wake = wake.min(turn_ends);
            }
            (Some(flight), _) if self.untried.is_empty() && self.attempts.len() == 1 => {
                let patience_ends =
                    flight.since + config.handshake_retry.saturating_mul(1 << self.retries.min(16));
                if now >= patience_ends {
                    return Next::Retry;
                }
                wake = wake.min(patience_ends);
            }
            (Some(_), _) => {}
            (None, _) if self.parked.is_some() => return Next::Unpark,
            (None, Some(attempt)) => match held_until {
                Some(until) => wake = wake.min(until),
                None => return Next::Begin(attempt),
            },
            (None, None) => {}
        }
        if !self.untried.is_empty() {
            if now >= self.next_address_at {
                return Next::Launch;
            }
            wake = wake.min(self.next_address_at);
        } else if self.attempts.is_empty() && unconfirmed.is_none() {
            return Next::Fail;
        }
        Next::Wait(wake)
    }

    /// The open path, not in flight, that opened first: their handshakes begin in the order of their counters.
    fn first_open(&self) -> Option<AttemptId> {
        let flying = self.flight.map(|flight| flight.attempt);
        let open =
            self.attempts.iter().filter(|(id, attempt)| attempt.path.is_some() && Some(**id) != flying);
        open.min_by_key(|(_, attempt)| attempt.path.map(|open| open.counter)).map(|(id, _)| *id)
    }

    /// Keeps the explanation that says most: an address that opened and stayed silent says more than one that did not
    /// open.
    pub(crate) fn explain(&mut self, error: ConnectError) {
        let weight = |error: &ConnectError| match error {
            ConnectError::NoAnswer => 5,
            ConnectError::Refused => 4,
            ConnectError::TimedOut => 3,
            ConnectError::Unreachable => 2,
            _ => 1,
        };
        if self.explanation.as_ref().is_none_or(|known| weight(known) < weight(&error)) {
            self.explanation = Some(error);
        }
    }
}

impl From<DialCause> for ConnectError {
    fn from(cause: DialCause) -> Self {
        match cause {
            DialCause::Refused => Self::Refused,
            DialCause::Unreachable => Self::Unreachable,
            DialCause::TimedOut => Self::TimedOut,
            DialCause::BadAddress => Self::BadAddress,
            DialCause::Local => Self::Local,
        }
    }
}
