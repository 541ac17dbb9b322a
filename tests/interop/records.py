"""Records, which the plaintext of a sealed packet consists of (PROTOCOL.md §8)."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import ClassVar

from wire import Malformed, Reader, u8, u16, u64, varint

# How each kind of field is written and read. Bytes follow their length.
_WRITE = {
    "u8": u8,
    "u16": u16,
    "u64": u64,
    "varint": varint,
    "name": lambda name: u8(len(name.encode())) + name.encode(),
    "bytes": lambda data: varint(len(data)) + data,
}
_READ = {
    "u8": Reader.u8,
    "u16": Reader.u16,
    "u64": Reader.u64,
    "varint": Reader.varint,
    "name": lambda reader: reader.take(reader.u8()).decode(),
    "bytes": lambda reader: reader.take(reader.varint()),
}


@dataclass(frozen=True)
class RecordBase:
    """A record is its type and its fields, each of the kind that `layout` says, in the order of the text's table."""

    type: ClassVar[int]
    layout: ClassVar[tuple[str, ...]] = ()

    def encode(self) -> bytes:
        fields = zip(self.layout, astuple(self), strict=True)
        return u8(self.type) + b"".join(_WRITE[kind](value) for kind, value in fields)


@dataclass(frozen=True)
class Confirm(RecordBase):
    type = 0x01


@dataclass(frozen=True)
class Open(RecordBase):
    type, layout = 0x02, ("varint", "u8", "name")
    stream: int
    priority: int
    name: str


@dataclass(frozen=True)
class End(RecordBase):
    type, layout = 0x03, ("varint", "varint")
    stream: int
    next: int


@dataclass(frozen=True)
class Message(RecordBase):
    type, layout = 0x04, ("varint", "varint", "bytes")
    asks: ClassVar[bool] = False
    stream: int
    number: int
    body: bytes


@dataclass(frozen=True)
class AskingMessage(Message):
    type, asks = 0x05, True


@dataclass(frozen=True)
class Chunk(RecordBase):
    type, layout = 0x06, ("varint", "varint", "bytes")
    asks: ClassVar[bool] = False
    stream: int
    number: int
    chunk: bytes


@dataclass(frozen=True)
class AskingChunk(Chunk):
    type, asks = 0x07, True


@dataclass(frozen=True)
class Reset(RecordBase):
    type, layout = 0x08, ("varint", "varint")
    stream: int
    number: int


@dataclass(frozen=True)
class Stop(RecordBase):
    type, layout = 0x09, ("varint", "u8")
    stream: int
    reason: int


@dataclass(frozen=True)
class Credit(RecordBase):
    type, layout = 0x0A, ("varint", "varint")
    stream: int
    limit: int


@dataclass(frozen=True)
class Ack(RecordBase):
    type, layout = 0x0B, ("varint", "varint")
    stream: int
    next: int


@dataclass(frozen=True)
class Ping(RecordBase):
    type, layout = 0x0C, ("u64",)
    number: int


@dataclass(frozen=True)
class Pong(RecordBase):
    type, layout = 0x0D, ("u64",)
    number: int


@dataclass(frozen=True)
class RekeyRequest(RecordBase):
    type, layout = 0x0E, ("bytes",)
    message: bytes


@dataclass(frozen=True)
class RekeyResponse(RecordBase):
    type, layout = 0x0F, ("bytes",)
    message: bytes


@dataclass(frozen=True)
class Close(RecordBase):
    type, layout = 0x10, ("u16",)
    reason: int


PADDING = 0x00
EXTENSIONS = range(0x40, 0x80)

RECORDS: dict[int, type[RecordBase]] = {
    record.type: record
    for record in (
        Confirm,
        Open,
        End,
        Message,
        AskingMessage,
        Chunk,
        AskingChunk,
        Reset,
        Stop,
        Credit,
        Ack,
        Ping,
        Pong,
        RekeyRequest,
        RekeyResponse,
        Close,
    )
}


def encode(*records: RecordBase) -> bytes:
    return b"".join(record.encode() for record in records)


def decode(plaintext: bytes) -> Iterator[RecordBase]:
    """All records of a packet but paddings and extensions, which are passed over."""
    reader = Reader(plaintext)
    while reader.left:
        kind = reader.u8()
        if kind in EXTENSIONS:
            reader.take(reader.varint())
        elif record := RECORDS.get(kind):
            yield record(*(_READ[field](reader) for field in record.layout))
        elif kind != PADDING:
            raise Malformed(f"a record of type {kind:#04x}")


class CloseReason:
    """§8.6."""

    IDLE, SHUTDOWN, SUPERSEDED, NOT_A_MEMBER, VIOLATION, APPLICATION = range(1, 7)
