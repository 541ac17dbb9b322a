//! Who may use a service.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::node_id::NodeId;

/// Who may use a service. Asked for every message: what it says may change at any time.
#[derive(Clone)]
#[non_exhaustive]
pub enum Allow {
    /// Every member.
    Members,
    /// These members, by their keys.
    Only(Arc<BTreeSet<[u8; 32]>>),
    /// Whom this function allows. It runs for every message and must be quick.
    When(Arc<dyn Fn(&NodeId) -> bool + Send + Sync>),
}

impl Allow {
    /// These members only.
    pub fn only<K: Into<[u8; 32]>>(members: impl IntoIterator<Item = K>) -> Self {
        Self::Only(Arc::new(members.into_iter().map(Into::into).collect()))
    }

    /// Whom `allowed` allows.
    pub fn when(allowed: impl Fn(&NodeId) -> bool + Send + Sync + 'static) -> Self {
        Self::When(Arc::new(allowed))
    }

    /// Whether this node may.
    #[must_use]
    pub fn permits(&self, node: &NodeId) -> bool {
        match self {
            Self::Members => true,
            Self::Only(members) => members.contains(&node.member),
            Self::When(allowed) => allowed(node),
        }
    }
}

impl fmt::Debug for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Members => f.write_str("Members"),
            Self::Only(members) => write!(f, "Only({} members)", members.len()),
            Self::When(_) => f.write_str("When(..)"),
        }
    }
}
