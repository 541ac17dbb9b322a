//! The X3DH suites: the equations of PROTOCOL §5.2 and §5.3, each above the line that computes it.

pub(crate) mod initiator;
pub(crate) mod responder;

use crate::hash::hash;

pub(crate) const ES: &str = "Conclave1 es";
pub(crate) const SS: &str = "Conclave1 ss";
pub(crate) const EE: &str = "Conclave1 ee";
pub(crate) const SE: &str = "Conclave1 se";
pub(crate) const KEM: &str = "Conclave1 kem";

/// `H("Conclave1 part", M1b)`: the whole packet, so that its header is committed to as well.
pub(crate) fn commitment(key_share: &[u8]) -> [u8; 32] {
    hash("Conclave1 part", &[key_share])
}
