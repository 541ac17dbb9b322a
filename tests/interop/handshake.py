"""What the handshakes have in common (PROTOCOL.md §4.3, §4.4, §5.6): packets, offer and answer, session secrets."""

import hmac
import os
from dataclasses import dataclass, field

from crypto import derive, mac
from identity import Device, Record
from wire import Malformed, Reader, u8, u16, u32, u64

FIRST = 0x01
KEY_SHARE = 0x02
REPLY = 0x03
VERSION = 1

HEADER_BYTES = 8
MAC_BYTES = 16

NO_TICKET = bytes(16)

# §4.4: the traffic AEADs, each the number of its capability's bit plus one.
AES_256_GCM = 1
CHACHA20_POLY1305 = 2


def capabilities_of(*aeads: int) -> int:
    return sum(1 << aead - 1 for aead in aeads)


@dataclass(frozen=True)
class Offer:
    """§4.4: what an initiator says about itself. Windows are in KiB."""

    counter: int
    boot_id: bytes = field(default_factory=lambda: os.urandom(16))
    capabilities: int = capabilities_of(AES_256_GCM, CHACHA20_POLY1305)
    session_window: int = 1_024
    stream_window: int = 512
    ticket_id: bytes = NO_TICKET

    def encode(self) -> bytes:
        windows, reserved = u32(self.session_window) + u32(self.stream_window), bytes(8)
        return u64(self.counter) + self.boot_id + self.ticket_id + u32(self.capabilities) + windows + reserved


@dataclass(frozen=True)
class Answer:
    """§4.4: what a responder says about itself."""

    tag: int
    boot_id: bytes
    aead: int
    capabilities: int
    session_window: int
    stream_window: int

    @classmethod
    def decode(cls, data: bytes) -> "Answer":
        reader = Reader(data)
        tag, boot_id, aead, _reserved = reader.u32(), reader.take(16), reader.u8(), reader.take(3)
        answer = cls(tag, boot_id, aead, reader.u32(), reader.u32(), reader.u32())
        reader.end()
        return answer


@dataclass(frozen=True)
class Secrets:
    """§5.6: the root of the channel and the first chain of each direction."""

    root: bytes
    initiator_chain: bytes
    responder_chain: bytes

    @classmethod
    def from_handshake(cls, chaining: bytes, transcript: bytes) -> "Secrets":
        output = derive(128, "Conclave1 session", chaining, transcript)
        return cls(output[:32], output[32:64], output[64:96])


@dataclass(frozen=True)
class Agreed:
    """What both ends have once the reply is verified."""

    secrets: Secrets
    tag: int
    answer: Answer
    kem: bool


@dataclass(frozen=True)
class Drawn:
    """What an initiator draws. Given only by the vectors."""

    tag: int = field(default_factory=lambda: int.from_bytes(os.urandom(4), "little"))
    ephemeral: bytes | None = None
    kem_seed: bytes | None = None


class Initiator:
    """Dials a device by its record and its door: `packets` go out, `read_reply` takes what comes back.

    A suite begins the packets in `_begin` and makes the session's secrets in `_finish`. The secret of the ticket that
    the offer names is `psk`, in suites that have tickets.
    """

    suite: int
    reply_bytes: int
    kem = False

    def __init__(
        self,
        me: Device,
        peer: Record,
        door: bytes,
        offer: Offer,
        drawn: Drawn | None = None,
        psk: bytes = b"",
    ):
        self.offer = offer
        self.door = door
        self.psk = psk
        drawn = drawn or Drawn()
        self.tag = drawn.tag
        self.packets = self._begin(me, peer, drawn)

    @property
    def first(self) -> bytes:
        return self.packets[0]

    def header(self, kind: int) -> bytes:
        """§4.3."""
        return u8(kind) + u8(VERSION) + u16(self.suite) + u32(self.tag)

    def read_reply(self, packet: bytes) -> Agreed:
        """Checks in the order of §5.8: size and header, then the code in front of everything costly."""
        if len(packet) != self.reply_bytes or packet[:HEADER_BYTES] != self.header(REPLY):
            raise Malformed("not a reply to this attempt")
        body, mac_r = packet[:-MAC_BYTES], packet[-MAC_BYTES:]
        if not hmac.compare_digest(mac("Conclave1 reply", self._reply_key(), body), mac_r):
            raise Malformed("a reply of somebody who does not know what it must")
        answer, secrets = self._finish(body)
        if answer.aead not in (AES_256_GCM, CHACHA20_POLY1305) or not (
            capabilities_of(answer.aead) & self.offer.capabilities
        ):
            raise Malformed("an AEAD that was not offered")
        return Agreed(secrets, self.tag, answer, self.kem)

    def _begin(self, me: Device, peer: Record, drawn: Drawn) -> tuple[bytes, ...]:
        raise NotImplementedError

    def _reply_key(self) -> bytes:
        raise NotImplementedError

    def _finish(self, body: bytes) -> tuple[Answer, Secrets]:
        raise NotImplementedError


def with_mac1(door: bytes, packet: bytes) -> bytes:
    """§5.2: what shows to the responder, before all else, that the sender knows its door."""
    return packet + mac("Conclave1 mac1", door, packet)
