"""A session with a node, dialed by the client (PROTOCOL.md §8 and §9): streams, credit, acknowledgement, the end."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from channel import Channel
from chunks import Assembly, Header, cut
from connection import PROMPTLY, Connection, soon
from handshake import Agreed, Initiator, Offer
from identity import Card, Device
from noise_ik import NoiseIk
from records import (
    Ack,
    AskingChunk,
    AskingMessage,
    Chunk,
    Close,
    CloseReason,
    Confirm,
    Credit,
    End,
    Message,
    Open,
    Ping,
    Pong,
    RecordBase,
    RekeyRequest,
    RekeyResponse,
    Stop,
    decode,
    encode,
)
from wire import Malformed

# §8.3: what a message costs besides its bytes.
MESSAGE_COST = 64
# §8.9 leaves it to the sender which messages travel as chunks; in one packet there is room for so much.
LARGEST_WHOLE = 16_384

NORMAL = 1

# §8.5.
NOBODY_RECEIVES = 1


@dataclass
class Credits:
    """§8.3: one direction of one stream, or of the session."""

    limit: int
    spent: int = 0

    def spend(self, cost: int) -> None:
        if self.spent + cost > self.limit:
            raise Malformed(f"{cost} bytes cost more than the {self.limit - self.spent} that are granted")
        self.spent += cost

    def raise_to(self, limit: int) -> None:
        self.limit = max(self.limit, limit)


@dataclass
class Outgoing:
    """A stream to the node."""

    stream: int
    credit: Credits
    next_number: int = 0
    acknowledged: int = 0
    stopped: int | None = None


@dataclass
class Incoming:
    """A stream from the node."""

    name: str
    credit: Credits
    refused: bool = False
    next_number: int = 0
    ended_at: int | None = None
    assemblies: dict[int, Assembly] = field(default_factory=dict)
    # Messages that are whole but not yet in their turn, with whether they ask for an acknowledgement.
    whole: dict[int, tuple[bytes, bool]] = field(default_factory=dict)


class Session:
    """Confirmed by the first packet that it sends."""

    def __init__(self, connection: Connection, initiator: Initiator, agreed: Agreed):
        offer, answer = initiator.offer, agreed.answer
        self.connection = connection
        self.channel = Channel(agreed)
        self.first = initiator.first
        self.answer = answer
        self.messages: deque[tuple[str, bytes]] = deque()
        self.pongs: list[int] = []
        self.outgoing: dict[int, Outgoing] = {}
        self.incoming: dict[int, Incoming] = {}
        self.close_reason: int | None = None
        # Names of streams that the client does not take. It has no list of members that news could be about.
        self.refuses = {"conclave.news"}
        self.grants_again = True
        self.saw_compression = False
        self._their_credit = Credits(answer.session_window * 1_024)
        self._my_credit = Credits(offer.session_window * 1_024)
        self._my_window = offer.session_window * 1_024
        self._my_stream_window = offer.stream_window * 1_024
        self._next_message = 0

    @classmethod
    def dial(
        cls, me: Device, card: Card, offer: Offer, suite: type[Initiator] = NoiseIk, psk: bytes = b""
    ) -> "Session":
        """§5, then §8.7: the first sealed packet of the initiator confirms the session."""
        connection = Connection(card.addresses[0])
        try:
            initiator = suite(me, card.records[0], card.door, offer, psk=psk)
            for packet in initiator.packets:
                connection.send(packet)
            session = cls(connection, initiator, initiator.read_reply(connection.receive(soon())))
            session.send(Confirm())
            return session
        except BaseException:
            connection.close()
            raise

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_) -> None:
        self.connection.close()

    def send(self, *records: RecordBase) -> None:
        self.connection.send(self.channel.seal(encode(*records)))

    def open_stream(self, name: str, priority: int = NORMAL) -> Outgoing:
        stream = Outgoing(len(self.outgoing) + 1, Credits(self.answer.stream_window * 1_024))
        self.outgoing[stream.stream] = stream
        self.send(Open(stream.stream, priority, name))
        return stream

    def send_message(self, stream: Outgoing, body: bytes, asks: bool = False) -> None:
        """Whole, or in chunks, each as soon as its credit is there: a message may be larger than a window."""
        number, stream.next_number = stream.next_number, stream.next_number + 1
        if len(body) <= LARGEST_WHOLE:
            self._spend_on(stream, len(body) + MESSAGE_COST)
            self.send((AskingMessage if asks else Message)(stream.stream, number, body))
            return
        message, self._next_message = self._next_message, self._next_message + 1
        for header, payload in cut(message, body):
            self._spend_on(stream, chunk_cost(header))
            self.send((AskingChunk if asks else Chunk)(stream.stream, number, header.encode() + payload))

    def _spend_on(self, stream: Outgoing, cost: int) -> None:
        credits = stream.credit, self._their_credit
        self.until(lambda: min(credit.limit - credit.spent for credit in credits) >= cost)
        for credit in credits:
            credit.spend(cost)

    def end_stream(self, stream: Outgoing) -> None:
        self.send(End(stream.stream, stream.next_number))

    def incoming_named(self, name: str) -> int | None:
        """The latest stream from the node of this name."""
        found = [number for number, stream in self.incoming.items() if stream.name == name]
        return max(found, default=None)

    def receive_message(self, seconds: float = PROMPTLY) -> tuple[str, bytes]:
        """The next message of any stream, with the stream's name."""
        self.until(lambda: self.messages, seconds)
        return self.messages.popleft()

    def ping(self) -> None:
        """There and back: the node has seen the session confirmed, and all that was sent before."""
        number = len(self.pongs) + 1
        self.send(Ping(number))
        self.until(lambda: number in self.pongs)

    def ask_for_fresh_keys(self) -> None:
        """§6.5."""
        generation = self.channel.generation
        self.send(RekeyRequest(self.channel.ask_for_fresh_keys()))
        self.until(lambda: self.channel.generation > generation)

    def close(self, reason: int = CloseReason.APPLICATION) -> None:
        """§8.6."""
        self.send(Close(reason))

    def until(self, condition: Callable[[], object], seconds: float = PROMPTLY) -> None:
        """Takes packets until the condition holds. Raises Closed, or TimeoutError."""
        deadline = soon(seconds)
        while not condition():
            for record in decode(self.channel.open(self.connection.receive(deadline))):
                self._take(record)

    def _take(self, record: RecordBase) -> None:
        if self.close_reason is not None:
            raise Malformed("a record behind the last")
        match record:
            case Open(stream, _, name):
                if stream in self.incoming:
                    raise Malformed("a stream opened twice")
                refused = name in self.refuses
                self.incoming[stream] = Incoming(name, Credits(self._my_stream_window), refused)
                if refused:
                    self.send(Stop(stream, NOBODY_RECEIVES))
            case Message(stream, number, body):
                self._count(stream, len(body) + MESSAGE_COST)
                self._deliver(stream, number, body, record.asks)
            case Chunk(stream, number, chunk):
                self._take_chunk(stream, number, chunk, record.asks)
            case End(stream, next):
                self.incoming[stream].ended_at = next
            case Ack(stream, next):
                self.outgoing[stream].acknowledged = next
            case Stop(stream, reason):
                self.outgoing[stream].stopped = reason
            case Credit(0, limit):
                self._their_credit.raise_to(limit)
            case Credit(stream, limit):
                self.outgoing[stream].credit.raise_to(limit)
            case Ping(number):
                self.send(Pong(number))
            case Pong(number):
                self.pongs.append(number)
            case RekeyResponse(message):
                self.channel.take_fresh_keys(message)
                # §6.5: who asked sends a packet as soon as it has the response.
                self.send()
            case Close(reason):
                self.close_reason = reason
            case Confirm():
                pass
            case _:
                raise Malformed(f"unexpected here: {record}")

    def _take_chunk(self, number_of_stream: int, number: int, chunk: bytes, asks: bool) -> None:
        stream = self.incoming[number_of_stream]
        header, body = stream.assemblies.setdefault(number, Assembly()).push(chunk)
        self.saw_compression |= header.deflate
        self._count(number_of_stream, chunk_cost(header))
        if body is not None:
            del stream.assemblies[number]
            self._deliver(number_of_stream, number, body, asks)

    def _deliver(self, number_of_stream: int, number: int, body: bytes, asks: bool) -> None:
        """§8.2: in the order of their numbers. §8.4: acknowledged when they are in the queue."""
        stream = self.incoming[number_of_stream]
        if number < stream.next_number or number in stream.whole:
            raise Malformed("a message that came already")
        stream.whole[number] = body, asks
        asked = False
        while stream.next_number in stream.whole:
            body, asks = stream.whole.pop(stream.next_number)
            stream.next_number += 1
            if not stream.refused:
                self.messages.append((stream.name, body))
                asked |= asks
        if asked:
            self.send(Ack(number_of_stream, stream.next_number))

    def _count(self, number_of_stream: int, cost: int) -> None:
        """§8.3: refuses more than was granted. What has come counts as consumed at once."""
        self.incoming[number_of_stream].credit.spend(cost)
        self._my_credit.spend(cost)
        if self.grants_again:
            self.grant(number_of_stream)

    def grant(self, number_of_stream: int) -> None:
        """§8.3: again a whole window, when half of it has been consumed."""
        grants = []
        for number, credit, window in (
            (number_of_stream, self.incoming[number_of_stream].credit, self._my_stream_window),
            (0, self._my_credit, self._my_window),
        ):
            if credit.limit - credit.spent <= window // 2:
                credit.limit = credit.spent + window
                grants.append(Credit(number, credit.limit))
        if grants:
            self.send(*grants)


def chunk_cost(header: Header) -> int:
    """§8.3: before compression."""
    return len(header.covered) + (MESSAGE_COST if header.index == 0 else 0)
