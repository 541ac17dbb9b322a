"""Tickets (PROTOCOL.md §3.8), by which somebody who is no member comes in."""

from dataclasses import dataclass

import bech32m
from identity import Card
from wire import Malformed, Reader

PREFIX = "ticket"
SCHEME = "conclave:"
VERSION = 1
BOUND = 1


@dataclass(frozen=True)
class Ticket:
    id: bytes
    secret: bytes
    expiry: int
    bound: bytes | None
    card: Card

    @classmethod
    def parse(cls, text: str) -> "Ticket":
        """A ticket's text, or its URI."""
        if text[: len(SCHEME)].lower() == SCHEME:
            text = text[len(SCHEME) :]
        reader = Reader(bech32m.decode(PREFIX, text))
        if reader.u8() != VERSION:
            raise Malformed("a ticket of another version")
        id, secret, expiry, flags = reader.take(16), reader.take(32), reader.u64(), reader.u8()
        if id == bytes(16) or flags not in (0, BOUND):
            raise Malformed("a ticket without an id, or with unknown flags")
        bound = reader.take(32) if flags == BOUND else None
        return cls(id, secret, expiry, bound, Card.decode(reader.rest()))
