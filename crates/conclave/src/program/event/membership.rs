//! What commands tell about who is in, and by whom.

use serde::{Deserialize, Serialize};

use super::super::secret::SecretText;
use super::MemberLine;

/// A ticket that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TicketLine {
    /// `conclave:ticket1…`: whoever has it can come in.
    pub(crate) uri: SecretText,
    pub(crate) ticket_id: String,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    pub(crate) uses: u16,
    /// Whom it is for; anybody, if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<String>,
    pub(crate) relation: String,
    /// Introductions that may follow from whoever comes in.
    pub(crate) depth: u8,
    /// Where whoever has it finds this node.
    pub(crate) addresses: Vec<String>,
    /// The URI as a picture of block letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) qr: Option<SecretText>,
}

/// A ticket that opens still. Its secret stays in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenTicketLine {
    pub(crate) ticket_id: String,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// How long that is from now.
    pub(crate) seconds: u64,
    /// How many may still come in by it.
    pub(crate) uses: u16,
    /// Whom it is for; anybody, if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<String>,
    pub(crate) relation: String,
    /// Introductions that may follow from whoever comes in.
    pub(crate) depth: u8,
}

/// An identity in a home that was just made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentityLine {
    pub(crate) member_id: String,
    pub(crate) home: String,
    /// Whether it is kept under a passphrase.
    pub(crate) sealed: bool,
}

/// What somebody is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StandingWord {
    Member,
    Revoked,
    Expired,
    Unknown,
}

/// One line of the tree of members: somebody below whoever vouches for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StandingLine {
    #[serde(flatten)]
    pub(crate) member: MemberLine,
    pub(crate) standing: StandingWord,
    /// Who vouches for them, or keeps them out; `you` for this node itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// The member id of `by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by_member_id: Option<String>,
    /// Introductions from this node to them; 0: they are not in.
    pub(crate) distance: u8,
    /// When their membership ends, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<u64>,
    /// `peer` or `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) relation: Option<String>,
    /// Introductions that may follow from them.
    pub(crate) depth: u8,
    /// There is a session now.
    pub(crate) connected: bool,
    /// When there last was one, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_seen: Option<u64>,
    /// As of when this is told.
    pub(crate) now: u64,
}

/// Somebody whose standing would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsequenceLine {
    pub(crate) name: String,
    pub(crate) member_id: String,
    pub(crate) before: StandingWord,
    pub(crate) after: StandingWord,
    /// Who would vouch for them, or keep them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SelfLine {
    #[serde(flatten)]
    pub(crate) member: MemberLine,
    pub(crate) device: String,
    pub(crate) static_key: String,
    pub(crate) home: String,
    /// Everybody else's device of this identity that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) other_devices: Vec<String>,
}

/// How this node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusLine {
    pub(crate) running: bool,
    pub(crate) member_id: String,
    pub(crate) members: u64,
    pub(crate) revoked: u64,
    pub(crate) open_tickets: u64,
    /// With whom there are sessions now.
    pub(crate) sessions: Vec<String>,
    /// Where members have been told to find this node.
    pub(crate) addresses: Vec<String>,
}

/// Something that ends soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExpiryLine {
    pub(crate) what: ExpiryWord,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<String>,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// How long that is from now; 0: it has ended.
    pub(crate) seconds: u64,
    pub(crate) advice: String,
}

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExpiryWord {
    /// The record of this device.
    Record,
    /// What this node says about itself.
    Announcement,
    /// What this node says for somebody.
    VoucherByUs,
    /// What somebody says for this node.
    VoucherForUs,
    /// What a member says about itself.
    AnnouncementOfMember,
    /// A ticket that nobody, or not everybody, has used yet.
    Ticket,
}
