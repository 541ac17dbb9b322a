"""The Noise IK suite (PROTOCOL.md §5.4).

Noise itself comes from the package `noiseprotocol`, which shares nothing with the node under test.
"""

from noise.connection import Keypair, NoiseConnection

from crypto import H, check_point, derive
from handshake import FIRST, HEADER_BYTES, MAC_BYTES, Answer, Drawn, Initiator, Secrets, with_mac1
from identity import Device, Record

NAME = b"Noise_IK_25519_ChaChaPoly_BLAKE2b"


class NoiseIk(Initiator):
    suite = 0x0101
    reply_bytes = 108

    def _begin(self, me: Device, peer: Record, drawn: Drawn) -> tuple[bytes, ...]:
        header = self.header(FIRST)
        self._noise = noise = NoiseConnection.from_name(NAME)
        noise.set_as_initiator()
        noise.set_prologue(b"Conclave1 " + NAME + peer.identity + header)
        noise.set_keypair_from_private_bytes(Keypair.STATIC, me.secret)
        noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, peer.static_key)
        if drawn.ephemeral is not None:
            noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, drawn.ephemeral)
        noise.start_handshake()
        message = noise.write_message(me.record.credential + self.offer.encode())
        return (with_mac1(self.door, header + bytes(message)),)

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
