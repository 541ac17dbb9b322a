"""Chunks of large messages (PROTOCOL.md §7)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from wire import Malformed, Reader, u8, varint

DEFLATE = 0x01
GRID = 0x02

# §7.6.
CHUNK_BYTES = 64_000
LEAST_CHUNK_BYTES = 64
MAX_CHUNK_BYTES = 65_536


@dataclass(frozen=True)
class Header:
    """§7.2."""

    message: int
    total_bytes: int
    chunk_bytes: int
    index: int = 0
    deflate: bool = False

    @property
    def count(self) -> int:
        """§7.1: chunks of the message."""
        return max(1, -(-self.total_bytes // self.chunk_bytes)) if self.chunk_bytes else 1

    @property
    def covered(self) -> range:
        """§7.1: the bytes of the message that the chunk covers."""
        start = self.index * self.chunk_bytes
        return range(start, min(start + self.chunk_bytes, self.total_bytes))

    def encode(self) -> bytes:
        grid = self.count > 1
        flags = u8(DEFLATE * self.deflate | GRID * grid)
        place = varint(self.chunk_bytes) + varint(self.index) if grid else b""
        return flags + varint(self.message) + varint(self.total_bytes) + place

    @classmethod
    def read(cls, reader: Reader) -> "Header":
        flags, message, total_bytes = reader.u8(), reader.varint(), reader.varint()
        if flags & ~(DEFLATE | GRID):
            raise Malformed("a flag that no chunk has")
        grid, deflate = bool(flags & GRID), bool(flags & DEFLATE)
        chunk_bytes, index = (reader.varint(), reader.varint()) if grid else (total_bytes, 0)
        header = cls(message, total_bytes, chunk_bytes, index, deflate)
        if grid and not LEAST_CHUNK_BYTES <= chunk_bytes <= MAX_CHUNK_BYTES:
            raise Malformed("a chunk size out of range")
        if (header.count > 1) != grid or index >= header.count or chunk_bytes > MAX_CHUNK_BYTES:
            raise Malformed("an index or a grid that the message does not have")
        return header


def cut(message: int, body: bytes, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[Header, bytes]]:
    """The chunks of a message in order, headers and payloads, compressed where that makes them shorter."""
    grid = chunk_bytes if len(body) > chunk_bytes else len(body)
    for index in range(Header(message, len(body), grid).count):
        header = Header(message, len(body), grid, index)
        payload = body[header.covered.start : header.covered.stop]
        deflated = _deflate(payload)
        if len(deflated) < len(payload):
            header, payload = replace(header, deflate=True), deflated
        yield header, payload


def _deflate(payload: bytes) -> bytes:
    """§7.3: each chunk is a stream of its own."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(payload) + deflater.flush()


class Assembly:
    """§7.5, for chunks that arrive each once, in any order."""

    def __init__(self):
        self._first: Header | None = None
        self._pieces: dict[int, bytes] = {}

    def push(self, chunk: bytes) -> tuple[Header, bytes | None]:
        """The header of the chunk, and the message when this was the last chunk of it that was missing."""
        reader = Reader(chunk)
        header = Header.read(reader)
        first = self._first = self._first or header
        if (header.message, header.total_bytes, header.chunk_bytes) != (
            first.message,
            first.total_bytes,
            first.chunk_bytes,
        ) or header.index in self._pieces:
            raise Malformed("a chunk that contradicts what its message began with")
        self._pieces[header.index] = _payload(header, reader.rest())
        if len(self._pieces) < header.count:
            return header, None
        return header, b"".join(self._pieces[index] for index in range(header.count))


def _payload(header: Header, payload: bytes) -> bytes:
    """§7.3: exactly the covered bytes, raw or as one stream of deflate."""
    covered = len(header.covered)
    if header.deflate:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        shorter = len(payload) < covered
        payload = inflater.decompress(payload, covered + 1)
        if not shorter or not inflater.eof or inflater.unused_data:
            raise Malformed("not one stream of deflate, or a useless one")
    if len(payload) != covered:
        raise Malformed("a payload of another length than the chunk covers")
    return payload
