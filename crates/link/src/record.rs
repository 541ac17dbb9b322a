//! Records: what stands in a packet, back to back (PROTOCOL.md §8). Encode and decode only.

use crate::error::{CloseReason, PeerFault, StopReason};
use crate::packet::PacketBuffer;
use crate::stream::{Priority, StreamId, StreamName};

/// The most that the fixed part of a record takes: type, stream, number, length, and a chunk header.
pub(crate) const MAX_RECORD_HEAD_BYTES: usize = MAX_MESSAGE_HEAD_BYTES + chunk_proto::MAX_HEADER_BYTES;
/// The same without a chunk header.
const MAX_MESSAGE_HEAD_BYTES: usize = 1 + 5 + 10 + 5;

const PADDING: u8 = 0x00;
const CONFIRM: u8 = 0x01;
const OPEN: u8 = 0x02;
const END: u8 = 0x03;
const MESSAGE: u8 = 0x04;
const MESSAGE_ACKED: u8 = 0x05;
const CHUNK: u8 = 0x06;
const CHUNK_ACKED: u8 = 0x07;
const RESET: u8 = 0x08;
const STOP: u8 = 0x09;
const CREDIT: u8 = 0x0a;
const ACK: u8 = 0x0b;
const PING: u8 = 0x0c;
const PONG: u8 = 0x0d;
const REKEY_REQUEST: u8 = 0x0e;
const REKEY_RESPONSE: u8 = 0x0f;
const CLOSE: u8 = 0x10;
/// Types from here to 0x7f carry a length and are skipped where they are not known.
const SKIPPABLE: std::ops::RangeInclusive<u8> = 0x40..=0x7f;

/// One record, with payloads borrowed from the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    Confirm,
    Open {
        stream: StreamId,
        priority: Priority,
        name: StreamName,
    },
    End {
        stream: StreamId,
        next: u64,
    },
    Message(Message<'a>),
    /// The payload begins with the header of `chunk-proto`.
    Chunk {
        stream: StreamId,
        number: u64,
        acked: bool,
        chunk: &'a [u8],
    },
    Reset {
        stream: StreamId,
        number: u64,
    },
    Stop {
        stream: StreamId,
        reason: StopReason,
    },
    Credit {
        stream: StreamId,
        limit: u64,
    },
    Ack {
        stream: StreamId,
        next: u64,
    },
    Ping {
        number: u64,
    },
    Pong {
        number: u64,
    },
    RekeyRequest {
        message: &'a [u8],
    },
    RekeyResponse {
        message: &'a [u8],
    },
    Close {
        reason: CloseReason,
    },
}

/// The record of a small message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) stream: StreamId,
    pub(crate) number: u64,
    pub(crate) acked: bool,
    pub(crate) payload: &'a [u8],
}

/// Reads records off the front of a packet's plaintext.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(plaintext: &'a [u8]) -> Self {
        Self { rest: plaintext }
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next record if it is a message of this stream, as most are that follow one. Whatever else stands there, and be
    /// it malformed, is left to [`next`](Self::next).
    #[inline]
    pub(crate) fn next_message_of(&mut self, stream: StreamId) -> Option<Message<'a>> {
        let (&kind, rest) = self.rest.split_first()?;
        let acked = match kind {
            MESSAGE => false,
            MESSAGE_ACKED => true,
            _ => return None,
        };
        let mut ahead = Self { rest };
        let message = ahead.message(acked).ok().filter(|message| message.stream == stream)?;
        *self = ahead;
        Some(message)
    }

    /// The next record; `None` at the end of the packet.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'a>>, PeerFault> {
        loop {
            let Some((&kind, rest)) = self.rest.split_first() else { return Ok(None) };
            self.rest = rest;
            match kind {
                PADDING => continue,
                kind if SKIPPABLE.contains(&kind) => {
                    let length = self.varint()?;
                    self.take(length)?;
                }
                kind => return self.body(kind).map(Some),
            }
        }
    }

    fn body(&mut self, kind: u8) -> Result<Record<'a>, PeerFault> {
        Ok(match kind {
            MESSAGE | MESSAGE_ACKED => Record::Message(self.message(kind == MESSAGE_ACKED)?),
            CHUNK | CHUNK_ACKED => {
                let (stream, number, length) = (self.stream()?, self.varint()?, self.varint()?);
                Record::Chunk { stream, number, acked: kind == CHUNK_ACKED, chunk: self.take(length)? }
            }
            CONFIRM => Record::Confirm,
            OPEN => self.open()?,
            END => Record::End { stream: self.stream()?, next: self.varint()? },
            RESET => Record::Reset { stream: self.stream()?, number: self.varint()? },
            STOP => Record::Stop { stream: self.stream()?, reason: StopReason::from_code(self.byte()?) },
            CREDIT => {
                let id = self.varint()?;
                let stream = StreamId(u32::try_from(id).map_err(|_| PeerFault::MalformedRecord)?);
                Record::Credit { stream, limit: self.varint()? }
            }
            ACK => Record::Ack { stream: self.stream()?, next: self.varint()? },
            PING => Record::Ping { number: u64::from_le_bytes(self.array()?) },
            PONG => Record::Pong { number: u64::from_le_bytes(self.array()?) },
            REKEY_REQUEST => {
                let length = self.varint()?;
                Record::RekeyRequest { message: self.take(length)? }
            }
            REKEY_RESPONSE => {
                let length = self.varint()?;
                Record::RekeyResponse { message: self.take(length)? }
            }
            CLOSE => Record::Close { reason: CloseReason::from_code(u16::from_le_bytes(self.array()?)) },
            _ => return Err(PeerFault::MalformedRecord),
        })
    }

    #[inline]
    fn message(&mut self, acked: bool) -> Result<Message<'a>, PeerFault> {
        let (stream, number, length) = (self.stream()?, self.varint()?, self.varint()?);
        Ok(Message { stream, number, acked, payload: self.take(length)? })
    }

    fn open(&mut self) -> Result<Record<'a>, PeerFault> {
        let stream = self.stream()?;
        let priority = match self.byte()? {
            0 => Priority::Urgent,
            1 => Priority::Normal,
            2 => Priority::Bulk,
            _ => return Err(PeerFault::MalformedRecord),
        };
        let length = self.byte()?;
        let name = std::str::from_utf8(self.take(u64::from(length))?).ok().and_then(StreamName::new);
        Ok(Record::Open { stream, priority, name: name.ok_or(PeerFault::MalformedRecord)? })
    }

    #[inline]
    fn stream(&mut self) -> Result<StreamId, PeerFault> {
        match u32::try_from(self.varint()?) {
            Ok(id) if id != 0 => Ok(StreamId(id)),
            _ => Err(PeerFault::MalformedRecord),
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, PeerFault> {
        chunk_proto::varint::take(&mut self.rest).map_err(|_| PeerFault::MalformedRecord)
    }

    fn byte(&mut self) -> Result<u8, PeerFault> {
        let (&byte, rest) = self.rest.split_first().ok_or(PeerFault::MalformedRecord)?;
        self.rest = rest;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PeerFault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(PeerFault::MalformedRecord)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<&'a [u8], PeerFault> {
        let length = usize::try_from(length).map_err(|_| PeerFault::MalformedRecord)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(PeerFault::MalformedRecord)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// The fixed part of a record under construction.
pub(crate) struct Head {
    bytes: [u8; MAX_RECORD_HEAD_BYTES],
    length: usize,
}

impl Head {
    fn new(kind: u8) -> Self {
        let mut head = Self { bytes: [0; MAX_RECORD_HEAD_BYTES], length: 0 };
        head.push(&[kind]);
        head
    }

    /// The head of a chunk of `length` bytes, which follow, with the header of `chunk-proto`.
    pub(crate) fn chunk(
        stream: StreamId,
        number: u64,
        acked: bool,
        header: &chunk_proto::ChunkHeader,
        length: usize,
    ) -> Self {
        let header_bytes = header.encoded_len();
        let mut head = Self::new(if acked { CHUNK_ACKED } else { CHUNK });
        head.varint(u64::from(stream.0));
        head.varint(number);
        head.varint(u64::try_from(header_bytes + length).unwrap_or(u64::MAX));
        if let Some(mut room) = head.bytes.get_mut(head.length..head.length + header_bytes) {
            header.encode(&mut room);
            head.length += header_bytes;
        }
        head
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn varint(&mut self, value: u64) {
        self.length = put_varint(&mut self.bytes, self.length, value);
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }
}

/// Writes a number at `at` and says where it ends.
#[inline]
fn put_varint(room: &mut [u8], at: usize, value: u64) -> usize {
    let mut at = at;
    let mut left = value;
    let mut put = |byte: u8| {
        if let Some(place) = room.get_mut(at) {
            *place = byte;
            at += 1;
        }
    };
    while left > 0x7f {
        let [low, ..] = left.to_le_bytes();
        put(low | 0x80);
        left >>= 7;
    }
    let [last, ..] = left.to_le_bytes();
    put(last);
    at
}

impl Message<'_> {
    /// The most that the record of a message of `bytes` bytes takes.
    pub(crate) const fn max_record_bytes(bytes: usize) -> usize {
        MAX_MESSAGE_HEAD_BYTES + bytes
    }

    /// Appends the record, written where it stands.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut PacketBuffer) {
        let Self { stream, number, acked, payload } = *self;
        let room = out.room(Self::max_record_bytes(payload.len()));
        if let Some(kind) = room.first_mut() {
            *kind = if acked { MESSAGE_ACKED } else { MESSAGE };
        }
        let mut at = put_varint(room, 1, u64::from(stream.0));
        at = put_varint(room, at, number);
        at = put_varint(room, at, u64::try_from(payload.len()).unwrap_or(u64::MAX));
        let end = at + payload.len();
        if let Some(room) = room.get_mut(at..end) {
            room.copy_from_slice(payload);
        }
        out.fill(end);
    }
}

impl Record<'_> {
    /// Appends a record of control. Messages go through [`Message::append_to`], chunks through [`Head`].
    pub(crate) fn append_to(&self, out: &mut PacketBuffer) {
        let varint_pair = |out: &mut PacketBuffer, kind: u8, stream: &StreamId, value: u64| {
            let mut head = Head::new(kind);
            head.varint(u64::from(stream.0));
            head.varint(value);
            out.append(head.as_bytes());
        };
        match self {
            Self::Confirm => out.append(&[CONFIRM]),
            Self::Open { stream, priority, name } => {
                let mut head = Head::new(OPEN);
                head.varint(u64::from(stream.0));
                let length = u8::try_from(name.as_str().len()).unwrap_or(u8::MAX);
                head.push(&[u8::try_from(priority.index()).unwrap_or(u8::MAX), length]);
                out.append(head.as_bytes());
                out.append(name.as_str().as_bytes());
            }
            Self::End { stream, next } => varint_pair(out, END, stream, *next),
            Self::Reset { stream, number } => varint_pair(out, RESET, stream, *number),
            Self::Stop { stream, reason } => {
                let mut head = Head::new(STOP);
                head.varint(u64::from(stream.0));
                head.push(&[reason.code()]);
                out.append(head.as_bytes());
            }
            Self::Credit { stream, limit } => varint_pair(out, CREDIT, stream, *limit),
            Self::Ack { stream, next } => varint_pair(out, ACK, stream, *next),
            Self::Ping { number } => {
                out.append(&[PING]);
                out.append(&number.to_le_bytes());
            }
            Self::Pong { number } => {
                out.append(&[PONG]);
                out.append(&number.to_le_bytes());
            }
            Self::RekeyRequest { message } => prefixed(out, REKEY_REQUEST, message),
            Self::RekeyResponse { message } => prefixed(out, REKEY_RESPONSE, message),
            Self::Close { reason } => {
                out.append(&[CLOSE]);
                out.append(&reason.code().to_le_bytes());
            }
            Self::Message(message) => message.append_to(out),
            Self::Chunk { stream, number, acked, chunk } => {
                let mut head = Head::new(if *acked { CHUNK_ACKED } else { CHUNK });
                head.varint(u64::from(stream.0));
                head.varint(*number);
                head.varint(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                out.append(head.as_bytes());
                out.append(chunk);
            }
        }
    }
}

fn prefixed(out: &mut PacketBuffer, kind: u8, message: &[u8]) {
    let mut head = Head::new(kind);
    head.varint(u64::try_from(message.len()).unwrap_or(u64::MAX));
    out.append(head.as_bytes());
    out.append(message);
}

#[cfg(test)]
mod tests;
