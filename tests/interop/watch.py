"""Connections on which nothing is to be heard (PROTOCOL.md §9.2)."""

import selectors
import time
from unittest import TestCase

from connection import Connection, soon

# §10, HANDSHAKE_TIMEOUT, and how far from it an end may be seen on a busy machine.
DEADLINE = 10.0
TOLERANCE = 3.0


class Watch:
    """Several connections, and what comes of each.

    Every one comes from an address of its own on the loopback network, of which a Linux machine has them all: a node
    may lose its patience with an address from which only forgeries come.
    """

    def __init__(self, address: str):
        self._address = address
        self._selector = selectors.DefaultSelector()

    def begin(self, what: str, data: bytes) -> Connection:
        source = f"127.0.1.{1 + len(self._selector.get_map())}"
        connection = Connection(self._address, source)
        connection.send_bytes(data)
        self._selector.register(connection, selectors.EVENT_READ, (what, time.monotonic()))
        return connection

    def assert_silence(self, test: TestCase) -> None:
        """No byte on any connection, and the end of each at its deadline."""
        for what, (data, seconds) in self.outcomes().items():
            with test.subTest(what):
                test.assertEqual(data, b"")
                test.assertAlmostEqual(seconds, DEADLINE, delta=TOLERANCE)

    def outcomes(self) -> dict[str, tuple[bytes, float]]:
        """The first bytes that came, none if the node closed, and after how many seconds."""
        found = {}
        deadline = soon(DEADLINE + TOLERANCE)
        while self._selector.get_map():
            left = deadline - time.monotonic()
            events = self._selector.select(left) if left > 0 else []
            if not events:
                raise AssertionError(
                    f"left open: {[key.data[0] for key in self._selector.get_map().values()]}"
                )
            for key, _ in events:
                what, began = key.data
                self._selector.unregister(key.fileobj)
                found[what] = key.fileobj.receive_bytes(soon()), time.monotonic() - began
        self._selector.close()
        return found
