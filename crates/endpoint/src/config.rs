//! Every deadline and every bound of the control plane. Specified in section 10 of `docs/PROTOCOL.md`.

use std::time::Duration;

use crate::guard::Rate;

/// From the start of a dial, or from the acceptance of a path, to the end of its handshake, whatever happens between.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one handshake of ours is alone. After that another open path to the peer, or a first packet of theirs,
/// takes its place.
pub const HANDSHAKE_TURN: Duration = Duration::from_secs(1);
/// How long the last handshake of ours that can be tried stays unanswered before it is begun anew on another path to the
/// same address; doubles each time. Whoever had not heard of us when the first packet came keeps silent to it for good.
pub const HANDSHAKE_RETRY: Duration = Duration::from_secs(2);
/// How long a dial of ours holds back its first packet for a peer that has just sent us one.
pub const CONFIRMATION_GRACE: Duration = Duration::from_secs(1);
/// Between two addresses of one dial.
pub const DIAL_STAGGER: Duration = Duration::from_millis(250);
/// Between two dials to one peer, however urgent.
pub const MIN_DIAL_INTERVAL: Duration = Duration::from_secs(1);
/// The delay after the first failure in a row; it doubles with each further one.
pub const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// The longest delay between two dials.
pub const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// Without authenticated use for so long, the responder closes.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Without authenticated use for so long, the initiator closes: longer, as the responder prefers to.
pub const INITIATOR_IDLE_TIMEOUT: Duration = Duration::from_secs(25);
/// Before the first repetition of a handshake packet on an unreliable path; doubles each time.
pub const REPEAT_BASE: Duration = Duration::from_millis(500);
/// Handshakes of strangers held at once.
pub const MAX_INBOUND_HANDSHAKES: usize = 1_024;
/// Sessions held at once that their initiator has not confirmed. One at most for each initiator's key.
pub const MAX_UNCONFIRMED_SESSIONS: usize = 256;
/// Devices of one member that are here at once, of those that dial us.
pub const MAX_DEVICES_PER_MEMBER: usize = 16;
/// Handshakes of one member, with all of its devices, that are answered. An honest one dials once a second at most.
pub const MEMBER_RATE: Rate = Rate::per_second(8, 64);
/// Addresses of one peer that one dial tries.
pub const MAX_ADDRESSES: usize = 8;
/// Callers that wait for a session, in all.
pub const MAX_WAITERS: usize = 65_536;
/// Causes remembered of each peer.
pub const MAX_CAUSES: usize = 16;
/// Causes remembered of strangers together.
pub const MAX_STRANGER_CAUSES: usize = 64;
/// Causes that wait for an owner who wants to know them as they are noted; older ones are passed over.
pub const MAX_NOTED: usize = 256;

/// The deadlines and bounds of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// See [`HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// See [`HANDSHAKE_TURN`].
    pub handshake_turn: Duration,
    /// See [`HANDSHAKE_RETRY`].
    pub handshake_retry: Duration,
    /// See [`CONFIRMATION_GRACE`].
    pub confirmation_grace: Duration,
    /// See [`DIAL_STAGGER`].
    pub dial_stagger: Duration,
    /// See [`MIN_DIAL_INTERVAL`].
    pub min_dial_interval: Duration,
    /// See [`BACKOFF_BASE`].
    pub backoff_base: Duration,
    /// See [`BACKOFF_CAP`].
    pub backoff_cap: Duration,
    /// See [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// See [`INITIATOR_IDLE_TIMEOUT`].
    pub initiator_idle_timeout: Duration,
    /// See [`MAX_INBOUND_HANDSHAKES`].
    pub max_inbound_handshakes: usize,
    /// See [`MAX_UNCONFIRMED_SESSIONS`].
    pub max_unconfirmed_sessions: usize,
    /// See [`MAX_DEVICES_PER_MEMBER`].
    pub max_devices_per_member: usize,
    /// See [`MEMBER_RATE`].
    pub member_rate: Rate,
    /// See [`MAX_ADDRESSES`].
    pub max_addresses: usize,
    /// See [`MAX_WAITERS`].
    pub max_waiters: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handshake_timeout: HANDSHAKE_TIMEOUT,
            handshake_turn: HANDSHAKE_TURN,
            handshake_retry: HANDSHAKE_RETRY,
            confirmation_grace: CONFIRMATION_GRACE,
            dial_stagger: DIAL_STAGGER,
            min_dial_interval: MIN_DIAL_INTERVAL,
            backoff_base: BACKOFF_BASE,
            backoff_cap: BACKOFF_CAP,
            idle_timeout: IDLE_TIMEOUT,
            initiator_idle_timeout: INITIATOR_IDLE_TIMEOUT,
            max_inbound_handshakes: MAX_INBOUND_HANDSHAKES,
            max_unconfirmed_sessions: MAX_UNCONFIRMED_SESSIONS,
            max_devices_per_member: MAX_DEVICES_PER_MEMBER,
            member_rate: MEMBER_RATE,
            max_addresses: MAX_ADDRESSES,
            max_waiters: MAX_WAITERS,
        }
    }
}
