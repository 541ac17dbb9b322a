//! Stand-ins for the types of the crates below, until they exist.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fmt;

macro_rules! public {
    ($name:ident, $bytes:expr) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:02x}..)"), self.0[0])
            }
        }
    };
}
public!(StaticKey, 32);
public!(IdentityKey, 32);
public!(BootId, 16);
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Initiator,
    Responder,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Current,
    Expired,
    UnknownDevice,
    Stranger,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub static_key: StaticKey,
    pub expires: UnixSeconds,
}
#[derive(Debug, Clone)]
pub struct Member {
    pub identity: IdentityKey,
    pub records: Vec<Record>,
    pub addresses: Vec<Address>,
}
#[derive(Debug, Clone, Default)]
pub struct Members(pub BTreeMap<IdentityKey, Member>);

impl Members {
    pub fn get(&self, identity: &IdentityKey) -> Option<&Member> {
        self.0.get(identity)
    }
    pub fn standing(&self, identity: &IdentityKey, key: &StaticKey, now: UnixSeconds) -> Standing {
        let Some(member) = self.0.get(identity) else { return Standing::Stranger };
        match member.records.iter().find(|record| record.static_key == *key) {
            None => Standing::UnknownDevice,
            Some(record) if record.expires <= now => Standing::Expired,
            Some(_) => Standing::Current,
        }
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    #[error("idle")]
    Idle,
    #[error("shutting down")]
    Shutdown,
    #[error("superseded by another session")]
    Superseded,
    #[error("no longer a member")]
    Removed,
    #[error("protocol violation")]
    Protocol,
    #[error("closed by the application")]
    Application,
    #[error("reason {0}")]
    Other(u16),
}
