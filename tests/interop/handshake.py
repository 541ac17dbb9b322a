"""The Noise IK handshake (PROTOCOL.md §5.4) with its packets (§4.3) and session secrets (§5.6), as initiator.

Noise itself comes from the package `noiseprotocol`, which shares nothing with the node under test.
"""

import hmac
import os
from dataclasses import dataclass, field

from noise.connection import Keypair, NoiseConnection

from crypto import H, check_point, derive, mac
from identity import Card, Device, Record
from wire import Malformed, Reader, u8, u16, u32, u64

FIRST = 0x01
REPLY = 0x03
VERSION = 1
SUITE_NOISE_IK = 0x0101

FIRST_BYTES = 300
REPLY_BYTES = 108
MAC_BYTES = 16

NOISE_NAME = b"Noise_IK_25519_ChaChaPoly_BLAKE2b"

AES_256_GCM = 1
CHACHA20_POLY1305 = 2
"""§4.4: the traffic AEADs, each the number of its capability's bit plus one."""


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

    def encode(self) -> bytes:
        no_ticket, reserved = bytes(16), bytes(8)
        windows = u32(self.session_window) + u32(self.stream_window)
        return u64(self.counter) + self.boot_id + no_ticket + u32(self.capabilities) + windows + reserved


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


class Initiator:
    """Dials a device by its record and its door: `first` goes out, `read_reply` takes what comes back."""

    def __init__(
        self,
        me: Device,
        peer: Record,
        door: bytes,
        offer: Offer,
        ephemeral: bytes | None = None,
        tag: int | None = None,
    ):
        self._door = door
        self.offer = offer
        self.tag = int.from_bytes(os.urandom(4), "little") if tag is None else tag
        self._header = header(FIRST, self.tag)
        self._noise = noise = NoiseConnection.from_name(NOISE_NAME)
        noise.set_as_initiator()
        noise.set_prologue(b"Conclave1 " + NOISE_NAME + peer.identity + self._header)
        noise.set_keypair_from_private_bytes(Keypair.STATIC, me.secret)
        noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, peer.static_key)
        if ephemeral is not None:
            noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
        noise.start_handshake()
        message = self._noise.write_message(me.record.credential + offer.encode())
        self.first = with_mac1(door, self._header + bytes(message))

    @classmethod
    def to_card(cls, me: Device, card: Card, offer: Offer) -> "Initiator":
        return cls(me, card.records[0], card.door, offer)

    def read_reply(self, packet: bytes) -> Agreed:
        """Checks in the order of §5.8: size and header, then the code in front of everything costly."""
        if len(packet) != REPLY_BYTES or packet[:8] != header(REPLY, self.tag):
            raise Malformed("not a reply to this attempt")
        key = derive(32, "Conclave1 noise reply", self._door, self.first[-MAC_BYTES:])
        body, mac_r = packet[:-MAC_BYTES], packet[-MAC_BYTES:]
        if not hmac.compare_digest(mac("Conclave1 reply", key, body), mac_r):
            raise Malformed("a reply of somebody who does not know the door")
        check_point(body[8:40])
        answer = Answer.decode(bytes(self._noise.read_message(body[8:])))
        if answer.aead not in (AES_256_GCM, CHACHA20_POLY1305) or not (
            capabilities_of(answer.aead) & self.offer.capabilities
        ):
            raise Malformed("an AEAD that was not offered")
        split = self._noise.noise_protocol
        k1, k2 = split.cipher_state_encrypt.k, split.cipher_state_decrypt.k
        h6 = H("Conclave1 noise", self._noise.get_handshake_hash())
        return Agreed(Secrets.from_handshake(k1 + k2, h6), self.tag, answer)


def header(kind: int, tag: int) -> bytes:
    """§4.3."""
    return u8(kind) + u8(VERSION) + u16(SUITE_NOISE_IK) + u32(tag)


def with_mac1(door: bytes, packet: bytes) -> bytes:
    """§5.2: what shows to the responder, before all else, that the sender knows its door."""
    return packet + mac("Conclave1 mac1", door, packet)
