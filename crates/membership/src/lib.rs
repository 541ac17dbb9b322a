//! Who is who in a conclave: identities, devices, signed records, members.
//!
//! A person or a site is an [`Identity`]: an Ed25519 key that signs and does nothing else. Each of its machines has
//! a [`DeviceKey`] of its own, which the identity binds to itself with a signed, expiring [`Record`]. Records travel
//! inside the handshake, and from hand to hand inside a [`Card`]. [`Members`] is the list of those who may come in.
//!
//! ```text
//!   Identity ──signs──> Record ──stands in──> Card ──is added to──> Members ──says──> Standing
//!   DeviceKey ──named by──┘  └──is carried by the handshake as a Credential──────────────┘
//! ```
//!
//! Nothing here knows a socket, a file or a clock: dates and randomness are parameters. The bytes are specified in
//! section 3 of `docs/PROTOCOL.md`.

mod address;
mod card;
mod device;
mod error;
mod hex;
mod identity;
mod member;
mod member_id;
mod members;
mod petname;
mod reader;
mod record;
mod stored;
mod time;

pub use address::{MAX_ADDRESS_BYTES, NetAddress};
pub use card::{
    CARD_PREFIX, Card, MAX_CARD_ADDRESSES, MAX_CARD_BYTES, MAX_CARD_DEVICES, MAX_CARD_TEXT_BYTES,
};
pub use device::{DEVICE_FILE_BYTES, DeviceId, DeviceKey};
pub use error::Error;
pub use identity::{IDENTITY_FILE_BYTES, Identity};
pub use member::{MAX_MEMBER_DEVICES, Member};
pub use member_id::MemberId;
pub use members::{Added, MAX_MEMBERS, MIN_PREFIX_DIGITS, Members, Standing};
pub use petname::{MAX_PETNAME_BYTES, Petname};
pub use record::{RECORD_BYTES, Record};
pub use time::UnixSeconds;
pub use x3dh_handshake::{Credential, Door, IdentityKey, StaticKey, StaticSecret};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
