//! How long, how many, how often; and what a run must keep to.

use std::time::Duration;

use node::Limits;

/// Peers that are there at the same time.
pub(crate) const PEERS_AT_ONCE: usize = 6;
/// Identities that come and go. Bounded, and all there before the warm-up is over, since a directory keeps whom it has
/// let in.
pub(crate) const IDENTITIES: u32 = 14;
/// Tasks of the steady node that start operations.
pub(crate) const STEADY_WORKERS: u32 = 5;
/// The same, of each peer.
pub(crate) const PEER_WORKERS: u32 = 2;

/// How fast the steady node's memory may grow, in MiB an hour.
pub(crate) const MAX_SLOPE_MIB_PER_HOUR: f64 = 1.0;
/// A slope over less time than this, after the warm-up, says nothing.
pub(crate) const MIN_JUDGED: Duration = Duration::from_secs(240);
/// And one over fewer points than these.
pub(crate) const MIN_POINTS: usize = 6;
/// What is resident takes some thirteen minutes to come to rest; until then it says nothing of what comes later.
const WARM_UP: Duration = Duration::from_secs(900);
/// From one quiet moment to the next.
const QUIET_INTERVAL: Duration = Duration::from_secs(25);

/// How the allocator of the measured node is set, as glibc has it: what is freed goes back to the system at once. As it
/// comes, it keeps for later several MiB more or less, which would hide anything that grows by less.
pub(crate) const LEAN_ALLOCATOR: [(&str, &str); 4] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "32768"),
    ("MALLOC_TRIM_THRESHOLD_", "0"),
    ("MALLOC_TOP_PAD_", "0"),
];

/// What members may send each other: more than the largest message here, of 16 MiB and its hash.
pub(crate) const MAX_MESSAGE_BYTES: u64 = 17 * 1024 * 1024;

/// How long a question may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// By when an operation must have ended: the deadlines of its steps, and what a busy machine may add to them.
pub(crate) const OPERATION_DEADLINE: Duration = Duration::from_secs(90);
/// The same for a large message.
pub(crate) const TRANSFER_DEADLINE: Duration = Duration::from_secs(150);
/// What a process may take to carry out an order: among others, to let all that it has started end.
pub(crate) const ORDER_DEADLINE: Duration = Duration::from_secs(240);

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How long there is churn.
    pub(crate) length: Duration,
    /// What the order of events follows from.
    pub(crate) seed: u64,
    /// What is before does not count for the slope.
    pub(crate) warm_up: Duration,
    /// From one quiet moment to the next.
    pub(crate) quiet_interval: Duration,
    /// Whether the measured node's allocator is [set](LEAN_ALLOCATOR) to keep nothing that was freed.
    pub(crate) is_lean: bool,
}

impl Plan {
    /// One that is judged for so long, once it is warm.
    pub(crate) fn judged_for(judged: Duration, seed: u64) -> Self {
        Self::of(WARM_UP, WARM_UP + judged, seed)
    }

    /// One of so many seconds in all, too short for the slope of memory.
    pub(crate) fn short(length: Duration, seed: u64) -> Self {
        Self::of(length / 3, length, seed)
    }

    /// One whose slope is judged from `warm_up` to the end.
    pub(crate) fn of(warm_up: Duration, length: Duration, seed: u64) -> Self {
        let quiet_interval = QUIET_INTERVAL.min(length / 2);
        Self { length, seed, warm_up, quiet_interval, is_lean: true }
    }
}

/// The limits of every node: those that forget after an hour do so after seconds here, or a run of minutes would see
/// nothing of it.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.actors.lease = Duration::from_secs(4);
    limits.actors.absence = Duration::from_secs(8);
    limits
}
