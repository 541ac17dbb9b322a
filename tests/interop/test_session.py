"""A session with a running node (PROTOCOL.md §5.4, §6, §7, §8): from the first packet to an orderly close."""

import os
import unittest

from connection import Closed
from handshake import AES_256_GCM, CHACHA20_POLY1305, Initiator, Offer, capabilities_of
from host import Host
from noise_ik import NoiseIk
from records import CloseReason, Message, Open, Ping
from session import MESSAGE_COST, NOBODY_RECEIVES, Session
from x3dh import X3dh, X3dhHybrid

ASK = "interop.ask"
ASK_CONFIRMED = "interop.ask.confirmed"
ANSWER = "interop.answer"
HEARD = b"heard: "


class Sessions(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Host())

    def dial(self, suite: type[Initiator] = NoiseIk, **offer) -> Session:
        """A session of somebody new."""
        device, self.card = self.host.newcomer()
        return self.enterContext(Session.dial(device, self.host.card, Offer(counter=1, **offer), suite))

    def assert_closed(self, session: Session, reason: int) -> None:
        session.until(lambda: session.close_reason is not None)
        self.assertEqual(session.close_reason, reason)
        with self.assertRaises(Closed):
            session.until(lambda: False)

    def test_messages_go_both_ways_with_each_cipher(self):
        for aead in (AES_256_GCM, CHACHA20_POLY1305):
            with self.subTest(aead):
                session = self.dial(capabilities=capabilities_of(aead))
                self.assertEqual(session.answer.aead, aead)
                stream = session.open_stream(ASK)
                session.send_message(stream, b"is anybody there?")
                self.assertEqual(session.receive_message(), (ANSWER, HEARD + b"is anybody there?"))

    def test_the_other_suites_do_the_same(self):
        """§5.2, §5.3, and fresh keys with the KEM of the suite."""
        for suite in (X3dh, X3dhHybrid):
            with self.subTest(suite):
                session = self.dial(suite)
                stream = session.open_stream(ASK)
                for _ in range(2):
                    session.send_message(stream, b"is anybody there?")
                    self.assertEqual(session.receive_message(), (ANSWER, HEARD + b"is anybody there?"))
                    session.ask_for_fresh_keys()

    def test_messages_are_acknowledged(self):
        session = self.dial()
        stream = session.open_stream(ASK)
        for number in range(3):
            session.send_message(stream, b"", asks=number == 2)
        session.until(lambda: stream.acknowledged == 3)

    def test_the_node_is_acknowledged(self):
        """It asks for that, waits, and says that it came."""
        session = self.dial()
        session.send_message(session.open_stream(ASK_CONFIRMED), b"are you sure?")
        answers = [session.receive_message(), session.receive_message()]
        self.assertEqual(answers, [(ANSWER, HEARD + b"are you sure?"), (ANSWER, b"confirmed")])

    def test_large_messages_go_in_chunks(self):
        """Raw what cannot be compressed, and compressed what can."""
        for body, compressed in ((os.urandom(250_000), False), (b"all work and no play " * 12_000, True)):
            with self.subTest(compressed):
                session = self.dial()
                stream = session.open_stream(ASK)
                session.send_message(stream, body, asks=True)
                session.end_stream(stream)
                name, answer = session.receive_message()
                self.assertEqual((name, answer == HEARD + body), (ANSWER, True))
                self.assertEqual((stream.acknowledged, session.saw_compression), (1, compressed))

    def test_the_node_waits_for_credit(self):
        """Of a window of 4 KiB three answers have been used up, then each grant lets more come."""
        session = self.dial(session_window=4, stream_window=4)
        session.grants_again = False
        stream = session.open_stream(ASK)
        body = bytes(1_000 - len(HEARD))
        for _ in range(6):
            session.send_message(stream, body)
        session.until(lambda: len(session.messages) == 3)
        with self.assertRaises(TimeoutError):
            session.until(lambda: len(session.messages) > 3, seconds=0.5)
        session.grant(session.incoming_named(ANSWER))
        session.until(lambda: len(session.messages) == 6)

    def test_the_node_grants_credit(self):
        """More than the windows of both ends hold goes through, in one message and in all."""
        session = self.dial()
        stream = session.open_stream(ASK)
        body, sent = bytes(1 << 20), 0
        while sent <= session.answer.session_window * 1_024:
            session.send_message(stream, body)
            sent += len(body)
            self.assertEqual(session.receive_message(), (ANSWER, HEARD + body))

    def test_what_was_granted_is_taken_and_no_byte_more(self):
        """Message 0 is missing, so nothing can be consumed (§8.2) and no credit comes back."""
        session = self.dial()
        stream = session.open_stream(ASK)
        cost = 1 << 15
        count, rest = divmod(stream.credit.limit, cost)
        for number in range(1, 1 + count):
            session.send(Message(stream.stream, number, bytes(cost - MESSAGE_COST)))
        if rest >= MESSAGE_COST:
            session.send(Message(stream.stream, 1 + count, bytes(rest - MESSAGE_COST)))
        session.ping()
        session.send(Message(stream.stream, 2 + count, b""))
        self.assert_closed(session, CloseReason.VIOLATION)

    def test_a_stream_that_nobody_receives_is_refused(self):
        session = self.dial()
        stream = session.open_stream("interop.nobody")
        session.send_message(stream, b"hello?")
        session.until(lambda: stream.stopped is not None)
        self.assertEqual(stream.stopped, NOBODY_RECEIVES)

    def test_the_node_ends_a_stream_that_is_refused(self):
        session = self.dial()
        session.refuses.add(ANSWER)
        session.send_message(session.open_stream(ASK), b"never mind")
        session.until(lambda: session.incoming_named(ANSWER))
        stream = session.incoming[session.incoming_named(ANSWER)]
        session.until(lambda: stream.ended_at is not None)
        self.assertFalse(session.messages)

    def test_the_last_ping_is_answered(self):
        session = self.dial()
        session.send(Ping(1), Ping(2), Ping(0x0102030405060708))
        session.until(lambda: session.pongs)
        self.assertEqual(session.pongs, [0x0102030405060708])

    def test_extensions_and_padding_are_passed_over(self):
        session = self.dial()
        extension, padding = bytes((0x55, 3, 1, 2, 3)), bytes(5)
        plaintext = padding + extension + Ping(7).encode() + padding
        session.connection.send(session.channel.seal(plaintext))
        session.until(lambda: session.pongs == [7])

    def test_epochs_move_on(self):
        session = self.dial()
        for _ in range(3):
            session.ping()
            session.channel.move_on()
        session.ping()

    def test_fresh_keys(self):
        session = self.dial()
        stream = session.open_stream(ASK)
        for generation in (1, 2):
            session.ask_for_fresh_keys()
            self.assertEqual(session.channel.generation, generation)
            session.send_message(stream, b"still there?")
            self.assertEqual(session.receive_message(), (ANSWER, HEARD + b"still there?"))

    def test_the_client_closes(self):
        session = self.dial()
        session.close()
        with self.assertRaises(Closed):
            session.until(lambda: False)
        self.assertIsNone(session.close_reason, "whoever receives CLOSE sends nothing more")

    def test_the_node_closes_when_the_member_is_struck_off(self):
        session = self.dial()
        session.ping()
        self.host.remove(self.card)
        self.assert_closed(session, CloseReason.NOT_A_MEMBER)

    def test_a_later_session_takes_the_place_of_the_one_before(self):
        device, _ = self.host.newcomer()
        sessions = []
        for counter in (1, 2):
            session = self.enterContext(Session.dial(device, self.host.card, Offer(counter)))
            session.ping()
            sessions.append(session)
        self.assert_closed(sessions[0], CloseReason.SUPERSEDED)

    def test_violations_are_told(self):
        """§8: an unknown record, a stream opened twice, a record cut off."""
        opened = Open(1, 1, ASK).encode()
        for plaintext in (b"\x20", opened + opened, opened[:-1], Message(9, 0, b"to no stream").encode()):
            with self.subTest(plaintext.hex()):
                session = self.dial()
                session.connection.send(session.channel.seal(plaintext))
                self.assert_closed(session, CloseReason.VIOLATION)

    def test_a_packet_that_was_changed_ends_the_connection(self):
        session = self.dial()
        session.ping()
        sealed = bytearray(session.channel.seal(Ping(2).encode()))
        sealed[-1] ^= 1
        session.connection.send(bytes(sealed))
        with self.assertRaises(Closed):
            session.until(lambda: False)


if __name__ == "__main__":
    unittest.main()
