"""Identities, devices, records, cards (PROTOCOL.md §3)."""

import os
import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

import bech32m
from crypto import LOW_ORDER, H, P, check_point, enc
from wire import Malformed, Reader, u8, u64

MAX_DATE = 253_402_300_799
MAX_CARD_DEVICES = 4
MAX_CARD_ADDRESSES = 8
MAX_ADDRESS_BYTES = 128
MAX_PETNAME_BYTES = 64

CARD_PREFIX = "conclave"
CARD_VERSION = 1


def member_id(identity_key: bytes) -> uuid.UUID:
    """§3.1: a UUID of version 8."""
    name = bytearray(H("Conclave1 member id", identity_key)[:16])
    name[6] = 0x80 | name[6] & 0x0F
    name[8] = 0x80 | name[8] & 0x3F
    return uuid.UUID(bytes=bytes(name))


@dataclass(frozen=True)
class Record:
    """§3.2: an identity says that a device is its own until a date."""

    identity: bytes
    static_key: bytes
    device_id: bytes
    expiry: int
    signature: bytes

    @property
    def credential(self) -> bytes:
        """§4.4."""
        return self.identity + self.device_id + u64(self.expiry) + self.signature

    def verify(self) -> "Record":
        check_point(self.static_key)
        _check_edwards(self.identity)
        _check_edwards(self.signature[:32])
        if self.expiry > MAX_DATE:
            raise Malformed("a date beyond the last")
        signed = _signed(self.identity, self.static_key, self.device_id, self.expiry)
        try:
            Ed25519PublicKey.from_public_bytes(self.identity).verify(self.signature, signed)
        except InvalidSignature:
            raise Malformed("a record that does not verify") from None
        return self


def _signed(identity: bytes, static_key: bytes, device_id: bytes, expiry: int) -> bytes:
    return enc(b"Conclave1 record") + identity + static_key + device_id + u64(expiry)


def _check_edwards(point: bytes) -> None:
    """Refuses a point of small order, or not in canonical form."""
    y = int.from_bytes(point, "little") & (1 << 255) - 1
    # The point of Curve25519 that it stands for: (1 + y) / (1 - y), where the neutral element has no u.
    if y >= P or y == 1 or (1 + y) * pow(1 - y, -1, P) % P in LOW_ORDER - {P - 1}:
        raise Malformed("a point of small order, or not canonical")


class Identity:
    """§3.1: an Ed25519 key."""

    def __init__(self, secret: bytes | None = None):
        self._key = Ed25519PrivateKey.from_private_bytes(secret or os.urandom(32))

    @property
    def key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def issue(self, static_key: bytes, device_id: bytes, expiry: int = MAX_DATE) -> Record:
        signature = self._key.sign(_signed(self.key, static_key, device_id, expiry))
        return Record(self.key, static_key, device_id, expiry, signature)


class Device:
    """§3.1: an X25519 key and a device id, and the record that some identity has signed for them."""

    def __init__(self, identity: Identity, expiry: int = MAX_DATE, secret: bytes | None = None):
        self.secret = secret or os.urandom(32)
        static_key = X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()
        self.record = identity.issue(static_key, os.urandom(16), expiry)


@dataclass(frozen=True)
class Card:
    """§3.4: what a member hands to another so that they can meet."""

    door: bytes
    identity: bytes
    records: tuple[Record, ...]
    addresses: tuple[str, ...] = ()
    petname: str = ""

    def encode(self) -> bytes:
        devices = [r.static_key + r.device_id + u64(r.expiry) + r.signature for r in self.records]
        addresses = [_text(address) for address in self.addresses]
        return b"".join(
            (u8(CARD_VERSION), self.door, self.identity)
            + (u8(len(devices)), *devices, u8(len(addresses)), *addresses, _text(self.petname))
        )

    @property
    def text(self) -> str:
        return bech32m.encode(CARD_PREFIX, self.encode())

    @classmethod
    def parse(cls, text: str) -> "Card":
        return cls.decode(bech32m.decode(CARD_PREFIX, text))

    @classmethod
    def decode(cls, data: bytes) -> "Card":
        reader = Reader(data)
        if reader.u8() != CARD_VERSION:
            raise Malformed("a card of another version")
        door, identity = reader.take(32), reader.take(32)
        records = tuple(_read_record(reader, identity) for _ in _count(reader, 1, MAX_CARD_DEVICES))
        addresses = tuple(
            _read_text(reader, MAX_ADDRESS_BYTES) for _ in _count(reader, 0, MAX_CARD_ADDRESSES)
        )
        petname = _read_text(reader, MAX_PETNAME_BYTES)
        reader.end()
        for distinct in ({r.static_key for r in records}, {r.device_id for r in records}):
            if len(distinct) != len(records):
                raise Malformed("two records of one device or one key")
        return cls(door, identity, records, addresses, petname)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return u8(len(encoded)) + encoded


def _read_text(reader: Reader, longest: int) -> str:
    length = reader.u8()
    if length > longest:
        raise Malformed("a text that is too long")
    return reader.take(length).decode()


def _read_record(reader: Reader, identity: bytes) -> Record:
    fields = reader.take(32), reader.take(16), reader.u64(), reader.take(64)
    return Record(identity, *fields).verify()


def _count(reader: Reader, least: int, most: int) -> range:
    count = reader.u8()
    if not least <= count <= most:
        raise Malformed("too many or too few of something")
    return range(count)
