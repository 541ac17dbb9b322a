//! The proof of a ticket's secret in the first message of IKpsk2 (PROTOCOL §5.4).
//!
//! Noise mixes the pre-shared key into the second message only. Without a proof in the first one, a responder would
//! answer, and reserve a ticket for, somebody who knows no more of it than its id.

use subtle::ConstantTimeEq;

use crate::{
    error::Rejected,
    hash::{MAC_BYTES, hash, mac},
    secret::Psk,
};

const TICKET: &str = "Conclave1 noise ticket";

/// What the proof covers: everything that the message says, and to whom. All of fixed length.
pub(super) struct Covered<'a> {
    pub(super) prologue: &'a [u8],
    /// `B`
    pub(super) responder: &'a [u8; 32],
    pub(super) ephemeral: &'a [u8; 32],
    /// `A`
    pub(super) initiator: &'a [u8; 32],
    /// `credential | offer`
    pub(super) payload: &'a [u8],
}

impl Covered<'_> {
    fn digest(&self) -> [u8; 32] {
        let all = [self.prologue, self.responder, self.ephemeral, self.initiator, self.payload].concat();
        hash(TICKET, &[&all])
    }

    /// `proof = MAC("Conclave1 noise ticket", psk, prologue | B | e | A | credential | offer)`
    pub(super) fn prove(&self, psk: &Psk) -> [u8; MAC_BYTES] {
        mac(TICKET, psk.dangerous_bytes(), &self.digest())
    }
}

/// A proof that came, until the secret to check it by is known.
pub(super) struct Proof {
    digest: [u8; 32],
    code: [u8; MAC_BYTES],
}

impl Proof {
    pub(super) fn new(covered: &Covered<'_>, code: [u8; MAC_BYTES]) -> Self {
        Self { digest: covered.digest(), code }
    }

    pub(super) fn check(&self, psk: &Psk) -> Result<(), Rejected> {
        let fits = mac(TICKET, psk.dangerous_bytes(), &self.digest).ct_eq(&self.code);
        if fits.into() { Ok(()) } else { Err(Rejected) }
    }
}
