//! One session as the control plane sees it: who, since when, by which paths. Its keys are elsewhere.

use std::time::Instant;

use crate::id::{PathId, PeerId};
use x3dh_handshake::{BootId, Credential, Role, Tag, TicketId};

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) role: Role,
    pub(crate) stage: Stage,
    /// The paths that carry it: one in this version. A session without any is lost.
    pub(crate) paths: Vec<PathId>,
    pub(crate) tag: Tag,
    pub(crate) boot: BootId,
    /// The initiator's counter.
    pub(crate) counter: u64,
    /// What the initiator has shown for its device, until the session is confirmed.
    pub(crate) credential: Option<Box<Credential>>,
    /// The ticket by which the initiator comes in, reserved until the session is confirmed.
    pub(crate) ticket: Option<TicketId>,
}

/// ```text
///                 ┌─ confirmed, by a ticket ─> Redeeming ─ redeemed ─┐
///                 │                              │ (as Unconfirmed)  ▼
///   admit ──> Unconfirmed ──── confirmed ────> Live <──── established
///                 │                             │
///                 │ deadline; a later first     │ path lost; idle; closed by either side; the peer confirmed
///                 │ packet of theirs or ours;   │ another; no longer a member; shutdown
///                 │ path lost; disconnect       │
///                 ▼                             ▼
///             (forgotten)                    (ended: PeerDown)
///
///                     Unconfirmed                       Live
///   confirmed         Live; ends the live one, if any   nothing: both ends may report their first packet
///   deadline          forgotten, path closed            asks whether it was used
///   session_used      nothing                           ends it, or sets the next deadline
///   path_lost         forgotten                         ended, the cause is the path's
///   closed_by_peer    forgotten, path closed            ended, the cause is the peer's
///   admit (higher)    forgotten, path closed            goes on; ends when the new one is confirmed
///   our own M1        forgotten, path closed            cannot be: who has a session does not dial
///   set_members       forgotten if they left            ended with a word if they left
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Answered; the initiator has not shown that it has the keys. It may be a replay.
    Unconfirmed { since: Instant },
    /// Confirmed; the ticket by which the initiator comes in is being consumed. Nothing is heard or said meanwhile.
    Redeeming,
    /// Carries traffic.
    Live,
}
