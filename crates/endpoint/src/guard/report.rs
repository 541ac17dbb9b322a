//! What the guard tells its operator.

use super::level::Level;
use crate::cause::HandshakeCause;

/// How a node is pressed now, and whom it has refused since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardReport {
    /// What is asked of those who come.
    pub level: Level,
    /// What handshakes of others took of one core lately, in thousandths.
    pub share_permille: u32,
    /// What they may take.
    pub budget_permille: u32,
    /// Who has a place and has shown nothing yet.
    pub strangers: usize,
    /// Sources that are not listened to now.
    pub penalized: usize,
    /// Penalties in all.
    pub penalties: u64,
    /// Challenges sent.
    pub challenges: u64,
    /// First packets that had to wait for the budget.
    pub deferred: u64,
    /// Who was refused, by cause.
    pub refused: Refused,
}

/// How many were refused, by the first thing that was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Refused {
    /// From a source under a penalty: not listened to at all.
    pub penalized: u64,
    /// One path too many of its source.
    pub too_often: u64,
    /// No place was left for its source.
    pub no_place: u64,
    /// No packet of this protocol, or not in its place.
    pub malformed: u64,
    /// Behind another door, or for another key or suite.
    pub wrong_door: u64,
    /// With a cookie or a solution that does not hold.
    pub bad_cookie: u64,
    /// A claim that was not proven.
    pub unproven: u64,
    /// Not a member, no longer one, or one with other devices; with a ticket that is not good.
    pub not_a_member: u64,
    /// One handshake too many of its member.
    pub member_too_often: u64,
    /// No member, while only members are let in; without a name, when there was no place for such callers.
    pub members_only: u64,
    /// A first packet that was seen before.
    pub replayed: u64,
    /// Nothing that could be judged by the deadline, and all else.
    pub other: u64,
}

impl Refused {
    pub(crate) fn count(&mut self, cause: &HandshakeCause) {
        let counter = match cause {
            HandshakeCause::Malformed => &mut self.malformed,
            HandshakeCause::WrongDoor | HandshakeCause::Suite => &mut self.wrong_door,
            HandshakeCause::BadCookie => &mut self.bad_cookie,
            HandshakeCause::Unproven(_) => &mut self.unproven,
            HandshakeCause::NotAMember(_)
            | HandshakeCause::Revoked(_)
            | HandshakeCause::UnknownDevice(_)
            | HandshakeCause::Expired(_)
            | HandshakeCause::TooManyDevices(_)
            | HandshakeCause::Ticket(..) => &mut self.not_a_member,
            HandshakeCause::TooOften(_) => &mut self.member_too_often,
            HandshakeCause::MembersOnly(_) | HandshakeCause::NoPlaceForAnonymous => &mut self.members_only,
            HandshakeCause::Replayed => &mut self.replayed,
            _ => &mut self.other,
        };
        *counter += 1;
    }
}
