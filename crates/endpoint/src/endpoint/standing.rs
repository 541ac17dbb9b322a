//! Who may be spoken with, and what follows when that changes.

use std::cmp::Reverse;
use std::sync::Arc;

use membership::{DeviceStanding, Members, NetAddress, UnixSeconds};
use x3dh_handshake::{IdentityKey, StaticKey};

use super::Endpoint;
use crate::cause::{Cause, EndCause, HandshakeCause, Noted};
use crate::config::{MAX_CAUSES, MAX_NOTED, MAX_STRANGER_CAUSES};
use crate::error::ConnectError;
use crate::id::{PeerId, Target};
use crate::now::Now;
use crate::peer::{Contact, Peer};
use crate::proof::Proof;
use link::CloseReason;

impl Endpoint {
    /// Puts the members in place of those before. Whoever is no longer among them, or is with other devices, is told
    /// so on a live session and gets silence afterwards; those who wait for them get [`ConnectError::Removed`].
    pub fn set_members(&mut self, now: Now, members: Arc<Members>) {
        self.members = members;
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for id in peers {
            let is_here = self.session_with(&id).is_some();
            if self.comes_by_ticket(&id) && !is_here && self.members.get(&id.identity).is_none() {
                // Not in yet. Whoever was kept out meanwhile is refused when the ticket is about to be consumed.
                continue;
            }
            match self.standing(&id, now.date) {
                DeviceStanding::Member => {}
                DeviceStanding::Expired => {
                    self.part(now, id, EndCause::Expired, ConnectError::ExpiredRecord, CloseReason::Removed);
                }
                _ => {
                    self.part(now, id, EndCause::Removed, ConnectError::Removed, CloseReason::Removed);
                    self.forget_peer(&id);
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
        self.prune(&id);
    }

    /// What the members say about a peer, and about the record that the peer has shown itself.
    pub(super) fn standing(&self, id: &PeerId, date: UnixSeconds) -> DeviceStanding {
        let listed = self.members.standing(&id.identity, &id.device, date);
        let peer = self.peers.get(id);
        let unconfirmed =
            peer.and_then(|peer| peer.unconfirmed).and_then(|session| self.sessions.get(&session));
        let shown = peer.and_then(|peer| peer.credential.as_deref());
        let shown = shown.or_else(|| unconfirmed.and_then(|session| session.credential.as_deref()));
        match (listed, shown) {
            (DeviceStanding::Expired | DeviceStanding::UnknownDevice, Some(credential)) => {
                self.members.standing_of_claim(&id.device, credential, date)
            }
            _ => listed,
        }
    }

    /// Whether a proven first packet may be answered, as far as its sender goes.
    pub(super) fn welcome(&self, proof: &Proof, date: UnixSeconds) -> Result<(), HandshakeCause> {
        let PeerId { identity, device } = proof.peer();
        let standing = self.members.standing_of_claim(&device, &proof.credential, date);
        if proof.ticket.is_none() || !self.members.may_join(&device, &proof.credential, date) {
            HandshakeCause::of_standing(standing, identity)?;
        }
        let busy = |peer: &Peer| peer.unconfirmed.is_some() || !matches!(peer.contact, Contact::Down);
        let others =
            self.devices_of(identity).filter(|(id, peer)| **id != proof.peer() && busy(peer)).count();
        if others >= self.config.max_devices_per_member {
            return Err(HandshakeCause::TooManyDevices(identity));
        }
        Ok(())
    }

    /// What we have with the devices of one identity.
    fn devices_of(&self, identity: IdentityKey) -> impl Iterator<Item = (&PeerId, &Peer)> {
        let first = PeerId { identity, device: StaticKey([0; 32]) };
        let last = PeerId { identity, device: StaticKey([u8::MAX; 32]) };
        self.peers.range(first..=last).map(|(id, peer)| (id, &**peer))
    }

    /// The device to connect to.
    pub(super) fn choose(&self, target: Target, date: UnixSeconds) -> Result<PeerId, ConnectError> {
        match target {
            Target::Device(peer) if peer == self.local => Err(ConnectError::SelfDial),
            Target::Device(peer) => match self.standing(&peer, date) {
                DeviceStanding::Member => Ok(peer),
                DeviceStanding::Expired => Err(ConnectError::ExpiredRecord),
                DeviceStanding::UnknownDevice => Err(ConnectError::UnknownDevice),
                _ => Err(ConnectError::UnknownMember),
            },
            Target::Member(identity) => self.choose_device(identity, date),
        }
    }

    fn choose_device(&self, identity: IdentityKey, date: UnixSeconds) -> Result<PeerId, ConnectError> {
        let member = self.members.get(&identity).ok_or(ConnectError::UnknownMember)?;
        let listed = member.devices().map(|record| {
            (PeerId { identity, device: record.static_key() }, Reverse(Some(record.expires())))
        });
        // A device that has come by itself need not be on the list.
        let here = self.devices_of(identity).map(|(id, _)| (*id, Reverse(None)));
        let mut usable =
            listed.chain(here).filter(|(id, _)| self.standing(id, date) == DeviceStanding::Member).peekable();
        if usable.peek().is_none() {
            // Let in, and has yet to say where and with what it can be met.
            let silent = member.door().is_none() && !member.is_expired(date);
            return Err(if silent { ConnectError::NoAddress } else { ConnectError::ExpiredRecord });
        }
        let others = usable.filter(|(id, _)| *id != self.local);
        let best = others.min_by_key(|(id, newest)| (self.rank(id), *newest));
        best.map(|(id, _)| id).ok_or(ConnectError::SelfDial)
    }

    /// How far a device is from a session: there is one, we dial, they knock, or how often that failed in a row.
    fn rank(&self, id: &PeerId) -> u32 {
        match self.peers.get(id).map(Box::as_ref) {
            Some(Peer { contact: Contact::Live(_), .. }) => 0,
            Some(Peer { contact: Contact::Dialing(_), .. }) => 1,
            Some(Peer { unconfirmed: Some(_), .. }) => 2,
            Some(peer) => peer.backoff.failures.saturating_add(3),
            None => 3,
        }
    }

    /// Where to dial a peer: where it answered last comes first.
    pub(super) fn addresses(&self, id: &PeerId) -> Vec<NetAddress> {
        let known = self.members.get(&id.identity).map(|member| member.addresses()).unwrap_or_default();
        let good = self.peers.get(id).and_then(|peer| peer.good_address.as_ref());
        let first = good.filter(|good| known.contains(good));
        let rest = known.iter().filter(|address| Some(*address) != first);
        first.into_iter().chain(rest).take(self.config.max_addresses).cloned().collect()
    }

    /// Forgets a device that is not on the list once it is gone: a member can sign for any number of them.
    pub(super) fn prune(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        let gone =
            matches!(peer.contact, Contact::Down) && peer.unconfirmed.is_none() && peer.waiters.is_empty();
        let listed = self.members.get(&id.identity).is_some_and(|member| member.device(&id.device).is_some());
        if gone && !listed {
            self.forget_peer(id);
        }
    }

    /// The peer of this name, which may be a new one.
    pub(super) fn meet(&mut self, id: PeerId) -> &mut Peer {
        let departed = &mut self.departed;
        let entry = self.peers.entry(id);
        entry.or_insert_with(|| Box::new(Peer { answered: departed.take(&id), ..Peer::default() }))
    }

    fn forget_peer(&mut self, id: &PeerId) {
        if let Some(peer) = self.peers.remove(id) {
            self.departed.put(*id, peer.answered);
        }
    }

    /// Notes a cause against a peer we know.
    pub(super) fn note(&mut self, now: Now, id: &PeerId, cause: Cause) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.journal.note(now.date, cause.clone(), MAX_CAUSES);
            self.tell_noted(Some(*id), Noted { at: now.date, cause });
        }
    }

    /// Notes a cause against nobody in particular.
    pub(super) fn note_stranger(&mut self, now: Now, cause: Cause) {
        self.strangers.note(now.date, cause.clone(), MAX_STRANGER_CAUSES);
        self.tell_noted(None, Noted { at: now.date, cause });
    }

    fn tell_noted(&mut self, peer: Option<PeerId>, noted: Noted) {
        if self.noted.len() >= MAX_NOTED {
            self.noted.pop_front();
        }
        self.noted.push_back((peer, noted));
    }
}
