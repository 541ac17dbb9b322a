//! A node reduced to what the control plane needs: it does what the actions ask for, and checks what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use endpoint::*;
use link::Outcome;
use membership::Members;
use rand::rngs::StdRng;
use x3dh_handshake::Established;

use super::plane::Plane;

/// One node, for one life of its process.
pub(crate) struct Node {
    pub(crate) life: u32,
    pub(crate) endpoint: Endpoint,
    pub(crate) keys: HandshakeKeys,
    pub(crate) members: Arc<Members>,
    pub(crate) paths: BTreeMap<PathId, Carried>,
    /// What is up, as the actions told.
    pub(crate) up: BTreeMap<PeerId, SessionId>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) waiting: BTreeMap<WaiterId, Instant>,
    pub(crate) counter: u64,
}

/// A path of a node.
pub(crate) struct Carried {
    pub(crate) wire: usize,
    pub(crate) stage: Stage,
}

pub(crate) enum Stage {
    /// Ours, before its turn.
    Idle,
    Outbound(Box<Outbound>),
    Inbound(Box<Inbound>),
    /// Ours, answered.
    Answered(Box<Established>),
    Session(SessionId),
    /// Refused: nothing is read any more.
    Deaf,
}

pub(crate) struct Session {
    pub(crate) path: PathId,
    pub(crate) transcript: [u8; 32],
    pub(crate) last_use: Instant,
    pub(crate) confirmed: bool,
    pub(crate) plane: Box<Plane>,
}

impl Node {
    pub(crate) fn new(
        keys: HandshakeKeys,
        members: Arc<Members>,
        life: u32,
        counter: u64,
        rng: &mut StdRng,
    ) -> Self {
        let endpoint = Endpoint::new(Config::default(), keys.local(), Arc::clone(&members), rng);
        Self {
            life,
            endpoint,
            keys,
            members,
            paths: BTreeMap::new(),
            up: BTreeMap::new(),
            sessions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            counter,
        }
    }

    /// The session that a path carries.
    pub(crate) fn session_on(&self, path: PathId) -> Option<SessionId> {
        match self.paths.get(&path)?.stage {
            Stage::Session(session) => Some(session),
            _ => None,
        }
    }

    /// A path is gone, and what it carried: the wire, and what became of the messages of its session.
    pub(crate) fn drop_path(&mut self, path: PathId) -> Option<(usize, Vec<(u64, Outcome)>)> {
        let session = self.session_on(path).and_then(|session| self.sessions.remove(&session));
        let outcomes = session.map(|mut session| {
            session.plane.fail();
            session.plane.outcomes()
        });
        self.paths.remove(&path).map(|carried| (carried.wire, outcomes.unwrap_or_default()))
    }

    /// Notes what the endpoint tells about peers, and holds it to its word.
    pub(crate) fn observe(&mut self, action: &Action) {
        match *action {
            Action::PeerUp { peer, session, .. } => {
                let before = self.up.insert(peer, session);
                assert_eq!(before, None, "one session with a peer at a time");
                assert_eq!(self.endpoint.session_with(&peer), Some(session));
            }
            Action::PeerDown { peer, session, .. } => {
                assert_eq!(self.up.remove(&peer), Some(session), "what goes down was up");
            }
            _ => {}
        }
    }
}
