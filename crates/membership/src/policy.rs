//! What this node decides by, beside what others state.

use std::collections::{BTreeMap, BTreeSet};

use crate::{IdentityKey, Relation, Scope, ServiceName};

/// How many introductions away somebody may be, if nothing else is said: those this node lets in itself, those whom
/// they introduce, and those whom these do, as far as each voucher allows.
pub const DEFAULT_DEPTH: u8 = 3;

/// Whose word counts, and for what. Belongs to one node; nothing of it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// This node's own identity: where all trust begins.
    pub root: IdentityKey,
    /// How many introductions away a member may be: 1 takes in only those whom this node vouches for itself.
    pub depth: u8,
    /// Whose introductions count, as far as their vouchers allow it.
    pub introducers: Introducers,
    /// Who may use a service, where that is less than everybody its scope allows it.
    pub services: BTreeMap<ServiceName, Who>,
    /// How large messages may be.
    pub size_classes: SizeClasses,
}

/// Whose introductions count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Introducers {
    /// Of every member whose voucher has depth for it.
    Vouched,
    /// Of these among them.
    Only(BTreeSet<IdentityKey>),
}

/// Some of the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Peers, and no clients.
    Peers,
    /// These.
    Only(BTreeSet<IdentityKey>),
    /// Nobody at all.
    Nobody,
}

/// The largest message in each direction, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeClasses {
    /// From a client. 20 KB.
    pub client_up_bytes: u64,
    /// To a client. 100 KB.
    pub client_down_bytes: u64,
    /// Between peers, in either direction. 2 MB.
    pub peer_bytes: u64,
}

impl Default for SizeClasses {
    fn default() -> Self {
        Self { client_up_bytes: 20_000, client_down_bytes: 100_000, peer_bytes: 2_000_000 }
    }
}

impl SizeClasses {
    /// The largest message that is taken from such a member.
    #[must_use]
    pub fn received_bytes(&self, from: Relation) -> u64 {
        match from {
            Relation::Client => self.client_up_bytes,
            Relation::Peer => self.peer_bytes,
        }
    }

    /// The largest message that is sent to such a member.
    #[must_use]
    pub fn sent_bytes(&self, to: Relation) -> u64 {
        match to {
            Relation::Client => self.client_down_bytes,
            Relation::Peer => self.peer_bytes,
        }
    }
}

impl Policy {
    /// The policy of a node that says nothing else.
    #[must_use]
    pub fn of(root: IdentityKey) -> Self {
        Self {
            root,
            depth: DEFAULT_DEPTH,
            introducers: Introducers::Vouched,
            services: BTreeMap::new(),
            size_classes: SizeClasses::default(),
        }
    }

    /// Whether a member with this scope may use a service. Ask it for every message: scope and policy change.
    #[must_use]
    pub fn may_use(&self, member: &IdentityKey, scope: &Scope, service: &str) -> bool {
        scope.services.contain(service)
            && match self.services.get(service) {
                None => true,
                Some(Who::Peers) => scope.relation == Relation::Peer,
                Some(Who::Only(members)) => members.contains(member),
                Some(Who::Nobody) => false,
            }
    }

    pub(crate) fn may_introduce(&self, member: &IdentityKey) -> bool {
        *member == self.root
            || match &self.introducers {
                Introducers::Vouched => true,
                Introducers::Only(members) => members.contains(member),
            }
    }
}
