"""The MyCHIPs profile (PROTOCOL.md §14), as initiator: N and K of a known agent, or I of a first contact, then A and T.

Noise itself comes from the package `noiseprotocol`, which shares nothing with the node under test.
"""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from noise.connection import Keypair, NoiseConnection

from connection import Closed, Connection
from crypto import P, check_point
from wire import Malformed, u8, u64

# §14.2.
FIRST_CONTACT, CLAIM, KNOWN, ANSWER, TRANSPORT = b"I", b"N", b"K", b"A", b"T"
MAX_UNPROVEN_PACKET_BYTES = 2_048
MAX_PACKET_BYTES = 65_536

# §14.3.
BASE = b"Conclave MyCHIPs" + u8(1)
SUITE = "25519_ChaChaPoly_BLAKE2b"

# §14.5.
MESSAGE, CLOSE = b"\x00", b"\x01"
DONE, IDLE, ANOTHER_IS_USED, REMOVED = 1, 2, 3, 4


def montgomery(agent_id: bytes) -> bytes:
    """§14.1: the X25519 key of an agent."""
    y = int.from_bytes(agent_id, "little") & (1 << 255) - 1
    if y in (1, P) or y >= P:
        raise Malformed("an agent id that is no canonical point, or zero")
    return check_point(((1 + y) * pow(1 - y, -1, P) % P).to_bytes(32, "little"))


class Agent:
    """§14.1: an Ed25519 key, and the same key for X25519."""

    def __init__(self, seed: bytes):
        self.id = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        # X25519 clamps it.
        self.secret = hashlib.sha512(seed).digest()[:32]


def noise(
    pattern: str, initiates: bool, prologue: bytes, me: Agent | None, peer: bytes | None
) -> NoiseConnection:
    """§14.3: a handshake of one of the three patterns."""
    handshake = NoiseConnection.from_name(f"Noise_{pattern}_{SUITE}".encode())
    (handshake.set_as_initiator if initiates else handshake.set_as_responder)()
    handshake.set_prologue(prologue)
    if me is not None:
        handshake.set_keypair_from_private_bytes(Keypair.STATIC, me.secret)
    if peer is not None:
        handshake.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, montgomery(peer))
    handshake.start_handshake()
    return handshake


def prologue_of_known(claim: bytes) -> bytes:
    """§14.3: binds K to the N in front of it, given as kind and body."""
    return BASE + b"NKAT" + hashlib.blake2b(claim).digest()


@dataclass
class Attempt:
    """What the initiator has sent, kinds and bodies, and what takes the answer."""

    packets: list[bytes]
    handshake: NoiseConnection

    def read_answer(self, packet: bytes) -> "Transport":
        """A, and what it says early."""
        if packet[:1] != ANSWER:
            raise Malformed("another packet where A must stand")
        check_point(packet[1:33])
        return Transport(self.handshake, bytes(self.handshake.read_message(packet[1:])))


def known_agent(
    me: Agent,
    responder: bytes,
    counter: int,
    early: bytes = b"",
    claims: bytes | None = None,
) -> Attempt:
    """N and K. The id that N claims is one's own, if it is not to be refused."""
    claim = CLAIM + bytes(noise("N", True, BASE + b"N", None, responder).write_message(claims or me.id))
    handshake = noise("KK", True, prologue_of_known(claim), me, responder)
    request = handshake.write_message(u64(counter) + early)
    return Attempt([claim, KNOWN + bytes(request)], handshake)


def first_contact(me: Agent, responder: bytes, counter: int, token: bytes, early: bytes = b"") -> Attempt:
    """I, with the token of a ticket."""
    handshake = noise("IK", True, BASE + b"IAT", me, responder)
    introduction = u64(counter) + me.id + u8(len(token)) + token + early
    return Attempt([FIRST_CONTACT + bytes(handshake.write_message(introduction))], handshake)


class Transport:
    """§14.5: what follows A, in T packets."""

    def __init__(self, handshake: NoiseConnection, early: bytes):
        self._noise = handshake
        self.early = early

    def confirmation(self) -> bytes:
        """§14.4: the first T."""
        return self.seal(b"")

    def message(self, message: bytes) -> bytes:
        return self.seal(MESSAGE + message)

    def close(self, reason: int) -> bytes:
        return self.seal(CLOSE + u8(reason))

    def seal(self, plaintext: bytes) -> bytes:
        return TRANSPORT + self._noise.encrypt(plaintext)

    def open(self, packet: bytes) -> bytes:
        """The plaintext of a T."""
        if packet[:1] != TRANSPORT:
            raise Malformed("another packet where T must stand")
        try:
            return bytes(self._noise.noise_protocol.cipher_state_decrypt.decrypt_with_ad(None, packet[1:]))
        except InvalidTag:
            raise Malformed("a packet that does not open") from None


class Packets:
    """§14.2: packets with their length in front, on a TCP connection."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._buffer = b""

    def send(self, *packets: bytes) -> None:
        self._connection.send_bytes(b"".join(framed(packet) for packet in packets))

    def receive(self, deadline: float, longest: int = MAX_PACKET_BYTES) -> bytes:
        """The next kind and body. Raises Closed, or TimeoutError at the deadline."""
        length = int.from_bytes(self._take(4, deadline), "big")
        if not 0 < length <= longest:
            raise Malformed("a length that is refused")
        return self._take(length, deadline)

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            data = self._connection.receive_bytes(deadline)
            if not data:
                raise Closed
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


def framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(4, "big") + packet
