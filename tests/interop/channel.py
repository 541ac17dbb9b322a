"""Sealed packets (PROTOCOL.md §6): a key for every packet, epochs, and fresh keys inside a session.

Written for one reliable path, where numbers arrive rising: a window over late numbers has nothing to do there.
"""

import hashlib
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from crypto import H, check_point
from handshake import AES_256_GCM, CHACHA20_POLY1305, Agreed, Secrets
from wire import Malformed, Reader, u32, u64

SEALED = 0x10
HEADER = struct.Struct("<BBBIIQ")
TAG_BYTES = 16

CIPHERS = {AES_256_GCM: AESGCM, CHACHA20_POLY1305: ChaCha20Poly1305}

# The path of a session that has one.
PATH = 0


def next_epoch(chain: bytes) -> tuple[bytes, bytes]:
    """§6.2: the next chain, and the key of the epoch."""
    output = hashlib.shake_256(b"epoch" + chain).digest(64)
    return output[:32], output[32:]


def packet_key(epoch_key: bytes, path: int, number: int) -> bytes:
    """§6.2: one block of the hash serves four packets."""
    block = hashlib.shake_256(b"pkt" + epoch_key + u32(path) + u64(number >> 2)).digest(128)
    place = 32 * (number & 3)
    return block[place : place + 32]


def renewed(root: bytes, fresh: bytes, transcript: bytes) -> Secrets:
    """§6.2: the root and the chains of the next generation."""
    output = hashlib.shake_256(b"rekey" + root + fresh + transcript).digest(96)
    return Secrets(output[:32], output[32:64], output[64:])


class Keys:
    """One direction in one generation."""

    def __init__(self, generation: int, chain: bytes):
        self.generation = generation
        self.epoch = 0
        self._next_chain, self._epoch_key = next_epoch(chain)
        self._least_number = 0

    def move_on(self) -> None:
        """§6.4: the next epoch. The numbers go on."""
        self.epoch += 1
        self._next_chain, self._epoch_key = next_epoch(self._next_chain)

    def next_number(self) -> int:
        self._least_number += 1
        return self._least_number - 1

    def is_new(self, number: int) -> bool:
        return number >= self._least_number

    def mark(self, number: int) -> None:
        self._least_number = number + 1

    def cipher(self, aead: int, path: int, number: int):
        return CIPHERS[aead](packet_key(self._epoch_key, path, number))


class Channel:
    """The initiator's end of a session."""

    def __init__(self, agreed: Agreed):
        self._aead = agreed.answer.aead
        self._their_tag = agreed.answer.tag
        self._my_tag = agreed.tag
        self._root = agreed.secrets.root
        self._sealing = Keys(0, agreed.secrets.initiator_chain)
        # The present generation, and the next one once it has been agreed on.
        self._opening = [Keys(0, agreed.secrets.responder_chain)]
        self._kem = agreed.kem
        self._asked: FreshKeys | None = None

    @property
    def generation(self) -> int:
        return self._sealing.generation

    def seal(self, plaintext: bytes) -> bytes:
        keys = self._sealing
        number = keys.next_number()
        header = HEADER.pack(SEALED, keys.generation & 0xFF, keys.epoch & 0xFF, self._their_tag, PATH, number)
        return header + keys.cipher(self._aead, PATH, number).encrypt(_nonce(number), plaintext, header)

    def move_on(self) -> None:
        """Seals in the next epoch from now on. Not before something was sealed in this one (§6.4)."""
        self._sealing.move_on()

    def open(self, packet: bytes) -> bytes:
        """§6.3. On a reliable path the epoch is the present one or the next."""
        if len(packet) < HEADER.size + TAG_BYTES:
            raise Malformed("too short for a sealed packet")
        header = packet[: HEADER.size]
        kind, generation, epoch, tag, path, number = HEADER.unpack(header)
        keys = next((keys for keys in self._opening if keys.generation & 0xFF == generation), None)
        if kind != SEALED or tag != self._my_tag or path != PATH or keys is None or not keys.is_new(number):
            raise Malformed("not a packet of this session, or one that came already")
        if epoch == keys.epoch + 1 & 0xFF:
            keys.move_on()
        elif epoch != keys.epoch & 0xFF:
            raise Malformed("an epoch that is neither this one nor the next")
        try:
            plaintext = keys.cipher(self._aead, path, number).decrypt(
                _nonce(number), packet[HEADER.size :], header
            )
        except InvalidTag:
            raise Malformed("a packet that does not open") from None
        keys.mark(number)
        del self._opening[: self._opening.index(keys)]
        return plaintext

    def ask_for_fresh_keys(self) -> bytes:
        """§6.5: the body of a request."""
        self._asked = FreshKeys(self._kem)
        return u64(self.generation + 1) + self._asked.request

    def take_fresh_keys(self, body: bytes) -> None:
        """§6.5: the answer to it. What follows is sealed in the next generation."""
        reader = Reader(body)
        generation, response = reader.u64(), reader.rest()
        if self._asked is None or generation != self.generation + 1:
            raise Malformed("an answer to a request that was not made")
        fresh = self._asked.agree(response)
        secrets = renewed(self._root, fresh, H("Conclave1 rekey", self._asked.request, response))
        self._asked, self._root = None, secrets.root
        self._sealing = Keys(generation, secrets.initiator_chain)
        self._opening.append(Keys(generation, secrets.responder_chain))


class FreshKeys:
    """§5.7: an agreement inside a session, with a KEM if the session's suite has one."""

    def __init__(self, kem: bool):
        self._secret = X25519PrivateKey.generate()
        self._kem_key = MLKEM768PrivateKey.generate() if kem else None
        shares = [self._secret, self._kem_key] if self._kem_key else [self._secret]
        self.request = b"".join(share.public_key().public_bytes_raw() for share in shares)

    def agree(self, response: bytes) -> bytes:
        reader = Reader(response)
        point, ciphertext = check_point(reader.take(32)), reader.rest()
        fresh = self._secret.exchange(X25519PublicKey.from_public_bytes(point))
        if self._kem_key is None:
            if ciphertext:
                raise Malformed("a ciphertext in a session without a KEM")
            return fresh
        return fresh + self._kem_key.decapsulate(ciphertext)


def _nonce(number: int) -> bytes:
    return u64(number) + bytes(4)
