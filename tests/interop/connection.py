"""A TCP connection that carries one packet a frame (PROTOCOL.md §1, §2), with a deadline for every wait."""

import socket
import time

from frames import FrameReader, frame

# How long anything may take that the node does at once.
PROMPTLY = 10.0


class Closed(Exception):
    """The node has closed the connection."""


class Connection:
    """One path to a node."""

    def __init__(self, address: str, source: str | None = None):
        host, _, port = address.rpartition(":")
        origin = None if source is None else (source, 0)
        self._socket = socket.create_connection((host.strip("[]"), int(port)), PROMPTLY, origin)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = FrameReader()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, packet: bytes) -> None:
        self.send_bytes(frame(packet))

    def send_bytes(self, data: bytes) -> None:
        self._socket.settimeout(PROMPTLY)
        self._socket.sendall(data)

    def receive(self, deadline: float) -> bytes:
        """The next packet. Raises Closed, or TimeoutError at the deadline."""
        while (packet := self._frames.next_body()) is None:
            data = self.receive_bytes(deadline)
            if not data:
                raise Closed
            self._frames.push(data)
        return packet

    def receive_bytes(self, deadline: float) -> bytes:
        """What comes next, nothing if the node has closed. Raises TimeoutError at the deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            return self._socket.recv(1 << 16)
        except ConnectionResetError:
            return b""


def soon(seconds: float = PROMPTLY) -> float:
    """A deadline."""
    return time.monotonic() + seconds
