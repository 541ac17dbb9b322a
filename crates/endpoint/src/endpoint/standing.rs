//! Who may be spoken with, and what follows when that changes.

use std::sync::Arc;

use crate::seam::CloseReason;

use super::Endpoint;
use crate::cause::{Cause, EndCause, HandshakeCause};
use crate::error::ConnectError;
use crate::id::{PeerId, Target};
use crate::now::Now;
use crate::peer::{Contact, Peer};
use crate::seam::{Address, IdentityKey, Members, Standing, UnixSeconds};

impl Endpoint {
    /// Puts the members in place of those before. Whoever is no longer among them, or is with other devices, is told
    /// so on a live session and gets silence afterwards; those who wait for them get [`ConnectError::Removed`].
    pub fn set_members(&mut self, now: Now, members: Arc<Members>) {
        self.members = members;
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for id in peers {
            match self.standing(&id, now.date) {
                Standing::Current => {}
                Standing::Expired => {
                    self.part(now, id, EndCause::Expired, ConnectError::ExpiredRecord, CloseReason::Removed);
                }
                Standing::UnknownDevice | Standing::Stranger => {
                    self.part(now, id, EndCause::Removed, ConnectError::Removed, CloseReason::Removed);
                    self.peers.remove(&id);
                }
            }
        }
    }

    /// Ends everything there is with a peer.
    pub(super) fn part(
        &mut self,
        now: Now,
        id: PeerId,
        cause: EndCause,
        error: ConnectError,
        word: CloseReason,
    ) {
        self.drop_unconfirmed(&id);
        self.abandon_dial(now, &id);
        if let Some(session) = self.session_with(&id) {
            self.end_session(now, session, cause, Some(word));
        }
        self.resolve(&id, Err(error));
    }

    pub(super) fn standing(&self, peer: &PeerId, date: UnixSeconds) -> Standing {
        self.members.standing(&peer.identity, &peer.device, date)
    }

    /// Whether a proven first packet of the peer may be answered.
    pub(super) fn welcome(&self, peer: &PeerId, date: UnixSeconds) -> Result<(), HandshakeCause> {
        match self.standing(peer, date) {
            Standing::Current => Ok(()),
            Standing::Expired => Err(HandshakeCause::Expired(peer.identity)),
            Standing::UnknownDevice => Err(HandshakeCause::UnknownDevice(peer.identity)),
            Standing::Stranger => Err(HandshakeCause::NotAMember(peer.identity)),
        }
    }

    /// The device to connect to.
    pub(super) fn choose(&self, target: Target, date: UnixSeconds) -> Result<PeerId, ConnectError> {
        match target {
            Target::Device(peer) if peer == self.local => Err(ConnectError::SelfDial),
            Target::Device(peer) => match self.standing(&peer, date) {
                Standing::Current => Ok(peer),
                Standing::Expired => Err(ConnectError::ExpiredRecord),
                Standing::UnknownDevice => Err(ConnectError::UnknownDevice),
                Standing::Stranger => Err(ConnectError::UnknownMember),
            },
            Target::Member(identity) => self.choose_device(identity, date),
        }
    }

    fn choose_device(&self, identity: IdentityKey, date: UnixSeconds) -> Result<PeerId, ConnectError> {
        let member = self.members.get(&identity).ok_or(ConnectError::UnknownMember)?;
        let devices =
            member.records.iter().map(|record| (PeerId { identity, device: record.static_key }, record));
        let mut usable = devices.filter(|(id, _)| self.standing(id, date) == Standing::Current).peekable();
        if usable.peek().is_none() {
            return Err(ConnectError::ExpiredRecord);
        }
        let others = usable.filter(|(id, _)| *id != self.local);
        let best = others.min_by_key(|(id, record)| (self.rank(id), std::cmp::Reverse(record.expires)));
        best.map(|(id, _)| id).ok_or(ConnectError::SelfDial)
    }

    /// How far a device is from a session: there is one, they knock, we dial, or how often that failed in a row.
    fn rank(&self, id: &PeerId) -> u32 {
        match self.peers.get(id) {
            Some(Peer { contact: Contact::Live(_), .. }) => 0,
            Some(Peer { contact: Contact::Dialing(_), .. }) => 1,
            Some(Peer { unconfirmed: Some(_), .. }) => 2,
            Some(peer) => peer.backoff.failures.saturating_add(3),
            None => 3,
        }
    }

    /// Where to dial a peer: where it answered last comes first.
    pub(super) fn addresses(&self, id: &PeerId) -> Vec<Address> {
        let known =
            self.members.get(&id.identity).map(|member| member.addresses.as_slice()).unwrap_or_default();
        let good = self.peers.get(id).and_then(|peer| peer.good_address.as_ref());
        let first = good.filter(|good| known.contains(good));
        let rest = known.iter().filter(|address| Some(*address) != first);
        first.into_iter().chain(rest).take(self.config.max_addresses).cloned().collect()
    }

    /// Notes a cause against a peer we know.
    pub(super) fn note(&mut self, now: Now, id: &PeerId, cause: Cause) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.journal.note(now.date, cause, crate::config::MAX_CAUSES);
        }
    }

    /// Notes a cause against nobody in particular.
    pub(super) fn note_stranger(&mut self, now: Now, cause: Cause) {
        self.strangers.note(now.date, cause, crate::config::MAX_STRANGER_CAUSES);
    }
}
