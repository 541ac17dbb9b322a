"""Self-synchronizing frames (PROTOCOL.md §2), read as on a reliable path: trusting, the first damage is the end."""

from wire import Malformed, u8

MARKER = b"\xfe\xfd"
VERSION = 1
RADIX = 253
LONGEST_FIRST = RADIX - 1
LONGEST_LATER = RADIX * RADIX - 1

# §10: a packet, header and tag included.
MAX_BODY_BYTES = 64_259


def frame(body: bytes) -> bytes:
    """§2.1: marker, version, stuffed body, marker."""
    return MARKER + u8(VERSION) + stuff(body) + MARKER


def stuff(body: bytes) -> bytes:
    """§2.2: runs with their lengths in front, the markers between them elided."""
    stuffed = bytearray()
    rest, longest = body, LONGEST_FIRST
    while True:
        window = rest[:longest]
        marker = window.find(MARKER)
        run = window if marker < 0 else window[:marker]
        stuffed += _length(len(run), longest) + run
        if marker >= 0:
            rest = rest[marker + len(MARKER) :]
        elif len(window) < longest:
            return bytes(stuffed)
        else:
            rest = rest[longest:]
        longest = LONGEST_LATER


def _length(length: int, longest: int) -> bytes:
    if longest == LONGEST_FIRST:
        return u8(length)
    return bytes((length % RADIX, length // RADIX))


class FrameReader:
    """§2.3: takes bytes as they come and gives out the bodies of whole frames."""

    def __init__(self, longest_body: int = MAX_BODY_BYTES):
        self._longest_body = longest_body
        self._buffer = bytearray()
        self._begun = False

    def push(self, data: bytes) -> None:
        self._buffer += data

    def next_body(self) -> bytes | None:
        """The next body, or nothing while it is not whole. Raises Malformed at the first damage."""
        try:
            return self._parse()
        except _Incomplete:
            return None

    def _parse(self) -> bytes:
        at = 0
        # A closing marker may be the opening one of the next frame, and empty space stands between markers.
        while self._take(at, 1)[0] == MARKER[0]:
            if self._take(at, 2) != MARKER:
                raise Malformed("no marker where one must stand")
            at += 2
            self._begun = True
            self._drop(at)
            at = 0
        if not self._begun or self._take(at, 1)[0] != VERSION:
            raise Malformed("neither a marker nor the version")
        body, behind = self._unstuff(at + 1)
        self._drop(behind)
        return body

    def _unstuff(self, at: int) -> tuple[bytes, int]:
        body = bytearray()
        length, at, longest = self._take(at, 1)[0], at + 1, LONGEST_FIRST
        while True:
            if length > longest or len(body) + length > self._longest_body:
                raise Malformed("a length that no run has, or a body too long")
            body += self._take(at, length)
            at += length
            following = self._take(at, 2)
            at += 2
            if following == MARKER:
                if length == longest:
                    raise Malformed("a marker behind a run of full length")
                return bytes(body), at
            if max(following) >= RADIX:
                raise Malformed("a byte above 252 in a length")
            if length < longest:
                body += MARKER
            length, longest = following[0] + RADIX * following[1], LONGEST_LATER

    def _take(self, at: int, count: int) -> bytes:
        if len(self._buffer) < at + count:
            raise _Incomplete
        return bytes(self._buffer[at : at + count])

    def _drop(self, count: int) -> None:
        del self._buffer[:count]


class _Incomplete(Exception):
    """Bytes are missing that may still come."""
