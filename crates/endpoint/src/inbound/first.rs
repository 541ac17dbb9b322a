//! The first packet: what it must show, one step after the other, before anything is spent on it.

use membership::DeviceStanding;
use rand_core::CryptoRng;
use x3dh_handshake::anonymous::{AnonymousKnock, Call};
use x3dh_handshake::cookie::{self, Refused};
use x3dh_handshake::{Accepted, CookieSecret, Error, Kind, Knock, ResponderKeys};

use super::{Inbound, SALT_BYTES, Stage};
use crate::cause::HandshakeCause;
use crate::endpoint::Admittance;
use crate::guard::Demand;
use crate::keys::HandshakeKeys;
use crate::now::Now;
use crate::proof::Proof;
use crate::step::Step;

/// What becomes of a first packet behind a door.
enum Verdict {
    /// More is asked of it.
    Challenge,
    /// Its turn has not come.
    Later,
    Member(Accepted, Box<Proof>),
    Caller(Call),
}

impl Inbound {
    /// The first packet, in the open or behind a cookie.
    pub(super) fn take_first(
        &mut self,
        stage: Stage,
        now: Now,
        packet: &[u8],
        (keys, admittance): (&HandshakeKeys, &Admittance),
    ) -> Step {
        if let Stage::Challenged { key_share_passed: false, bits } = stage
            && packet.first() == Some(&Kind::KeyShare.byte())
        {
            // It comes again behind the cookie. Until then nothing of it is kept.
            self.stage = Stage::Challenged { key_share_passed: self.reliable, bits };
            return Step::Wait;
        }
        let asked = admittance.demand.level().challenge(self.reliable);
        // What was asked on this path still counts if more is asked of others since.
        let (is_challenged, least_bits) = match stage {
            Stage::Challenged { bits, .. } => (true, asked.unwrap_or(0).min(bits)),
            _ => (false, asked.unwrap_or(0)),
        };
        let examined = self.examine(packet, keys, (&admittance.demand, least_bits));
        let verdict = examined.and_then(|(door, has_cookie)| {
            let must_show = is_challenged || asked.is_some();
            match has_cookie || !must_show {
                true if admittance.demand.defer => Ok(Verdict::Later),
                true => door.open(now, keys, admittance),
                false if is_challenged && self.reliable => Err(HandshakeCause::Malformed),
                false => Ok(Verdict::Challenge),
            }
        });
        match verdict {
            Ok(Verdict::Challenge) => {
                self.stage = Stage::Challenged { key_share_passed: false, bits: asked.unwrap_or(0) };
                Step::Challenge
            }
            Ok(Verdict::Later) => {
                self.stage = stage;
                Step::Later
            }
            Ok(Verdict::Member(accepted, proof)) => {
                self.keep(packet);
                self.go_on(accepted, proof)
            }
            Ok(Verdict::Caller(call)) => {
                self.keep(packet);
                self.stage = Stage::Called(call);
                Step::Called
            }
            Err(_) if is_challenged && !self.reliable => {
                self.stage = stage;
                Step::Wait
            }
            Err(cause) => self.fail(cause),
        }
    }

    fn keep(&mut self, first: &[u8]) {
        if !self.reliable {
            self.first = first.to_vec();
        }
    }

    /// What cookies are bound to: the address, and on a reliable path the path.
    fn bound_to(&self) -> Vec<u8> {
        let salt = self.salt.as_ref().map_or(&[][..], |salt| &salt[..]);
        [self.source.as_str().as_bytes(), salt].concat()
    }

    /// What can be told without a Diffie-Hellman: the size, the version, a cookie if there is one, the door, the suite.
    fn examine<'a>(
        &self,
        packet: &'a [u8],
        keys: &'a HandshakeKeys,
        (demand, least_bits): (&Demand, u8),
    ) -> Result<(AtDoor<'a>, bool), HandshakeCause> {
        let (first, has_cookie) = match packet.first().copied().and_then(Kind::from_byte) {
            Some(Kind::First) => (packet, false),
            // Work that was done for another connection, with the same address again.
            Some(Kind::Cookied) if self.reliable && self.salt.is_none() => {
                return Err(HandshakeCause::BadCookie);
            }
            Some(Kind::Cookied) => {
                match cookie::open(packet, demand.secrets.iter(), &self.bound_to(), least_bits) {
                    Ok(first) => (first, true),
                    // Challenged before the difficulty rose, on a path that forgot it, or lazy.
                    Err(Refused::TooLittleWork(first)) => (first, false),
                    Err(Refused::Rejected(_)) => return Err(HandshakeCause::BadCookie),
                }
            }
            _ => return Err(HandshakeCause::Malformed),
        };
        let door = AtDoor::check(&keys.responder, first)?;
        match &door {
            AtDoor::Member(knock) if !keys.suites.contains(&knock.suite()) => Err(HandshakeCause::Suite),
            AtDoor::Caller(_) if !demand.level().admits_strangers() => {
                Err(HandshakeCause::NoPlaceForAnonymous)
            }
            _ => Ok((door, has_cookie)),
        }
    }

    /// Makes the challenge that [`Step::Challenge`] asks for, of the same packet as it came. It is shorter than the packet. Send
    /// it with [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    /// [`HandshakeCause::Local`]: there is nothing to send then.
    pub fn challenge(
        &mut self,
        first: &[u8],
        keys: &HandshakeKeys,
        demand: &Demand,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), HandshakeCause> {
        let Stage::Challenged { bits, .. } = self.stage else { return Err(HandshakeCause::Local) };
        let secret = demand.secrets.first().ok_or(HandshakeCause::Local)?;
        // One that showed too little work stands behind its cookie still.
        let first = match first.first().copied().and_then(Kind::from_byte) {
            Some(Kind::Cookied) => cookie::open(first, demand.secrets.iter(), &self.bound_to(), 0)
                .map_err(|_| HandshakeCause::Local)?,
            _ => first,
        };
        if self.reliable && self.salt.is_none() {
            let mut salt = [0; SALT_BYTES];
            rng.fill_bytes(&mut salt);
            self.salt = Some(salt);
        }
        let door = AtDoor::check(&keys.responder, first)?;
        let challenge = door.challenge(secret, &self.bound_to(), bits, rng);
        self.reply = challenge.map_err(|_| HandshakeCause::Local)?;
        self.unsent = true;
        Ok(())
    }
}

/// A first packet behind one of our doors.
enum AtDoor<'a> {
    Member(Knock<'a>),
    Caller(AnonymousKnock<'a>),
}

impl<'a> AtDoor<'a> {
    /// A packet has one suite, and each suite its doors: only one of the two computes anything.
    fn check(keys: &'a ResponderKeys, first: &'a [u8]) -> Result<Self, HandshakeCause> {
        Knock::check(keys, first)
            .map(Self::Member)
            .or_else(|_| AnonymousKnock::check(keys, first).map(Self::Caller))
            .map_err(|_| HandshakeCause::WrongDoor)
    }

    fn challenge(
        &self,
        secret: &CookieSecret,
        source: &[u8],
        bits: u8,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Self::Member(knock) => knock.challenge(secret, source, bits, rng),
            Self::Caller(knock) => knock.challenge(secret, source, bits, rng),
        }
    }

    fn open(
        self,
        now: Now,
        keys: &HandshakeKeys,
        admittance: &Admittance,
    ) -> Result<Verdict, HandshakeCause> {
        match self {
            Self::Member(knock) => {
                open(now, knock, keys, admittance).map(|(accepted, proof)| Verdict::Member(accepted, proof))
            }
            Self::Caller(knock) => {
                knock.open(&keys.responder).map(Verdict::Caller).map_err(|_| HandshakeCause::WrongDoor)
            }
        }
    }
}

/// Spends no more on a first packet than it has earned: one Diffie-Hellman, then one more for members.
fn open(
    now: Now,
    knock: Knock<'_>,
    keys: &HandshakeKeys,
    admittance: &Admittance,
) -> Result<(Accepted, Box<Proof>), HandshakeCause> {
    let claim = knock.claim(&keys.responder).map_err(|_| HandshakeCause::WrongDoor)?;
    let identity = claim.identity();
    let Admittance { members, tickets, demand } = admittance;
    let standing = members.standing_of_claim(&claim.static_key(), claim.credential(), now.date);
    let may_join = standing == DeviceStanding::Unknown
        && !tickets.is_empty()
        && members.may_join(&claim.static_key(), claim.credential(), now.date);
    if !may_join {
        HandshakeCause::of_standing(standing, identity)?;
    } else if !demand.level().admits_strangers() {
        return Err(HandshakeCause::MembersOnly(identity));
    }
    let proven = claim.prove(&keys.responder).map_err(|_| HandshakeCause::Unproven(identity))?;
    let proof = Box::new(Proof {
        device: proven.static_key(),
        credential: *proven.credential(),
        counter: proven.counter(),
        boot: proven.boot(),
        ticket: proven.ticket(),
    });
    let secret = match proven.ticket() {
        None if may_join => return Err(HandshakeCause::NotAMember(identity)),
        None => None,
        Some(ticket) => {
            let secret = tickets.secret(&ticket, &identity, now.date);
            Some(secret.map_err(|refusal| HandshakeCause::Ticket(identity, refusal))?)
        }
    };
    let accepted = proven.accept(secret).map_err(|_| HandshakeCause::Unproven(identity))?;
    Ok((accepted, proof))
}
