"""Actors (PROTOCOL.md §13), as somebody who has none and asks those of a node: lanes, envelopes, services."""

from dataclasses import dataclass
from typing import NamedTuple

import cbor2

from connection import PROMPTLY
from session import MESSAGE_COST, Credits, Outgoing, Session
from wire import Malformed, Reader, u8, u16, u32

LANE_NAME = "conclave.actors/"
LANES = 5
NEWS = 0

VERSION = 1
MAX_BODY_BYTES = 1 << 20
SELF_DESCRIBING = 1
REPLY_ENTRY = 3

# §13.5: what an entry of a message's table costs.
ENTRY_COST = 128


class Kind:
    """§13.3."""

    HELLO, MESSAGE, MESSAGE_WITH_ADDRESSES, REPLY, REFUSAL, CONFIRMED, CREDIT, ENDED = range(0x01, 0x09)
    GONE, RELEASE, HOLD, HOLDS_DONE, HELD, LOOK_UP, FOUND, LIST, SERVICES = range(0x09, 0x12)


class Reason:
    """§13.8."""

    UNREADABLE, NO_SUCH_SERVICE = 2, 6
    ENDED_EXPIRED_OR_UNKNOWN = 4
    ACTOR_ENDED = 16


@dataclass(frozen=True)
class Service:
    name: str
    schema: str
    format: int


@dataclass(frozen=True)
class ActorOffer:
    """§13.3: an actor that may be spoken with, and under which tag."""

    flags: int
    uuid: bytes
    tag: int
    limit: int
    format: int
    schema: str

    @classmethod
    def read(cls, reader: Reader) -> "ActorOffer":
        return cls(reader.u8(), reader.take(16), reader.u32(), reader.u64(), reader.u8(), _text(reader))


class Envelope(NamedTuple):
    """What came, on which lane, and what follows the kind."""

    lane: int
    kind: int
    fields: Reader


class Actors:
    """The asking end. The session's messages are its own from now on."""

    def __init__(self, session: Session):
        self._session = session
        self._lanes: dict[int, Outgoing] = {}
        self._credits: dict[int, Credits] = {}
        self._next_ask = 1
        # §13.4: nothing is held from before.
        self.say(NEWS, Kind.HELLO, u8(VERSION) + u32(MAX_BODY_BYTES))
        self.say(NEWS, Kind.HOLDS_DONE)

    def say(self, lane: int, kind: int, fields: bytes = b"") -> None:
        if lane not in self._lanes:
            priority = 0 if lane == NEWS else 1
            self._lanes[lane] = self._session.open_stream(f"{LANE_NAME}{lane}", priority)
        self._session.send_message(self._lanes[lane], u8(kind) + fields)

    def hear(self, seconds: float = PROMPTLY) -> Envelope:
        stream, message = self._session.receive_message(seconds)
        name, lane = stream[: len(LANE_NAME)], stream[len(LANE_NAME) :]
        if name != LANE_NAME or lane not in map(str, range(LANES)):
            raise Malformed(f"no lane: {stream}")
        reader = Reader(message)
        return Envelope(int(lane), reader.u8(), reader)

    def hear_of(self, *kinds: int) -> Envelope:
        """The next envelope of one of these kinds. What a node says of itself in between is taken in."""
        while (heard := self.hear()).kind not in kinds:
            if heard.kind == Kind.CREDIT:
                self._raise_credit(heard.fields)
            elif heard.kind not in (Kind.HELLO, Kind.HOLDS_DONE):
                raise Malformed(f"unexpected here: {heard.kind:#04x}")
        return heard

    def _raise_credit(self, fields: Reader) -> None:
        tag, limit = fields.u32(), fields.u64()
        fields.end()
        self._credits[tag].raise_to(limit)

    def new_ask(self) -> int:
        self._next_ask += 1
        return self._next_ask - 1

    def services(self) -> list[Service]:
        ask = self.new_ask()
        self.say(NEWS, Kind.LIST, u32(ask))
        fields = self.answer(ask, Kind.SERVICES).fields
        found = [Service(_text(fields), _text(fields), fields.u8()) for _ in range(fields.u16())]
        fields.end()
        return found

    def look_up(self, name: str) -> ActorOffer:
        ask = self.new_ask()
        self.say(NEWS, Kind.LOOK_UP, u32(ask) + u8(len(name.encode())) + name.encode())
        fields = self.answer(ask, Kind.FOUND).fields
        offer = ActorOffer.read(fields)
        fields.end()
        self._credits[offer.tag] = Credits(offer.limit)
        return offer

    def send(self, tag: int, body: bytes, confirm: bool = False) -> tuple[int, int]:
        """A message with one entry in its table: where the answer goes. Both asks, the confirmation's first."""
        if credit := self._credits.get(tag):
            # §13.5: while anything of it is left, one message may pass it.
            while credit.spent >= credit.limit:
                self._raise_credit(self.hear_of(Kind.CREDIT).fields)
            credit.spent += len(body) + MESSAGE_COST + ENTRY_COST
        confirmation, reply = self.new_ask(), self.new_ask()
        table = u16(1) + u8(REPLY_ENTRY) + u32(reply) + u8(SELF_DESCRIBING)
        fields = u32(tag) + u8(confirm) + u32(confirmation) + table + body
        self.say(lane_of(tag), Kind.MESSAGE_WITH_ADDRESSES, fields)
        return confirmation, reply

    def ask(self, offer: ActorOffer, value):
        """§13.11: what a service of the plainest shape answers."""
        _, ask = self.send(offer.tag, cbor2.dumps({"body": value, "reply": 0}))
        fields = self.answer(ask, Kind.REPLY).fields
        if fields.u16() != 0:
            raise Malformed("an answer with addresses, where none are expected")
        return cbor2.loads(fields.rest())

    def release(self, offer: ActorOffer) -> None:
        """§13.6: one receipt."""
        self.say(NEWS, Kind.RELEASE, u32(offer.tag) + u32(1))

    def answer(self, ask: int, kind: int) -> Envelope:
        """§13.1: a reply goes on the lane of its ask, every other answer is news."""
        heard = self.hear_of(kind, Kind.REFUSAL)
        lane = lane_of(ask) if heard.kind == Kind.REPLY else NEWS
        if heard.fields.u32() != ask or heard.lane != lane:
            raise Malformed("an answer to something else, or on another lane")
        if heard.kind != kind:
            raise Refused(heard.fields.u8())
        return heard


class Refused(Exception):
    """§13.8: with the reason."""

    @property
    def reason(self) -> int:
        return self.args[0]


def lane_of(number: int) -> int:
    """§13.1: of a tag or an ask."""
    return 1 + number % (LANES - 1)


def _text(reader: Reader) -> str:
    return reader.take(reader.u8()).decode()
