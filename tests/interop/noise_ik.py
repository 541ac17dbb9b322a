"""The Noise suites IK and IKpsk2 (PROTOCOL.md §5.4).

Noise itself comes from the package `noiseprotocol`, which shares nothing with the node under test.
"""

import os
import warnings

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from noise.connection import Keypair, NoiseConnection

from crypto import H, check_point, derive, mac
from handshake import FIRST, HEADER_BYTES, MAC_BYTES, Answer, Drawn, Initiator, Secrets, with_mac1
from identity import Device, Record


class NoiseIk(Initiator):
    suite = 0x0101
    name = b"Noise_IK_25519_ChaChaPoly_BLAKE2b"
    reply_bytes = 108

    def _begin(self, me: Device, peer: Record, drawn: Drawn) -> tuple[bytes, ...]:
        header = self.header(FIRST)
        prologue = b"Conclave1 " + self.name + peer.identity + header
        self._noise = noise = NoiseConnection.from_name(self.name)
        noise.set_as_initiator()
        noise.set_prologue(prologue)
        noise.set_keypair_from_private_bytes(Keypair.STATIC, me.secret)
        noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, peer.static_key)
        ephemeral = drawn.ephemeral or os.urandom(32)
        with warnings.catch_warnings():
            # Of an ephemeral key that is given. It is used once, and has to be known before the message is written.
            warnings.simplefilter("ignore")
            noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
            self._set_psk(noise)
            noise.start_handshake()
        said = me.record.credential + self.offer.encode()
        e = X25519PrivateKey.from_private_bytes(ephemeral).public_key().public_bytes_raw()
        said += self._proof(prologue + peer.static_key + e + me.record.static_key + said)
        message = noise.write_message(said)
        return (with_mac1(self.door, header + bytes(message)),)

    def _set_psk(self, noise: NoiseConnection) -> None:
        pass

    def _proof(self, _covered: bytes) -> bytes:
        return b""

    def _reply_key(self) -> bytes:
        return derive(32, "Conclave1 noise reply", self.door, self.first[-MAC_BYTES:])

    def _finish(self, body: bytes) -> tuple[Answer, Secrets]:
        message = body[HEADER_BYTES:]
        check_point(message[:32])
        answer = Answer.decode(bytes(self._noise.read_message(message)))
        split = self._noise.noise_protocol
        k1, k2 = split.cipher_state_encrypt.k, split.cipher_state_decrypt.k
        h6 = H("Conclave1 noise", self._noise.get_handshake_hash())
        return answer, Secrets.from_handshake(k1 + k2, h6)


class NoiseIkPsk2(NoiseIk):
    """With the secret of a ticket."""

    suite = 0x0102
    name = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b"

    def _set_psk(self, noise: NoiseConnection) -> None:
        noise.set_psks(self.psk)

    def _proof(self, covered: bytes) -> bytes:
        return mac("Conclave1 noise ticket", self.psk, covered)
