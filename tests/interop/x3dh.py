"""The X3DH suites (PROTOCOL.md §5.2, §5.3), with ML-KEM-768 and without."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from crypto import H, check_point, derive
from handshake import FIRST, HEADER_BYTES, KEY_SHARE, Answer, Drawn, Initiator, Secrets, with_mac1
from identity import Device, Record
from wire import Malformed, Reader

NO_NONCE = bytes(12)
CIPHERTEXT_BYTES = 1_088


class Transcript:
    """§5.1: the running hash `h` and the chaining key `ck`."""

    def __init__(self, beginning: bytes):
        self.h = self.ck = beginning

    def mix(self, data: bytes) -> None:
        self.h = H("Conclave1 mix", self.h, data)

    def kdf(self, step: str, secret: bytes, outputs: int = 1) -> list[bytes]:
        """Replaces `ck`, and returns so many keys of 32 bytes."""
        output = derive(32 + 32 * outputs, f"Conclave1 {step}", self.ck, secret)
        self.ck = output[:32]
        return [output[at : at + 32] for at in range(32, len(output), 32)]

    def seal(self, key: bytes, plaintext: bytes) -> bytes:
        sealed = ChaCha20Poly1305(key).encrypt(NO_NONCE, plaintext, self.h)
        self.mix(sealed)
        return sealed

    def open(self, key: bytes, sealed: bytes) -> bytes:
        try:
            plaintext = ChaCha20Poly1305(key).decrypt(NO_NONCE, sealed, self.h)
        except InvalidTag:
            raise Malformed("an answer that does not open") from None
        self.mix(sealed)
        return plaintext


class X3dh(Initiator):
    """Suite 0x0002."""

    suite = 0x0002
    name = b"Conclave1 X3DH-25519-ChaChaPoly-SHA3"
    reply_bytes = 108

    def _begin(self, me: Device, peer: Record, drawn: Drawn) -> tuple[bytes, ...]:
        self._a = a = X25519PrivateKey.from_private_bytes(me.secret)
        self._x = x = (
            X25519PrivateKey.from_private_bytes(drawn.ephemeral)
            if drawn.ephemeral
            else X25519PrivateKey.generate()
        )
        b = X25519PublicKey.from_public_bytes(check_point(peer.static_key))
        key_share = self._key_share(drawn)
        commitment = [H("Conclave1 part", packet) for packet in key_share]

        beginning = self.header(FIRST) + x.public_key().public_bytes_raw()
        self._transcript = t = Transcript(H(self.name.decode(), peer.identity, peer.static_key))
        t.mix(beginning)
        (k1,) = t.kdf("es", x.exchange(b))
        s = t.seal(k1, me.record.static_key + me.record.credential)
        (k2,) = t.kdf("ss", a.exchange(b))
        p = t.seal(k2, b"".join((self.offer.encode(), *commitment)))
        k3, self._m3 = t.kdf("psk", self.psk, outputs=2)
        return (with_mac1(self.door, beginning + s + p + t.seal(k3, b"")), *key_share)

    def _reply_key(self) -> bytes:
        return self._m3

    def _finish(self, body: bytes) -> tuple[Answer, Secrets]:
        reader = Reader(body[HEADER_BYTES:])
        point = reader.take(32)
        y = X25519PublicKey.from_public_bytes(check_point(point))
        ciphertext = reader.take(CIPHERTEXT_BYTES if self.kem else 0)
        t = self._transcript
        t.mix(body[:HEADER_BYTES] + point + ciphertext)
        t.kdf("ee", self._x.exchange(y))
        (key,) = t.kdf("se", self._a.exchange(y))
        if self.kem:
            (key,) = t.kdf("kem", self._decapsulate(ciphertext))
        answer = Answer.decode(t.open(key, reader.rest()))
        return answer, Secrets.from_handshake(t.ck, t.h)

    def _key_share(self, _drawn: Drawn) -> list[bytes]:
        return []

    def _decapsulate(self, ciphertext: bytes) -> bytes:
        raise NotImplementedError


class X3dhHybrid(X3dh):
    """Suite 0x0001, which a node prefers."""

    suite = 0x0001
    name = b"Conclave1 X3DH-25519-MLKEM768-ChaChaPoly-SHA3"
    reply_bytes = 1_196
    kem = True

    def _key_share(self, drawn: Drawn) -> list[bytes]:
        self._kem_key = (
            MLKEM768PrivateKey.from_seed_bytes(drawn.kem_seed)
            if drawn.kem_seed
            else MLKEM768PrivateKey.generate()
        )
        return [self.header(KEY_SHARE) + self._kem_key.public_key().public_bytes_raw()]

    def _decapsulate(self, ciphertext: bytes) -> bytes:
        return self._kem_key.decapsulate(ciphertext)
