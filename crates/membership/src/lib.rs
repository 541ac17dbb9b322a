//! Who is who in a conclave: identities, devices, signed records, members.
//!
//! A person or a site is an [`Identity`]: an Ed25519 key that signs and does nothing else. Each of its machines has
//! a [`DeviceKey`] of its own, which the identity binds to itself with a signed, expiring [`Record`]. Records travel
//! inside the handshake, and from hand to hand inside a [`Card`]. [`Members`] is the list of those who may come in.
//!
//! ```text
//!   Identity ──signs──> Record ──stands in──> Card ──is added to──> Members ──says──> DeviceStanding
//!   DeviceKey ──named by──┘  └──is carried by the handshake as a Credential──────────────┘
//! ```
//!
//! Who is in can also follow from what members say of each other. [`Statement`]s, that is announcements, vouchers and
//! revocations, merge into a [`Directory`] in any order; [`Settled`] is who is in and who is out by them under a
//! [`Policy`]; a [`Ticket`] lets somebody in whom nobody knows yet; [`News`] is how members tell each other.
//!
//! Nothing here knows a socket, a file or a clock: dates and randomness are parameters. The bytes are specified in
//! section 3 of `docs/PROTOCOL.md`.

mod address;
mod announcement;
mod card;
mod device;
mod directory;
mod error;
mod hex;
mod identity;
mod key_text;
mod member;
mod member_id;
mod members;
mod news;
mod petname;
mod policy;
mod profile;
mod reader;
mod record;
mod revocation;
mod scope;
mod sealed_identity;
mod signed;
mod snapshot;
mod standing;
mod statement;
mod stored;
mod text;
mod ticket;
mod ticket_book;
mod ticket_terms;
mod time;
mod voucher;
mod words;

pub use address::{MAX_ADDRESS_BYTES, NetAddress};
pub use announcement::{Announcement, Facts, MAX_SUITES};
pub use card::{
    CARD_PREFIX, Card, MAX_CARD_ADDRESSES, MAX_CARD_BYTES, MAX_CARD_DEVICES, MAX_CARD_TEXT_BYTES,
};
pub use device::{DEVICE_FILE_BYTES, DeviceId, DeviceKey};
pub use directory::{
    Directory, MAX_FURTHER_REVOCATIONS, MAX_ISSUERS, MAX_REVOCATIONS_PER_ISSUER, MAX_STATEMENTS,
    MAX_VOUCHERS_PER_ISSUER, Merged,
};
pub use error::Error;
pub use identity::{IDENTITY_FILE_BYTES, Identity};
pub use key_text::{KEY_PREFIX, KeyText};
pub use member::{MAX_MEMBER_DEVICES, Member};
pub use member_id::MemberId;
pub use members::{Added, DeviceStanding, MAX_MEMBERS, MIN_PREFIX_DIGITS, Members};
pub use news::{MAX_NEWS_BYTES, MAX_NEWS_NAMES, News, is_welcome, shared_with};
pub use petname::{MAX_PETNAME_BYTES, Petname};
pub use policy::{DEFAULT_DEPTH, Introducers, Policy, SizeClasses, Who};
pub use profile::{MAX_FIELD_NAME_BYTES, MAX_FIELD_TEXT_BYTES, MAX_PROFILE_FIELDS, Profile};
pub use record::{RECORD_BYTES, Record};
pub use revocation::{Revocation, Revoked};
pub use scope::{MAX_NAMED_SERVICES, MAX_SERVICE_NAME_BYTES, Relation, Scope, ServiceName, Services};
pub use sealed_identity::{MAX_PASSPHRASE_BYTES, PassphraseCost, SEALED_IDENTITY_BYTES};
pub use standing::{Reach, Settled, Standing, standing};
pub use statement::{MAX_STATEMENT_BYTES, Statement, StatementId};
pub use ticket::{MAX_TICKET_BYTES, TICKET_PREFIX, TICKET_SCHEME, Ticket};
pub use ticket_book::{MAX_OPEN_TICKETS, OpenTickets, Redemption, TicketBook, TicketRefusal};
pub use ticket_terms::{MAX_TICKET_USES, TicketTerms};
pub use time::UnixSeconds;
pub use voucher::{Grant, MAX_DEPTH, Voucher};
pub use words::RECOVERY_WORDS;
pub use x3dh_handshake::{Credential, Door, IdentityKey, Psk, StaticKey, StaticSecret, TicketId};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
