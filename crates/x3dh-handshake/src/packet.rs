//! The packets before a session, byte for byte (PROTOCOL §4).

use crate::{
    aead::TAG_BYTES,
    error::Rejected,
    hash::MAC_BYTES,
    kem::{CIPHERTEXT_BYTES, ENCAPSULATION_KEY_BYTES},
    keys::{BootId, CREDENTIAL_BYTES, Tag, TicketId},
    suite::{Capabilities, Limits, Suite, TrafficAead},
};

/// The version of the protocol, in every packet before a session.
pub const PROTOCOL_VERSION: u8 = 1;

/// No packet before a session is longer than this.
pub const MAX_PACKET_BYTES: usize = 1200;

/// The kind of a packet: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `M1a`: what an initiator sends first.
    First,
    /// `M1b`: the initiator's encapsulation key, committed to in `M1a`.
    KeyShare,
    /// `M2`: the responder's one answer.
    Reply,
    /// A responder under load asks the initiator to show that it receives at its address, and to work.
    Challenge,
    /// `M1a` again, behind the cookie that a challenge brought, and the work that it asked for.
    Cookied,
}

impl Kind {
    /// Every kind before a session.
    pub const ALL: [Self; 5] = [Self::First, Self::KeyShare, Self::Reply, Self::Challenge, Self::Cookied];

    /// The byte on the wire. 0x01 to 0x0f are handshake packets, 0x10 is a sealed packet.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::First => 0x01,
            Self::KeyShare => 0x02,
            Self::Reply => 0x03,
            Self::Challenge => 0x04,
            Self::Cookied => 0x05,
        }
    }

    /// The kind of a packet that begins with this byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    /// The one size that a packet of this kind has in a suite; `None` if the suite has no such packet.
    #[must_use]
    pub const fn packet_bytes(self, suite: Suite) -> Option<usize> {
        match (self, suite) {
            (Self::First, _) => Some(first_bytes(suite)),
            (Self::KeyShare, Suite::X3dhHybrid) => Some(KEY_SHARE_BYTES),
            (Self::KeyShare, _) => None,
            (Self::Reply, _) => Some(reply_bytes(suite)),
            (Self::Challenge, _) => Some(CHALLENGE_BYTES),
            (Self::Cookied, _) => Some(COOKIED_HEADER_BYTES + first_bytes(suite)),
        }
    }
}

/// `kind u8 | version u8 | suite u16 | tag_I u32`
pub(crate) const HEADER_BYTES: usize = 8;
/// A public key.
pub(crate) const KEY_BYTES: usize = 32;
/// `A | credential`
pub(crate) const STATIC_BYTES: usize = KEY_BYTES + CREDENTIAL_BYTES;
/// `counter u64 | boot 16 | ticket 16 | capabilities u32 | session window u32 | stream window u32 | reserved 8`
pub(crate) const OFFER_BYTES: usize = 60;
/// `H(M1b)`, behind the offer in suites with a KEM.
pub(crate) const COMMITMENT_BYTES: usize = 32;
/// `tag_R u32 | boot 16 | aead u8 | reserved 3 | capabilities u32 | session window u32 | stream window u32`
pub(crate) const ANSWER_BYTES: usize = 36;
/// `hdr | ek`
pub(crate) const KEY_SHARE_BYTES: usize = HEADER_BYTES + ENCAPSULATION_KEY_BYTES;
/// `MAC(psk, ..)`, behind the offer in a Noise suite with tickets.
pub(crate) const TICKET_PROOF_BYTES: usize = MAC_BYTES;
/// `capabilities u32 | session window u32 | stream window u32 | reserved 24`: as long as an answer, so that no answer is
/// longer than what it answers.
pub(crate) const CALL_BYTES: usize = 36;
/// `hdr | nonce 16 | cookie 16 and bits u8, sealed`
pub(crate) const CHALLENGE_BYTES: usize = HEADER_BYTES + 16 + MAC_BYTES + 1 + TAG_BYTES;
/// `kind u8 | solution u64 | mac2 16`, in front of `M1a`.
pub(crate) const COOKIED_HEADER_BYTES: usize = 1 + SOLUTION_BYTES + MAC_BYTES;
/// The number that solves a puzzle.
pub(crate) const SOLUTION_BYTES: usize = 8;

/// The size of `P`.
pub(crate) const fn offer_bytes(suite: Suite) -> usize {
    OFFER_BYTES + if suite.has_kem() { COMMITMENT_BYTES } else { 0 }
}

const fn first_bytes(suite: Suite) -> usize {
    HEADER_BYTES
        + KEY_BYTES
        + match suite {
            // S* | P* | T*
            Suite::X3dhHybrid | Suite::X3dh => {
                STATIC_BYTES + TAG_BYTES + offer_bytes(suite) + TAG_BYTES + TAG_BYTES
            }
            // Noise: the static key and the payload, each sealed
            Suite::NoiseIk | Suite::NoiseIkPsk2 => {
                KEY_BYTES + TAG_BYTES + noise_payload_bytes(suite) + TAG_BYTES
            }
            Suite::NoiseNk => noise_payload_bytes(suite) + TAG_BYTES,
        }
        + MAC_BYTES
}

/// The size of the payload of the first Noise message.
pub(crate) const fn noise_payload_bytes(suite: Suite) -> usize {
    match suite {
        Suite::NoiseNk => CALL_BYTES,
        _ if suite.needs_ticket() => CREDENTIAL_BYTES + OFFER_BYTES + TICKET_PROOF_BYTES,
        _ => CREDENTIAL_BYTES + OFFER_BYTES,
    }
}

const fn reply_bytes(suite: Suite) -> usize {
    let ciphertext = if suite.has_kem() { CIPHERTEXT_BYTES } else { 0 };
    HEADER_BYTES + KEY_BYTES + ciphertext + ANSWER_BYTES + TAG_BYTES + MAC_BYTES
}

/// `kind | version | suite | tag_I`
pub(crate) fn header(kind: Kind, suite: Suite, tag: Tag) -> [u8; HEADER_BYTES] {
    let mut header = [kind.byte(), PROTOCOL_VERSION, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&suite.id().to_le_bytes());
    header[4..8].copy_from_slice(&tag.0.to_le_bytes());
    header
}

/// Reads the header of a first packet and holds the packet to its one size.
pub(crate) fn read_first(packet: &[u8]) -> Result<(Suite, Tag), Rejected> {
    let (header, _) = packet.split_first_chunk::<HEADER_BYTES>().ok_or(Rejected)?;
    let [kind, version, suite_low, suite_high, tag @ ..] = *header;
    if kind != Kind::First.byte() || version != PROTOCOL_VERSION {
        return Err(Rejected);
    }
    let suite = Suite::from_id(u16::from_le_bytes([suite_low, suite_high])).ok_or(Rejected)?;
    if packet.len() != first_bytes(suite) {
        return Err(Rejected);
    }
    Ok((suite, Tag(u32::from_le_bytes(tag))))
}

/// Holds a packet to the one size and the one header that it must have to answer our first packet.
pub(crate) fn check_answer(packet: &[u8], kind: Kind, suite: Suite, tag: Tag) -> Result<(), Rejected> {
    let fits =
        kind.packet_bytes(suite) == Some(packet.len()) && packet.starts_with(&header(kind, suite, tag));
    if fits { Ok(()) } else { Err(Rejected) }
}

/// Copies a field of fixed size out of a packet.
pub(crate) fn field<const N: usize>(packet: &[u8], offset: usize) -> Result<[u8; N], Rejected> {
    packet.get(offset..).and_then(|rest| rest.first_chunk()).copied().ok_or(Rejected)
}

/// What the initiator says about itself under the protection of its static key: `P` but for the commitment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) counter: u64,
    pub(crate) boot: BootId,
    pub(crate) ticket: TicketId,
    pub(crate) capabilities: Capabilities,
    pub(crate) limits: Limits,
}

impl Offer {
    pub(crate) fn encode(&self) -> [u8; OFFER_BYTES] {
        let mut out = Writer::<OFFER_BYTES>::new();
        out.put(&self.counter.to_le_bytes());
        out.put(&self.boot.0);
        out.put(&self.ticket.0);
        out.put(&self.capabilities.0.to_le_bytes());
        out.put(&self.limits.session_window_kib.to_le_bytes());
        out.put(&self.limits.stream_window_kib.to_le_bytes());
        out.bytes
    }

    pub(crate) fn decode(bytes: &[u8; OFFER_BYTES]) -> Self {
        let mut input = Reader(bytes);
        Self {
            counter: u64::from_le_bytes(input.take()),
            boot: BootId(input.take()),
            ticket: TicketId(input.take()),
            capabilities: Capabilities(u32::from_le_bytes(input.take())),
            limits: input.limits(),
        }
    }
}

/// What an anonymous caller says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallOffer {
    pub(crate) capabilities: Capabilities,
    pub(crate) limits: Limits,
}

impl CallOffer {
    pub(crate) fn encode(&self) -> [u8; CALL_BYTES] {
        let mut out = Writer::<CALL_BYTES>::new();
        out.put(&self.capabilities.0.to_le_bytes());
        out.put(&self.limits.session_window_kib.to_le_bytes());
        out.put(&self.limits.stream_window_kib.to_le_bytes());
        out.bytes
    }

    pub(crate) fn decode(bytes: &[u8; CALL_BYTES]) -> Self {
        let mut input = Reader(bytes);
        Self { capabilities: Capabilities(u32::from_le_bytes(input.take())), limits: input.limits() }
    }
}

/// What the responder says about itself: `N`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Said under the seal and not in the header: nobody else needs it.
    pub(crate) tag: Tag,
    pub(crate) boot: BootId,
    pub(crate) aead: TrafficAead,
    pub(crate) capabilities: Capabilities,
    pub(crate) limits: Limits,
}

impl Answer {
    pub(crate) fn encode(&self) -> [u8; ANSWER_BYTES] {
        let mut out = Writer::<ANSWER_BYTES>::new();
        out.put(&self.tag.0.to_le_bytes());
        out.put(&self.boot.0);
        out.put(&[self.aead.id(), 0, 0, 0]);
        out.put(&self.capabilities.0.to_le_bytes());
        out.put(&self.limits.session_window_kib.to_le_bytes());
        out.put(&self.limits.stream_window_kib.to_le_bytes());
        out.bytes
    }

    /// Decodes an answer and holds it to what the initiator offered.
    pub(crate) fn decode(bytes: &[u8; ANSWER_BYTES], offered: Capabilities) -> Result<Self, Rejected> {
        let mut input = Reader(bytes);
        let tag = Tag(u32::from_le_bytes(input.take()));
        let boot = BootId(input.take());
        let [aead, _, _, _] = input.take();
        let aead = TrafficAead::from_id(aead).filter(|aead| offered.can_seal_with(*aead)).ok_or(Rejected)?;
        let capabilities = Capabilities(u32::from_le_bytes(input.take()));
        Ok(Self { tag, boot, aead, capabilities, limits: input.limits() })
    }
}

/// Fills an array from its front; what is not put stays zero.
struct Writer<const N: usize> {
    bytes: [u8; N],
    written: usize,
}

impl<const N: usize> Writer<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], written: 0 }
    }

    fn put(&mut self, field: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.written).zip(field) {
            *slot = *byte;
        }
        self.written += field.len();
    }
}

/// Takes fields of fixed size from the front of an array that holds them all.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        let (front, rest) = self.0.split_at(N.min(self.0.len()));
        field[..front.len()].copy_from_slice(front);
        self.0 = rest;
        field
    }

    fn limits(&mut self) -> Limits {
        Limits {
            session_window_kib: u32::from_le_bytes(self.take()),
            stream_window_kib: u32::from_le_bytes(self.take()),
        }
    }
}

#[cfg(test)]
mod tests;
