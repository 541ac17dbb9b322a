//! One peer as the control plane sees it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::answered::Answered;
use crate::cause::Journal;
use crate::dial::Dial;
use crate::id::{SessionId, WaiterId};
use crate::jitter::Jitter;
use membership::NetAddress;
use x3dh_handshake::{BootId, Credential};

/// One device of a member: what we have with it now, and what we remember.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) contact: Contact,
    /// The session they have asked for and not confirmed: beside whatever contact there is, until it is confirmed.
    pub(crate) unconfirmed: Option<SessionId>,
    /// Who waits for a session. Empty while there is one.
    pub(crate) waiters: BTreeSet<WaiterId>,
    /// What they have shown for their device when we last spoke: it may be newer than what is on the list.
    pub(crate) credential: Option<Box<Credential>>,
    /// The boot id of their process when we last spoke.
    pub(crate) boot: Option<BootId>,
    /// Which first packets of theirs were answered, in this process or, and confirmed, in one before it. So a first
    /// packet is answered once, and a recording of one that was lost on its way cannot be used over and over.
    pub(crate) answered: Answered,
    /// The highest counter that we were given for a handshake with them.
    pub(crate) own_counter: u64,
    /// Where they answered last.
    pub(crate) good_address: Option<NetAddress>,
    pub(crate) backoff: Backoff,
    pub(crate) journal: Journal,
}

/// ```text
///             connect                   answered, and it counts
///   ┌─────> Down ──────────> Dialing ─────────────────────────────┐
///   │        │ │  failed,       │ │                               ▼
///   │        │ └──────<─────────┘ └── confirmed: their dial ───> Live
///   │        │    disconnect, removed                             ▲ │
///   │        └─────────────────────── confirmed ──────────────────┘ │
///   └───────────────────────────────────────────────────────────────┘
///                              the session ended
///
///                   Down                  Dialing                        Live
///   connect           dial                  join the waiters               resolved at once
///   admit             answer                answer, or park if our own     answer beside it
///                                           M1 is in flight and we are
///                                           the smaller
///   established       (cannot be)           Live, unless they wait for     (cannot be)
///                                           us to see theirs confirmed
///   confirmed         Live                  Live, dial abandoned           Live with the new one
///   all attempts fail (cannot be)           Down, waiters told             (cannot be)
///   disconnect        nothing               Down, waiters told             Down
/// ```
#[derive(Debug, Default)]
pub(crate) enum Contact {
    /// Nothing.
    #[default]
    Down,
    /// We are on the way to them.
    Dialing(Box<Dial>),
    /// There is a session.
    Live(SessionId),
}

/// When we may dial again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    /// Dials that failed in a row.
    pub(crate) failures: u32,
    last_start: Option<Instant>,
    delay: Duration,
}

impl Backoff {
    pub(crate) fn started(&mut self, now: Instant) {
        self.last_start = Some(now);
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.delay = Duration::ZERO;
    }

    /// `delay = min(cap, base * 2^(failures - 1)) * (1/2 .. 1)`
    pub(crate) fn failed(&mut self, base: Duration, cap: Duration, jitter: &mut Jitter) {
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        self.delay = jitter.upper_half(base.saturating_mul(1 << doublings).min(cap));
    }

    /// Whether the last dial began less than `interval` ago.
    pub(crate) fn is_recent(&self, now: Instant, interval: Duration) -> bool {
        self.last_start.is_some_and(|last| now < last + interval)
    }

    /// The earliest moment for a dial that somebody waits for now (`shortest` after the last one), or for one that can
    /// wait (the whole delay).
    pub(crate) fn earliest(&self, now: Instant, urgent: bool, shortest: Duration) -> Instant {
        let Some(last) = self.last_start else { return now };
        let delay = if self.failures == 0 {
            Duration::ZERO
        } else if urgent {
            shortest
        } else {
            self.delay.max(shortest)
        };
        now.max(last + delay)
    }
}
