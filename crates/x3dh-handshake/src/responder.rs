//! The end that is dialed, in stages. Each consumes the one before it, and nothing is sent before the last.
//!
//! ```text
//!              mac1           es              ss             psk                             fresh keys
//!   packet ──▶ Knock ──claim──▶ Claim ──prove──▶ Proven ──accept──▶ Accepted ──reply──▶ (Reply, Established)
//!                │                                                  │  ▲
//!                └─ challenge: a cookie instead                     └──┘ key_share: the one committed to
//! ```
//!
//! | stage | costs | what is known |
//! |-|-|-|
//! | [`Knock`] | one hash, a MAC per door | the sender knows the door, or repeats somebody who does |
//! | [`Claim`] | one Diffie-Hellman | which device and identity the sender says it is |
//! | [`Proven`] | one Diffie-Hellman | it holds that device's key, or ours, or repeats it; its counter and ticket id |
//! | [`Accepted`] | one hash | it holds the ticket's secret, if there is a ticket |
//! | [`Established`] | a key pair, two Diffie-Hellman, an encapsulation | the initiator learns that we are the one it dialed |
//!
//! With [`Suite::NoiseIk`] and [`Suite::NoiseIkPsk2`] a claim costs two Diffie-Hellman and proves the static key at once,
//! because Noise reads its message whole. Anonymous callers go another way: [`anonymous`](crate::anonymous).

mod accepted;
mod claim;
mod knock;

pub use accepted::{Accepted, ReplyConfig};
pub use claim::{Claim, Proven};
pub use knock::Knock;

use crate::{
    keys::{Credential, IdentityKey, StaticKey, StaticSecret, Tag},
    secret::Door,
    suite::Suite,
};

/// What a node answers with.
#[derive(Clone, Debug)]
pub struct ResponderKeys {
    /// The device's secret.
    pub static_secret: StaticSecret,
    /// The identity that initiators mean when they dial this device.
    pub identity: IdentityKey,
    /// The door that new tickets and records carry.
    pub door: Door,
    /// The doors before it that still open, while records that carry them are about. Each costs a MAC per first packet.
    pub previous_doors: Vec<Door>,
    /// The door of anonymous callers, if this node takes any. Members are not looked at behind it, and anonymous callers
    /// not behind the other doors.
    pub anonymous_door: Option<Door>,
}

impl ResponderKeys {
    fn doors(&self) -> impl Iterator<Item = &Door> {
        std::iter::once(&self.door).chain(&self.previous_doors)
    }
}

/// What every stage after the first knows about the initiator.
struct Sender {
    suite: Suite,
    tag: Tag,
    static_key: StaticKey,
    credential: Credential,
}

/// Shows a stage by what it knows of the sender, never its keys.
macro_rules! debug_stage {
    ($($stage:ident),*) => {$(
        impl std::fmt::Debug for $stage {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let sender = &self.0.0;
                f.debug_struct(stringify!($stage))
                    .field("suite", &sender.suite)
                    .field("static_key", &sender.static_key)
                    .finish_non_exhaustive()
            }
        }
    )*};
}

use debug_stage;
