"""What a node says to whoever has proven nothing (PROTOCOL.md §5.8, §9.2): no byte, until the deadline."""

import os
import time
import unittest
from dataclasses import replace

from channel import Channel
from connection import Closed, Connection, soon
from frames import frame
from handshake import HEADER_BYTES, MAC_BYTES, Offer, with_mac1
from host import Host
from identity import Device, Identity, Record
from noise_ik import NoiseIk
from records import Confirm, Message, Open, encode
from session import Session
from watch import DEADLINE, TOLERANCE, Watch

# §4.1.
FIRST_BYTES = 300
# §4.3: one place in each part of the packet.
PARTS = {
    "kind": 0,
    "version": 1,
    "suite": 2,
    "tag": 4,
    "e": 20,
    "s": 60,
    "payload": 150,
    "mac1": FIRST_BYTES - 1,
}


def changed(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes((packet[at] ^ 1,)) + packet[at + 1 :]


class Attempts:
    """First packets that are each wrong in one way, from members unless that is what is wrong."""

    def __init__(self, host: Host):
        self.host = host
        self.card = host.card
        self.peer = host.card.records[0]

    def first(self, device: Device | None = None, peer: Record | None = None, counter: int = 1) -> bytes:
        device = device or self.host.newcomer()[0]
        return NoiseIk(device, peer or self.peer, self.card.door, Offer(counter)).first

    def sealed_anew(self, packet: bytes) -> bytes:
        """With a right mac1, as somebody makes it who knows the door."""
        return with_mac1(self.card.door, packet[:-MAC_BYTES])

    def wrong(self) -> dict[str, bytes]:
        """What to send on a connection of its own, by what is wrong with it."""
        other = Device(Identity()).record
        another_key = replace(self.peer, static_key=other.static_key)
        another_identity = replace(self.peer, identity=other.identity)
        packets = {
            "the door is another": NoiseIk(
                self.host.newcomer()[0], self.peer, os.urandom(32), Offer(1)
            ).first,
            "the static key is another": self.first(peer=another_key),
            "the identity is another": self.first(peer=another_identity),
            "the dialer is no member": self.first(Device(Identity())),
            "the record has expired": self.first(self.expired()),
            "the credential is somebody else's": self.first(self.borrowed()),
            "the ephemeral key is of low order": self.low_order(),
            "a byte is missing": self.sealed_anew(self.first()[:-1]),
            "a byte is too many": self.sealed_anew(self.first() + b"\0"),
        }
        for part, at in PARTS.items():
            packets[f"a bit of {part} is another"] = wrong = changed(self.first(), at)
            if part != "mac1":
                packets[f"a bit of {part} is another, behind a right mac1"] = self.sealed_anew(wrong)
        attempts = {what: frame(packet) for what, packet in packets.items()}
        attempts["nothing is sent"] = b""
        attempts["half a frame is sent"] = frame(self.first())[:100]
        attempts["no frame is sent"] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        attempts["a first packet is replayed"] = frame(self.replayed())
        attempts["the counter is not above the last"] = frame(self.counted_back())
        return attempts

    def expired(self) -> Device:
        """Another device of a member, whose record ended a minute ago."""
        identity = Identity()
        self.host.take(identity)
        return Device(identity, expiry=int(time.time()) - 60)

    def borrowed(self) -> Device:
        """A member's record shown by somebody with another static key."""
        device = Device(Identity())
        device.record = self.host.newcomer()[0].record
        return device

    def low_order(self) -> bytes:
        packet = self.first()
        return self.sealed_anew(packet[:HEADER_BYTES] + bytes(32) + packet[HEADER_BYTES + 32 :])

    def replayed(self) -> bytes:
        """The first packet of a session that was confirmed."""
        device, _ = self.host.newcomer()
        with Session.dial(device, self.card, Offer(1)) as session:
            session.ping()
            return session.first

    def counted_back(self) -> bytes:
        device, _ = self.host.newcomer()
        with Session.dial(device, self.card, Offer(7)) as session:
            session.ping()
        return self.first(device, counter=7)


class Silence(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Host())

    def test_whatever_is_wrong_nothing_comes_back_until_the_deadline(self):
        attempts = Attempts(self.host).wrong()
        # The deadlines of all run together.
        watch = Watch(self.host.card.addresses[0])
        for what, data in attempts.items():
            self.addCleanup(watch.begin(what, data).close)
        watch.assert_silence(self)

    def test_a_new_device_of_a_member_is_answered(self):
        """§3.3: the identity has signed for it. So what the others lack is only what their names say."""
        identity = Identity()
        self.host.take(identity)
        with Session.dial(Device(identity), self.host.card, Offer(1)) as session:
            session.ping()


class Unconfirmed(unittest.TestCase):
    """§8.7, §9.2: the time between the answer and the first sealed packet."""

    host: Host

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Host())

    def answered(self) -> tuple[Connection, Channel]:
        device, _ = self.host.newcomer()
        connection = Connection(self.host.card.addresses[0])
        self.addCleanup(connection.close)
        initiator = NoiseIk(device, self.host.card.records[0], self.host.card.door, Offer(1))
        connection.send(initiator.first)
        return connection, Channel(initiator.read_reply(connection.receive(soon())))

    def test_the_node_says_nothing_before_it_is_confirmed(self):
        connection, channel = self.answered()
        with self.assertRaises(TimeoutError):
            connection.receive(soon(1.0))
        connection.send(channel.seal(encode(Confirm())))

    def test_the_first_packet_may_say_more(self):
        connection, channel = self.answered()
        connection.send(channel.seal(encode(Open(1, 1, "interop.ask"), Message(1, 0, b"now"))))
        # News of the node may come first.
        while b"heard: now" not in channel.open(connection.receive(soon())):
            pass

    def test_a_first_packet_that_is_wrong_confirms_nothing(self):
        """One that does not open, and one that is longer than what is kept of it."""
        for long, spoil in ((0, lambda packet: changed(packet, 19)), (5_000, bytes)):
            with self.subTest(long):
                connection, channel = self.answered()
                connection.send(spoil(channel.seal(encode(Confirm()) + bytes(long))))
                with self.assertRaises(Closed):
                    connection.receive(soon(DEADLINE + TOLERANCE))


if __name__ == "__main__":
    unittest.main()
