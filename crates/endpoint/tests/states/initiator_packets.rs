//! The packets that come to an initiator.

use super::{Event, Initiator, SEALED};
use crate::scene::*;

impl Initiator {
    /// Bob's answer to what was asked, or to somebody else.
    pub(super) fn reply(&mut self) -> Vec<u8> {
        if self.flight.is_empty() || self.bob.plane.is_some() {
            return self.foreign_reply();
        }
        self.bob.answer(&self.flight)
    }

    pub(super) fn foreign_reply(&self) -> Vec<u8> {
        let flight = self.scene.packets(&Flight { seed: 70, ..Flight::OF_ANN });
        Counterpart::new(&self.scene).answer(&flight)
    }

    pub(super) fn challenge(&self) -> Vec<u8> {
        let Some(first) = self.flight.first() else { return self.foreign_challenge() };
        Counterpart::challenge(&self.scene, first)
    }

    pub(super) fn foreign_challenge(&self) -> Vec<u8> {
        let flight = self.scene.packets(&Flight { seed: 70, ..Flight::OF_ANN });
        Counterpart::challenge(&self.scene, &flight[0])
    }

    pub(super) fn sealed(&mut self, which: Event) -> Vec<u8> {
        let own = match (which, &mut self.bob.plane) {
            (Event::SealedForeign, _) => None,
            (Event::SealedAgain, _) => self.came.clone(),
            (_, Some(bob)) if self.session.is_some() && !self.bob_left => {
                if self.pending.is_none() {
                    bob.send(1, 8);
                    self.pending = bob.transmit().into_iter().next();
                }
                self.pending.clone()
            }
            _ => None,
        };
        own.unwrap_or_else(|| self.scene.foreign_sealed().swap_remove(0))
    }

    pub(super) fn packet(&mut self, event: Event) -> Option<Vec<u8>> {
        let flight = || self.scene.packets(&Flight::OF_ANN);
        Some(match event {
            Event::Reply => self.reply(),
            Event::ReplyForged => flipped(&self.foreign_or_own()),
            Event::ReplyForeign => self.foreign_reply(),
            Event::ReplyShort => short(&self.foreign_or_own()),
            Event::ReplyLong => long(&self.foreign_or_own()),
            Event::Challenge => self.challenge(),
            Event::ChallengeForged => flipped(&self.challenge()),
            Event::ChallengeForeign => self.foreign_challenge(),
            Event::ChallengeShort => short(&self.challenge()),
            Event::ChallengeLong => long(&self.challenge()),
            Event::First => flight().swap_remove(0),
            Event::KeyShare => flight().swap_remove(1),
            Event::CookiedBack => [vec![5], vec![0; 364]].concat(),
            Event::Unknown => [vec![0x0f], vec![0; 300]].concat(),
            Event::Empty => Vec::new(),
            Event::Sealed | Event::SealedAgain | Event::SealedForeign => self.sealed(event),
            Event::SealedForged => {
                let mut packet = self.sealed(event);
                *packet.last_mut().unwrap() ^= 1;
                packet
            }
            Event::SealedShort => vec![SEALED],
            _ => return None,
        })
    }

    /// A right answer that Bob forgets to have given, so that he can give it again.
    pub(super) fn foreign_or_own(&mut self) -> Vec<u8> {
        if self.flight.is_empty() || self.bob.plane.is_some() {
            return self.foreign_reply();
        }
        Counterpart::new(&self.scene).answer(&self.flight)
    }
}
