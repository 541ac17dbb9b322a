"""Primitives (PROTOCOL.md §4.2): hashes with labels and lengths, and which points are refused."""

import hashlib

from wire import Malformed, u64

P = 2**255 - 19

LOW_ORDER = frozenset(
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    )
) | {0, 1, P - 1}


def enc(field: bytes) -> bytes:
    return u64(len(field)) + field


def _input(label: str, fields: tuple[bytes, ...]) -> bytes:
    return b"".join(enc(field) for field in (label.encode("ascii"), *fields))


def H(label: str, *fields: bytes) -> bytes:
    return hashlib.sha3_256(_input(label, fields)).digest()


def derive(length: int, label: str, *fields: bytes) -> bytes:
    return hashlib.shake_256(_input(label, fields)).digest(length)


def mac(label: str, key: bytes, message: bytes) -> bytes:
    return derive(16, label, key, H(label, message))


def check_point(point: bytes) -> bytes:
    """An X25519 public key: canonical, and of no low order."""
    u = int.from_bytes(point, "little")
    if len(point) != 32 or u >= P or u in LOW_ORDER:
        raise Malformed("a point that is refused")
    return point
