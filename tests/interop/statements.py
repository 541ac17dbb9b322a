"""Statements, news, identities at rest (PROTOCOL.md §3.5, §3.6, §3.9)."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

import bech32m
from crypto import enc
from identity import Card
from wire import Malformed, Reader, u8, u16, u32, u64

LABELS = {1: "Conclave1 announcement", 2: "Conclave1 voucher", 3: "Conclave1 revocation"}
KEY_PREFIX = "member"
MAX_STATEMENT_BYTES = 4_096
MAX_NEWS_NAMES = 500
ALL_SERVICES = 255


def key_text(identity_key: bytes) -> str:
    """§3.5: an identity key, for people."""
    return bech32m.encode(KEY_PREFIX, u8(1) + identity_key)


def sealed(secret: bytes, passphrase: str, cost: tuple[int, int, int], salt: bytes) -> bytes:
    """§3.5: an identity under a passphrase; the cost is memory in KiB, passes, lanes."""
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    header = b"\x01E" + b"".join(u32(number) for number in cost) + salt + public
    return header + _cipher(passphrase, header).encrypt(bytes(12), secret, header)


def unsealed(file: bytes, passphrase: str) -> bytes:
    header, rest = file[:62], file[62:]
    try:
        return _cipher(passphrase, header).decrypt(bytes(12), rest, header)
    except InvalidTag:
        raise Malformed("another passphrase, or damage") from None


def _cipher(passphrase: str, header: bytes) -> ChaCha20Poly1305:
    reader = Reader(header[2:])
    memory, passes, lanes, salt = reader.u32(), reader.u32(), reader.u32(), reader.take(16)
    kdf = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode()))


@dataclass(frozen=True)
class Statement:
    """§3.6: what a member says of itself or of another."""

    kind: int
    issuer: bytes
    fields: dict
    data: bytes

    @property
    def name(self) -> bytes:
        # A label, and the statement without its length.
        return hashlib.sha3_256(enc(b"Conclave1 statement") + self.data).digest()

    @classmethod
    def read(cls, data: bytes) -> "Statement":
        if len(data) > MAX_STATEMENT_BYTES or len(data) < 65 or data[0] not in LABELS:
            raise Malformed("no statement")
        kind, body, signature = data[0], data[1:-64], data[-64:]
        issuer, fields = _BODIES[kind](Reader(body))
        signed = enc(LABELS[kind].encode()) + body
        try:
            Ed25519PublicKey.from_public_bytes(issuer).verify(signature, signed)
        except InvalidSignature:
            raise Malformed("a statement that does not verify") from None
        return cls(kind, issuer, fields, data)


def _announcement(reader: Reader) -> tuple[bytes, dict]:
    version, expiry = reader.u64(), reader.u64()
    card = Card.decode(reader.take(reader.u16()))
    suites = [reader.u16() for _ in range(reader.u8())]
    services = [_text(reader) for _ in range(reader.u8())]
    profile = {_text(reader): _text(reader) for _ in range(reader.u8())}
    reader.end()
    fields = dict(version=version, expiry=expiry, card=card)
    return card.identity, fields | dict(suites=suites, services=services, profile=profile)


def _voucher(reader: Reader) -> tuple[bytes, dict]:
    issuer, subject = reader.take(32), reader.take(32)
    version, expiry, depth = reader.u64(), reader.u64(), reader.u8()
    relation, count = reader.u8(), reader.u8()
    services = None if count == ALL_SERVICES else [_text(reader) for _ in range(count)]
    reader.end()
    fields = dict(subject=subject, version=version, expiry=expiry, depth=depth)
    return issuer, fields | dict(relation=("client", "peer")[relation], services=services)


def _revocation(reader: Reader) -> tuple[bytes, dict]:
    issuer, about = reader.take(32), reader.u8()
    subject = reader.take((32, 16)[about])
    fields = dict(about=("member", "device")[about], subject=subject)
    fields |= dict(serial=reader.u64(), lifted=(False, True)[reader.u8()])
    reader.end()
    return issuer, fields


_BODIES = {1: _announcement, 2: _voucher, 3: _revocation}


def _text(reader: Reader) -> str:
    return reader.take(reader.u8()).decode()


def read_news(message: bytes) -> tuple[str, list]:
    """§3.9: have and want with names, or statements."""
    reader = Reader(message)
    kind = reader.u8()
    if kind in (1, 2):
        names = []
        while reader.left:
            names.append(reader.take(32))
        if len(names) > MAX_NEWS_NAMES:
            raise Malformed("too many names")
        return ("have", "want")[kind - 1], names
    if kind != 3:
        raise Malformed("no news")
    statements = []
    while reader.left:
        statements.append(Statement.read(reader.take(reader.u16())))
    return "statements", statements


def told(statements: list[Statement]) -> bytes:
    return u8(3) + b"".join(u16(len(one.data)) + one.data for one in statements)


def ticket_entry_header(secret: bytes, expiry: int, uses: int, bound: bytes | None) -> bytes:
    """§3.8: an entry of the issuer's book, up to what the voucher grants."""
    return u8(1) + secret + u64(expiry) + u16(uses) + (u8(1) + bound if bound else u8(0))
