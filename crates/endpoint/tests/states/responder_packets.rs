//! The packets that come to a responder.

use endpoint::*;
use x3dh_handshake::{Suite, TicketId};

use super::{Event, Responder, SEALED};
use crate::scene::*;

impl Responder {
    /// The far end is another, since its first packet was the one that counts.
    pub(super) fn come_as(&mut self, flight: &Flight) {
        self.dialer = self.scene.start(flight);
        self.flight = transmit(&mut self.dialer);
        self.who = flight.from;
    }

    pub(super) fn sealed(&mut self, which: Event) -> Vec<u8> {
        let own = match (which, &mut self.dialer_plane) {
            (Event::SealedForeign, _) => None,
            (Event::SealedAgain, _) => self.came.clone(),
            (_, None) => None,
            (_, Some(dialer)) => {
                if self.pending.is_none() {
                    if self.came.is_some() {
                        dialer.send(1, 8);
                    }
                    self.pending = Some(dialer.transmit().swap_remove(0));
                }
                self.pending.clone()
            }
        };
        own.unwrap_or_else(|| self.scene.foreign_sealed().swap_remove(0))
    }

    pub(super) fn farewell(&mut self) -> Vec<Vec<u8>> {
        let Some(mut dialer) = self.dialer_plane.take() else { return self.scene.foreign_sealed() };
        dialer.close(CloseReason::Application);
        dialer.transmit()
    }

    /// The packet of an event that is one.
    pub(super) fn packet(&mut self, event: Event) -> Option<Vec<u8>> {
        let scene = &self.scene;
        let first = |flight: Flight| scene.packets(&flight).swap_remove(0);
        let ann = || first(Flight::OF_ANN);
        // By the challenge of this very path, if there was one.
        let challenged = self.challenged.clone();
        let cookied = || {
            let mut dialer = scene.start(&Flight::OF_ANN);
            let first = transmit(&mut dialer).swap_remove(0);
            let challenge = challenged.clone().unwrap_or_else(|| Counterpart::challenge(scene, &first));
            assert!(matches!(dialer.handle_packet(scene.now.instant, &challenge), Step::Wait));
            while dialer.is_working() {
                dialer.work();
            }
            transmit(&mut dialer).swap_remove(0)
        };
        Some(match event {
            Event::First | Event::FirstUnderLoad | Event::FirstPutOff => ann(),
            Event::FirstByTicket => first(Flight::OF_CAROL),
            Event::FirstWithoutDoor => flipped(&ann()),
            Event::FirstUnproven => {
                let mut first = ann();
                let at = first.len() - 60;
                first[at] ^= 1;
                behind_the_door(&first, &self.keys.responder.door)
            }
            Event::FirstOfStranger => first(Flight { from: DAVE, ..Flight::OF_ANN }),
            Event::FirstByClosedTicket => {
                first(Flight { from: DAVE, ticket: Some(TicketId([8; 16])), ..Flight::OF_ANN })
            }
            Event::FirstOfSuite => first(Flight { suite: Suite::X3dh, ..Flight::OF_ANN }),
            Event::FirstShort => short(&ann()),
            Event::FirstLong => long(&ann()),
            Event::KeyShare | Event::KeyShareCounter | Event::KeyShareOurs | Event::KeyShareCipher => {
                self.flight[1].clone()
            }
            Event::KeyShareForged => flipped(&self.flight[1]),
            Event::KeyShareForeign => scene.packets(&Flight { seed: 77, ..Flight::OF_ANN }).swap_remove(1),
            Event::KeyShareShort => short(&self.flight[1]),
            Event::KeyShareLong => long(&self.flight[1]),
            Event::Cookied => cookied(),
            Event::CookiedForged => {
                let mut packet = cookied();
                packet[5] ^= 1;
                packet
            }
            Event::CookiedShort => short(&cookied()),
            Event::CookiedLong => long(&cookied()),
            Event::Reply => Counterpart::new(scene).answer(&self.scene.packets(&Flight::OF_ANN)),
            Event::Challenge => Counterpart::challenge(scene, &ann()),
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
}
