//! Envelopes: what the pipe below carries (PROTOCOL.md §13). Encode and decode only.

use bytes::Bytes;

use crate::body::Format;
use crate::ended::Ended;
use crate::error::{AskError, PeerFault, SendError};
use crate::limits::MAX_ADDRESSES;
use crate::node_id::{ActorId, NodeId, ServiceName};
use crate::schema::Schema;
use crate::table::Tag;

/// The version that HELLO names.
pub(crate) const VERSION: u8 = 1;

const HELLO: u8 = 0x01;
const MESSAGE: u8 = 0x02;
const MESSAGE_WITH: u8 = 0x03;
const REPLY: u8 = 0x04;
const REFUSAL: u8 = 0x05;
const CONFIRMED: u8 = 0x06;
const CREDIT: u8 = 0x07;
const ENDED: u8 = 0x08;
const GONE: u8 = 0x09;
const RELEASE: u8 = 0x0a;
const HOLD: u8 = 0x0b;
const HOLDS_DONE: u8 = 0x0c;
const HELD: u8 = 0x0d;
const LOOK_UP: u8 = 0x0e;
const FOUND: u8 = 0x0f;
const LIST: u8 = 0x10;
const SERVICES: u8 = 0x11;

const ENTRY_YOURS: u8 = 0;
const ENTRY_MINE: u8 = 1;
const ENTRY_THIRD: u8 = 2;
const ENTRY_REPLY: u8 = 3;

const FLAG_DIRECT_ONLY: u8 = 1;
const FLAG_RELAYED: u8 = 2;

/// One envelope, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Envelope {
    Hello { max_body_bytes: u32 },
    Message { to: Tag, confirm: Option<Tag>, table: Vec<Entry>, body: Bytes },
    Reply { ask: Tag, table: Vec<Entry>, body: Bytes },
    Refusal { ask: Tag, refusal: Refusal },
    Confirmed { ask: Tag },
    Credit { to: Tag, limit: u64 },
    Ended { to: Tag, why: Ended },
    Gone { id: ActorId, why: Ended },
    Release { tag: Tag, count: u32 },
    Hold { id: ActorId },
    HoldsDone,
    Held(Offer),
    LookUp { ask: Tag, name: ServiceName },
    Found { ask: Tag, offer: Offer },
    List { ask: Tag },
    Services { ask: Tag, services: Vec<Listed> },
}

/// An address in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// An actor of the receiver.
    Yours { id: ActorId },
    /// An actor of the sender.
    Mine(Offer),
    /// An actor of a third node.
    Third { node: NodeId, id: ActorId, shape: Shape, relay: Option<Relay> },
    /// Where an answer goes.
    Reply { ask: Tag, format: Format },
}

/// An actor of the sender, with the credit that the receiver has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) id: ActorId,
    pub(crate) tag: Tag,
    pub(crate) limit: u64,
    pub(crate) shape: Shape,
}

/// The way through the sender to an actor of a third node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) id: ActorId,
    pub(crate) tag: Tag,
    pub(crate) limit: u64,
}

/// What an actor understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) schema: Box<str>,
    pub(crate) format: Format,
    pub(crate) direct_only: bool,
}

/// A service in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: ServiceName,
    pub(crate) schema: Box<str>,
    pub(crate) format: Format,
}

/// Why something that was asked did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoReply,
    Malformed,
    NotAllowed,
    NoRoom,
    ReplyFailed,
    NoSuchService,
    Ended(Ended),
}

impl Refusal {
    fn code(&self) -> u8 {
        match self {
            Self::NoReply => 1,
            Self::Malformed => 2,
            Self::NotAllowed => 3,
            Self::NoRoom => 4,
            Self::ReplyFailed => 5,
            Self::NoSuchService => 6,
            Self::Ended(ended) => 0x10 + ended.code(),
        }
    }

    fn from_code(code: u8) -> Self {
        match code {
            2 => Self::Malformed,
            3 => Self::NotAllowed,
            4 => Self::NoRoom,
            5 => Self::ReplyFailed,
            6 => Self::NoSuchService,
            0x11..=0x1f => Self::Ended(Ended::from_code(code - 0x10)),
            // What a later version may say: there is no answer, at any rate.
            _ => Self::NoReply,
        }
    }

    /// What an answer that did not come is told as.
    pub(crate) fn of(error: &AskError) -> Self {
        match error {
            AskError::Ended(ended) | AskError::Send(SendError::Ended(ended)) => Self::Ended(ended.clone()),
            AskError::NotAllowed | AskError::Send(SendError::NotAllowed) => Self::NotAllowed,
            AskError::Malformed | AskError::Send(SendError::Malformed) => Self::Malformed,
            AskError::NoRoom | AskError::Send(SendError::NoRoom | SendError::TableFull { .. }) => {
                Self::NoRoom
            }
            AskError::ReplyFailed | AskError::BadReply(_) => Self::ReplyFailed,
            AskError::Send(SendError::Unreachable(_)) => Self::Ended(Ended::Expired),
            _ => Self::NoReply,
        }
    }

    pub(crate) fn into_ask_error(self) -> AskError {
        match self {
            Self::NoReply | Self::NoSuchService => AskError::NoReply,
            Self::Malformed => AskError::Malformed,
            Self::NotAllowed => AskError::NotAllowed,
            Self::NoRoom => AskError::NoRoom,
            Self::ReplyFailed => AskError::ReplyFailed,
            Self::Ended(ended) => AskError::Ended(ended),
        }
    }

    pub(crate) fn into_send_error(self) -> SendError {
        match self {
            Self::Malformed => SendError::Malformed,
            Self::NotAllowed => SendError::NotAllowed,
            Self::Ended(ended) => SendError::Ended(ended),
            Self::NoRoom => SendError::NoRoom,
            Self::NoReply | Self::ReplyFailed | Self::NoSuchService => {
                SendError::Lost { maybe_delivered: true }
            }
        }
    }
}

/// Reads the plainest envelope, which is the most frequent one.
pub(crate) fn read_plain(envelope: &[u8]) -> Option<Tag> {
    let (&[MESSAGE, a, b, c, d], _) = envelope.split_first_chunk()? else { return None };
    Some(Tag(u32::from_le_bytes([a, b, c, d])))
}

/// How many bytes of the plainest envelope stand in front of its body.
pub(crate) const PLAIN_HEAD_BYTES: usize = 5;

/// Reads one envelope; whatever it holds, nothing is taken from memory beyond a constant factor of its size.
pub(crate) fn read(envelope: &Bytes) -> Result<Envelope, PeerFault> {
    let mut reader = Reader { rest: envelope };
    let kind = reader.byte()?;
    let read = match kind {
        MESSAGE => {
            let to = reader.tag()?;
            let body = envelope.slice(envelope.len() - reader.rest.len()..);
            return Ok(Envelope::Message { to, confirm: None, table: Vec::new(), body });
        }
        MESSAGE_WITH => {
            let (to, flag, confirm) = (reader.tag()?, reader.byte()?, reader.tag()?);
            let confirm = match flag {
                0 => None,
                1 => Some(confirm),
                _ => return Err(PeerFault::Malformed),
            };
            let table = reader.table()?;
            let body = envelope.slice(envelope.len() - reader.rest.len()..);
            return Ok(Envelope::Message { to, confirm, table, body });
        }
        REPLY => {
            let ask = reader.tag()?;
            let table = reader.table()?;
            let body = envelope.slice(envelope.len() - reader.rest.len()..);
            return Ok(Envelope::Reply { ask, table, body });
        }
        HELLO => {
            if reader.byte()? != VERSION {
                return Err(PeerFault::Malformed);
            }
            let max_body_bytes = u32::from_le_bytes(reader.array()?);
            // What a later version adds is not for this one.
            reader.rest = &[];
            Envelope::Hello { max_body_bytes }
        }
        REFUSAL => Envelope::Refusal { ask: reader.tag()?, refusal: Refusal::from_code(reader.byte()?) },
        CONFIRMED => Envelope::Confirmed { ask: reader.tag()? },
        CREDIT => Envelope::Credit { to: reader.tag()?, limit: reader.u64()? },
        ENDED => Envelope::Ended { to: reader.tag()?, why: Ended::from_code(reader.byte()?) },
        GONE => Envelope::Gone { id: reader.id()?, why: Ended::from_code(reader.byte()?) },
        RELEASE => Envelope::Release { tag: reader.tag()?, count: u32::from_le_bytes(reader.array()?) },
        HOLD => Envelope::Hold { id: reader.id()? },
        HOLDS_DONE => Envelope::HoldsDone,
        HELD => Envelope::Held(reader.offer()?),
        LOOK_UP => Envelope::LookUp { ask: reader.tag()?, name: reader.name()? },
        FOUND => Envelope::Found { ask: reader.tag()?, offer: reader.offer()? },
        LIST => Envelope::List { ask: reader.tag()? },
        SERVICES => {
            let (ask, count) = (reader.tag()?, u16::from_le_bytes(reader.array()?));
            let mut services = Vec::new();
            for _ in 0..count {
                let (name, schema) = (reader.name()?, reader.text(Schema::MAX_BYTES)?.into());
                services.push(Listed { name, schema, format: reader.format()? });
            }
            Envelope::Services { ask, services }
        }
        _ => return Err(PeerFault::Malformed),
    };
    if reader.rest.is_empty() { Ok(read) } else { Err(PeerFault::Malformed) }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn table(&mut self) -> Result<Vec<Entry>, PeerFault> {
        let count = usize::from(u16::from_le_bytes(self.array()?));
        if count > MAX_ADDRESSES {
            return Err(PeerFault::Malformed);
        }
        // Grows with what is there, not with what was announced.
        let mut table = Vec::new();
        for _ in 0..count {
            table.push(self.entry()?);
        }
        Ok(table)
    }

    fn entry(&mut self) -> Result<Entry, PeerFault> {
        Ok(match self.byte()? {
            ENTRY_YOURS => Entry::Yours { id: self.id()? },
            ENTRY_MINE => Entry::Mine(self.offer()?),
            ENTRY_THIRD => {
                let flags = self.byte()?;
                if flags > FLAG_DIRECT_ONLY | FLAG_RELAYED {
                    return Err(PeerFault::Malformed);
                }
                let node = NodeId { member: self.array()?, device: self.array()?, boot: self.array()? };
                let id = self.id()?;
                let (format, schema) = (self.format()?, self.text(Schema::MAX_BYTES)?.into());
                let shape = Shape { schema, format, direct_only: flags & FLAG_DIRECT_ONLY != 0 };
                let relay = if flags & FLAG_RELAYED == 0 {
                    None
                } else {
                    Some(Relay { id: self.id()?, tag: self.tag()?, limit: self.u64()? })
                };
                Entry::Third { node, id, shape, relay }
            }
            ENTRY_REPLY => Entry::Reply { ask: self.tag()?, format: self.format()? },
            _ => return Err(PeerFault::Malformed),
        })
    }

    fn offer(&mut self) -> Result<Offer, PeerFault> {
        let flags = self.byte()?;
        if flags > FLAG_DIRECT_ONLY {
            return Err(PeerFault::Malformed);
        }
        let (id, tag, limit) = (self.id()?, self.tag()?, self.u64()?);
        let (format, schema) = (self.format()?, self.text(Schema::MAX_BYTES)?.into());
        Ok(Offer { id, tag, limit, shape: Shape { schema, format, direct_only: flags == FLAG_DIRECT_ONLY } })
    }

    fn format(&mut self) -> Result<Format, PeerFault> {
        Format::from_code(self.byte()?).ok_or(PeerFault::Malformed)
    }

    fn name(&mut self) -> Result<ServiceName, PeerFault> {
        ServiceName::new(self.text(ServiceName::MAX_BYTES)?).ok_or(PeerFault::Malformed)
    }

    /// 1 to `most` bytes of UTF-8 behind their length.
    fn text(&mut self, most: usize) -> Result<&'a str, PeerFault> {
        let length = usize::from(self.byte()?);
        if length == 0 || length > most {
            return Err(PeerFault::Malformed);
        }
        let (text, rest) = self.rest.split_at_checked(length).ok_or(PeerFault::Malformed)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| PeerFault::Malformed)
    }

    fn id(&mut self) -> Result<ActorId, PeerFault> {
        Ok(ActorId(uuid::Uuid::from_bytes(self.array::<{ ActorId::BYTES }>()?)))
    }

    fn tag(&mut self) -> Result<Tag, PeerFault> {
        Ok(Tag(u32::from_le_bytes(self.array()?)))
    }

    fn u64(&mut self) -> Result<u64, PeerFault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn byte(&mut self) -> Result<u8, PeerFault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PeerFault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(PeerFault::Malformed)?;
        self.rest = rest;
        Ok(*array)
    }
}

/// The part of an envelope in front of its body, or all of it.
#[derive(Debug, Default)]
pub(crate) struct Head(Vec<u8>);

impl Head {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn message(to: Tag) -> [u8; 5] {
        let [a, b, c, d] = to.0.to_le_bytes();
        [MESSAGE, a, b, c, d]
    }

    pub(crate) fn message_with(to: Tag, confirm: Option<Tag>, table: &[Entry]) -> Self {
        let mut head = Self(Vec::with_capacity(64));
        head.byte(MESSAGE_WITH)
            .tag(to)
            .byte(u8::from(confirm.is_some()))
            .tag(confirm.unwrap_or(Tag(0)))
            .table(table);
        head
    }

    pub(crate) fn reply(ask: Tag, table: &[Entry]) -> Self {
        let mut head = Self(Vec::with_capacity(16));
        head.byte(REPLY).tag(ask).table(table);
        head
    }

    /// An envelope without a body.
    pub(crate) fn news(news: &Envelope) -> Self {
        let mut head = Self(Vec::with_capacity(32));
        match news {
            Envelope::Hello { max_body_bytes } => {
                head.byte(HELLO).byte(VERSION).bytes(&max_body_bytes.to_le_bytes())
            }
            Envelope::Refusal { ask, refusal } => head.byte(REFUSAL).tag(*ask).byte(refusal.code()),
            Envelope::Confirmed { ask } => head.byte(CONFIRMED).tag(*ask),
            Envelope::Credit { to, limit } => head.byte(CREDIT).tag(*to).bytes(&limit.to_le_bytes()),
            Envelope::Ended { to, why } => head.byte(ENDED).tag(*to).byte(why.code()),
            Envelope::Gone { id, why } => head.byte(GONE).id(*id).byte(why.code()),
            Envelope::Release { tag, count } => head.byte(RELEASE).tag(*tag).bytes(&count.to_le_bytes()),
            Envelope::Hold { id } => head.byte(HOLD).id(*id),
            Envelope::HoldsDone => head.byte(HOLDS_DONE),
            Envelope::Held(offer) => head.byte(HELD).offer(offer),
            Envelope::LookUp { ask, name } => head.byte(LOOK_UP).tag(*ask).text(name.as_str()),
            Envelope::Found { ask, offer } => head.byte(FOUND).tag(*ask).offer(offer),
            Envelope::List { ask } => head.byte(LIST).tag(*ask),
            Envelope::Services { ask, services } => {
                let count = u16::try_from(services.len()).unwrap_or(u16::MAX);
                head.byte(SERVICES).tag(*ask).bytes(&count.to_le_bytes());
                for listed in services.iter().take(usize::from(count)) {
                    head.text(listed.name.as_str()).text(&listed.schema).byte(listed.format.code());
                }
                &mut head
            }
            Envelope::Message { to, confirm, table, .. } => {
                return Self::message_with(*to, *confirm, table);
            }
            Envelope::Reply { ask, table, .. } => return Self::reply(*ask, table),
        };
        head
    }

    fn table(&mut self, table: &[Entry]) -> &mut Self {
        let count = u16::try_from(table.len()).unwrap_or(u16::MAX);
        self.bytes(&count.to_le_bytes());
        for entry in table {
            match entry {
                Entry::Yours { id } => {
                    self.byte(ENTRY_YOURS).id(*id);
                }
                Entry::Mine(offer) => {
                    self.byte(ENTRY_MINE).offer(offer);
                }
                Entry::Third { node, id, shape, relay } => {
                    let direct_only = if shape.direct_only { FLAG_DIRECT_ONLY } else { 0 };
                    let relayed = if relay.is_some() { FLAG_RELAYED } else { 0 };
                    self.byte(ENTRY_THIRD).byte(direct_only | relayed);
                    self.bytes(&node.member).bytes(&node.device).bytes(&node.boot).id(*id);
                    self.byte(shape.format.code()).text(&shape.schema);
                    if let Some(relay) = relay {
                        self.id(relay.id).tag(relay.tag).bytes(&relay.limit.to_le_bytes());
                    }
                }
                Entry::Reply { ask, format } => {
                    self.byte(ENTRY_REPLY).tag(*ask).byte(format.code());
                }
            }
        }
        self
    }

    fn offer(&mut self, Offer { id, tag, limit, shape }: &Offer) -> &mut Self {
        self.byte(if shape.direct_only { FLAG_DIRECT_ONLY } else { 0 });
        self.id(*id).tag(*tag).bytes(&limit.to_le_bytes()).byte(shape.format.code()).text(&shape.schema)
    }

    /// Text that was checked to have 1 to 64 bytes.
    fn text(&mut self, text: &str) -> &mut Self {
        self.byte(u8::try_from(text.len()).unwrap_or(u8::MAX)).bytes(text.as_bytes())
    }

    fn id(&mut self, id: ActorId) -> &mut Self {
        self.bytes(id.0.as_bytes())
    }

    fn tag(&mut self, tag: Tag) -> &mut Self {
        self.bytes(&tag.0.to_le_bytes())
    }

    fn byte(&mut self, byte: u8) -> &mut Self {
        self.bytes(&[byte])
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

const _: () = assert!(NodeId::BYTES == 32 + 32 + 16);

#[cfg(test)]
mod tests;
