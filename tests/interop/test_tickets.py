"""Coming in by a ticket (PROTOCOL.md §3.8, §5.2, §9.6): once, by whoever knows its secret, and then as a member."""

import os
import unittest
from dataclasses import replace

from frames import frame
from handshake import Initiator, Offer
from host import Host
from identity import Card, Device, Identity
from noise_ik import NoiseIkPsk2
from session import Session
from ticket import Ticket
from watch import Watch
from x3dh import X3dh, X3dhHybrid


class Tickets(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Host())

    def redeem(self, ticket: Ticket, device: Device, suite: type[Initiator] = X3dhHybrid) -> None:
        offer = Offer(1, ticket_id=ticket.id)
        with Session.dial(device, ticket.card, offer, suite, ticket.secret) as session:
            session.ping()

    def first(self, ticket: Ticket, device: Device) -> bytes:
        """What somebody sends who tries a ticket."""
        record, offer = ticket.card.records[0], Offer(1, ticket_id=ticket.id)
        return frame(X3dh(device, record, ticket.card.door, offer, psk=ticket.secret).first)

    def test_a_newcomer_is_a_member_from_then_on(self):
        for suite in (X3dh, X3dhHybrid, NoiseIkPsk2):
            with self.subTest(suite):
                device = Device(Identity())
                self.redeem(self.host.invite(), device, suite)
                with Session.dial(device, self.host.card, Offer(2)) as session:
                    session.ping()

    def test_a_ticket_names_the_issuer(self):
        ticket = self.host.invite()
        self.assertEqual((ticket.card, ticket.bound), (self.host.card, None))

    def test_what_does_not_open_is_answered_with_silence(self):
        used, fresh = self.host.invite(), self.host.invite()
        self.redeem(used, Device(Identity()))
        friend = Identity()
        device = Device(friend)
        bound = self.host.invite(Card(os.urandom(32), friend.key, (device.record,)))
        self.assertEqual(bound.bound, friend.key)

        watch = Watch(self.host.card.addresses[0])
        for what, ticket in {
            "it was used": used,
            "it has another secret": replace(fresh, secret=os.urandom(32)),
            "it has another id": replace(fresh, id=os.urandom(16)),
            "it is bound to somebody else": bound,
        }.items():
            self.addCleanup(watch.begin(what, self.first(ticket, Device(Identity()))).close)
        watch.assert_silence(self)

        # And nothing of that has consumed what was not theirs.
        self.redeem(fresh, Device(Identity()))
        self.redeem(bound, device)


if __name__ == "__main__":
    unittest.main()
