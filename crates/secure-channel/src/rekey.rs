//! Fresh keys for a running session.
//!
//! Either end asks when its [`Sealer`](crate::Sealer) or its clock says so, whichever way data flows. Request and
//! response travel as records inside sealed packets. No packet in flight is lost:
//!
//! ```text
//!   asks                                                   answers
//!    │ ── request (sealed in g) ─────────────────────────────> │
//!    │                              Opener: g and g + 1        │
//!    │ <───────────────────────────── response (sealed in g) ─ │   Sealer: still g
//!    │ Opener: g and g + 1                                     │
//!    │ Sealer: g + 1, sends at once                            │
//!    │ ── any packet (sealed in g + 1) ──────────────────────> │   Sealer: g + 1, once that packet has opened
//!    │ <────────────────────── any packet (sealed in g + 1) ── │
//! ```

use core::fmt;

use rand_core::CryptoRng;
use x3dh_handshake::rekey::{Fresh, Offer, answer};
use x3dh_handshake::{Role, Suite};

use crate::Error;
use crate::schedule::{ChainKey, RootKey};

/// Bytes of the number in front of a request and of a response.
const GENERATION_BYTES: usize = 8;

/// The agreement on the next generation of keys.
///
/// Commands: [`request`](Self::request). Inputs: [`handle_request`](Self::handle_request),
/// [`handle_response`](Self::handle_response), [`handle_followed`](Self::handle_followed).
pub struct Rekey {
    suite: Suite,
    role: Role,
    /// The latest generation agreed on.
    generation: u64,
    /// `r_g`
    root: RootKey,
    state: State,
}

/// ```text
///          request               handle_response
///   Idle ───────────> Asked ───────────────────────> Agreed (g + 1)
///    │                  │                              ^   │
///    │ handle_request   │ handle_request, and the peer │   │ handle_followed:
///    └──────────────────┴─ is the session's initiator ─┘   │ the peer uses g + 1
///    ^                     or we had not asked             │
///    └─────────────────────────────────────────────────────┘
/// ```
enum State {
    Idle,
    /// Boxed: the secrets of a KEM are large, and a session is seldom in this state.
    Asked(Box<Offer>),
    /// The keys are handed out, but the peer has not used them yet. Until then the request that we answered, if it
    /// was the peer's, may arrive again.
    Agreed {
        answered: Option<Answered>,
    },
}

struct Answered {
    request: Vec<u8>,
    response: Vec<u8>,
}

/// The keys of the next generation, one part for each half of the session. Install both before an answer is sent:
/// the peer may use them as soon as it has it.
#[derive(Debug)]
pub struct NextKeys {
    /// For [`Opener::install`](crate::Opener::install).
    pub opening: NextOpening,
    /// For [`Sealer::install`](crate::Sealer::install).
    pub sealing: NextSealing,
}

/// What an [`Opener`](crate::Opener) needs for the next generation.
#[derive(Debug)]
pub struct NextOpening {
    pub(crate) generation: u64,
    pub(crate) chain: ChainKey,
}

/// What a [`Sealer`](crate::Sealer) needs for the next generation.
#[derive(Debug)]
pub struct NextSealing {
    pub(crate) generation: u64,
    pub(crate) chain: ChainKey,
    /// The peer has the keys already.
    pub(crate) at_once: bool,
}

/// What to do about a request.
#[derive(Debug)]
pub struct Answer {
    /// To be sent to the peer once `keys` are installed.
    pub response: Vec<u8>,
    /// `None` when the same request had been answered before.
    pub keys: Option<NextKeys>,
}

impl Rekey {
    pub(crate) fn new(suite: Suite, role: Role, root: &[u8; 32]) -> Self {
        Self { suite, role, generation: 0, root: RootKey::new(root), state: State::Idle }
    }

    /// The latest generation agreed on. It may not be in use yet.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a request may be made: none is waiting for its response, and the peer uses the latest generation.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Asks for the next generation: the record to send, `g + 1 as u64 | request`.
    ///
    /// # Errors
    /// [`Error::RekeyUnderWay`] unless [`is_idle`](Self::is_idle); [`Error::Primitive`].
    pub fn request(&mut self, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, Error> {
        if !self.is_idle() {
            return Err(Error::RekeyUnderWay);
        }
        let offer = Offer::new(self.suite, rng).map_err(|_| Error::Primitive)?;
        let request = framed(self.generation + 1, offer.request());
        self.state = State::Asked(Box::new(offer));
        Ok(request)
    }

    /// Answers the peer's request. `None` when there is nothing to do: of two requests that cross, that of the
    /// session's initiator wins, and one that was overtaken by its own outcome is stale.
    ///
    /// # Errors
    /// [`Error::RekeyOutOfTurn`], [`Error::RekeyRejected`]: no peer of ours does that; close the session.
    pub fn handle_request(
        &mut self,
        rng: &mut dyn CryptoRng,
        request: &[u8],
    ) -> Result<Option<Answer>, Error> {
        let (generation, offer) = unframed(request)?;
        if generation <= self.generation {
            return Ok(self.repeated(request));
        }
        match self.state {
            State::Agreed { .. } => return Err(Error::RekeyOutOfTurn),
            _ if generation != self.generation + 1 => return Err(Error::RekeyOutOfTurn),
            State::Asked(_) if self.role == Role::Initiator => return Ok(None),
            State::Asked(_) | State::Idle => {}
        }
        let (response, fresh) = answer(self.suite, offer, rng).map_err(|_| Error::RekeyRejected)?;
        let response = framed(generation, &response);
        let keys = self.step(&fresh, false);
        let answered = Answered { request: request.to_vec(), response: response.clone() };
        self.state = State::Agreed { answered: Some(answered) };
        Ok(Some(Answer { response, keys: Some(keys) }))
    }

    /// Reads the peer's response: the keys to install, and to use at once. `None` for one that arrives again.
    ///
    /// Send a packet right after, even an empty one: the peer goes on with the old keys until it sees the new.
    ///
    /// # Errors
    /// [`Error::RekeyOutOfTurn`], [`Error::RekeyRejected`]: no peer of ours does that; close the session. The
    /// request is used up.
    pub fn handle_response(&mut self, response: &[u8]) -> Result<Option<NextKeys>, Error> {
        let (generation, response) = unframed(response)?;
        if generation <= self.generation {
            return Ok(None);
        }
        if generation != self.generation + 1 {
            return Err(Error::RekeyOutOfTurn);
        }
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Asked(offer) => {
                let fresh = offer.finish(response).map_err(|_| Error::RekeyRejected)?;
                self.state = State::Agreed { answered: None };
                Ok(Some(self.step(&fresh, true)))
            }
            other => {
                self.state = other;
                Err(Error::RekeyOutOfTurn)
            }
        }
    }

    /// The peer has begun to use `generation`: [`Committed::generation`](crate::Committed) said so.
    pub fn handle_followed(&mut self, generation: u64) {
        if generation == self.generation && matches!(self.state, State::Agreed { .. }) {
            self.state = State::Idle;
        }
    }

    /// The response to a request answered before.
    fn repeated(&self, request: &[u8]) -> Option<Answer> {
        match &self.state {
            State::Agreed { answered: Some(answered) } if answered.request == request => {
                Some(Answer { response: answered.response.clone(), keys: None })
            }
            _ => None,
        }
    }

    /// Replaces the root and hands out the chains that stand beside the new one.
    fn step(&mut self, fresh: &Fresh, at_once: bool) -> NextKeys {
        let (root, initiator, responder) = self.root.step(fresh.dangerous_secret(), fresh.transcript());
        self.root = root;
        self.generation += 1;
        let generation = self.generation;
        let (sealing, opening) = match self.role {
            Role::Initiator => (initiator, responder),
            Role::Responder => (responder, initiator),
        };
        NextKeys {
            opening: NextOpening { generation, chain: opening },
            sealing: NextSealing { generation, chain: sealing, at_once },
        }
    }
}

fn framed(generation: u64, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(GENERATION_BYTES + message.len());
    bytes.extend_from_slice(&generation.to_le_bytes());
    bytes.extend_from_slice(message);
    bytes
}

fn unframed(bytes: &[u8]) -> Result<(u64, &[u8]), Error> {
    let (generation, message) = bytes.split_first_chunk().ok_or(Error::RekeyRejected)?;
    Ok((u64::from_le_bytes(*generation), message))
}

impl fmt::Debug for Rekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "Idle",
            State::Asked(_) => "Asked",
            State::Agreed { .. } => "Agreed",
        };
        f.debug_struct("Rekey")
            .field("generation", &self.generation)
            .field("state", &format_args!("{state}"))
            .finish_non_exhaustive()
    }
}
