"""Actors of a running node (PROTOCOL.md §13), asked by a client that has none."""

import unittest

import cbor2

from actors import NEWS, SELF_DESCRIBING, Actors, Kind, Reason, Refused, Service
from handshake import Offer
from host import Host
from records import CloseReason
from session import Session

ECHO = "echo"
ANYTHING = {"text": "good morning", "numbers": [1, -2, 3.5], "nothing": None, "yes": True}
NO_TAG = 0xFFFF_FFFE


class Services(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Host())

    def setUp(self):
        device, _ = self.host.newcomer()
        self.session = self.enterContext(Session.dial(device, self.host.card, Offer(1)))
        self.actors = Actors(self.session)

    def test_the_node_says_hello(self):
        hello = self.actors.hear()
        self.assertEqual((hello.lane, hello.kind, hello.fields.u8()), (NEWS, Kind.HELLO, 1))
        self.assertGreater(hello.fields.u32(), 0)
        done = self.actors.hear()
        self.assertEqual((done.lane, done.kind, done.fields.left), (NEWS, Kind.HOLDS_DONE, 0))

    def test_services_are_listed(self):
        self.assertEqual(self.actors.services(), [Service(ECHO, "conclave.echo/1", SELF_DESCRIBING)])

    def test_echo_answers(self):
        echo = self.actors.look_up(ECHO)
        self.assertEqual((echo.schema, echo.format), ("conclave.echo/1", SELF_DESCRIBING))
        # On as many lanes as there are.
        for number in range(8):
            self.assertEqual(self.actors.ask(echo, [number, ANYTHING]), [number, ANYTHING])
        self.actors.release(echo)

    def test_the_node_grants_credit(self):
        """§13.5: several times as much as the window holds."""
        echo = self.actors.look_up(ECHO)
        text = "all work and no play " * 5_000
        for _ in range(4 * echo.limit // len(text)):
            self.assertEqual(self.actors.ask(echo, text), text)

    def test_a_message_is_confirmed(self):
        echo = self.actors.look_up(ECHO)
        confirmation, reply = self.actors.send(echo.tag, cbor2.dumps({"body": 1, "reply": 0}), confirm=True)
        heard = {}
        while len(heard) < 2:
            envelope = self.actors.hear_of(Kind.CONFIRMED, Kind.REPLY)
            heard[envelope.kind] = envelope.fields.u32()
        self.assertEqual(heard, {Kind.CONFIRMED: confirmation, Kind.REPLY: reply})

    def test_an_unknown_service_is_refused(self):
        with self.assertRaises(Refused) as caught:
            self.actors.look_up("nobody")
        self.assertEqual(caught.exception.reason, Reason.NO_SUCH_SERVICE)

    def test_a_body_that_cannot_be_read_is_refused(self):
        echo = self.actors.look_up(ECHO)
        _, reply = self.actors.send(echo.tag, b"\xff")
        with self.assertRaises(Refused) as caught:
            self.actors.answer(reply, Kind.REPLY)
        self.assertEqual(caught.exception.reason, Reason.UNREADABLE)
        self.assertEqual(self.actors.ask(echo, "and now?"), "and now?")

    def test_a_message_to_nobody_ends_its_tag(self):
        confirmation, reply = self.actors.send(NO_TAG, b"", confirm=True)
        refused, ended = set(), None
        while len(refused) < 2 or ended is None:
            heard = self.actors.hear_of(Kind.REFUSAL, Kind.ENDED)
            number, reason = heard.fields.u32(), heard.fields.u8()
            if heard.kind == Kind.ENDED:
                ended = number, reason
            else:
                refused.add((number, reason))
        gone = Reason.ACTOR_ENDED + Reason.ENDED_EXPIRED_OR_UNKNOWN
        self.assertEqual(refused, {(confirmation, gone), (reply, gone)})
        self.assertEqual(ended, (NO_TAG, Reason.ENDED_EXPIRED_OR_UNKNOWN))

    def test_what_is_no_envelope_is_a_violation(self):
        self.actors.say(NEWS, 0x7F)
        self.session.until(lambda: self.session.close_reason is not None)
        self.assertEqual(self.session.close_reason, CloseReason.VIOLATION)


if __name__ == "__main__":
    unittest.main()
