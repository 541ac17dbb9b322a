//! SHA3-256 and SHAKE256 over unambiguous input (PROTOCOL §4.2).
//!
//! Every call carries a label of its own, and every input stands behind its length, so that no two calls of the
//! protocol can ever hash the same bytes.

use sha3::{Digest, Sha3_256};
use shake::{ExtendableOutput, Shake256, Update, XofReader};

/// Bytes of a message authentication code.
pub(crate) const MAC_BYTES: usize = 16;

/// `enc(x) = length of x as u64, little-endian | x`
fn length_prefix(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()
}

/// `H(label, x...) = SHA3-256(enc(label) | enc(x)...)`
pub(crate) fn hash(label: &str, inputs: &[&[u8]]) -> [u8; 32] {
    let mut sponge = Sha3_256::new();
    for input in std::iter::once(&label.as_bytes()).chain(inputs) {
        Digest::update(&mut sponge, length_prefix(input));
        Digest::update(&mut sponge, input);
    }
    sponge.finalize().into()
}

/// `derive(label, x...)[n] = SHAKE256(enc(label) | enc(x)...)`, the key derivation of the protocol (PROTOCOL §4.2).
///
/// Fills `out`. Labels that begin with `Conclave1 ` belong to the protocol; give a use of your own another prefix.
pub fn derive(label: &str, inputs: &[&[u8]], out: &mut [u8]) {
    let mut sponge = Shake256::default();
    for input in std::iter::once(&label.as_bytes()).chain(inputs) {
        sponge.update(&length_prefix(input));
        sponge.update(input);
    }
    sponge.finalize_xof().read(out);
}

/// `MAC(label, key, m) = derive(label, key, H(label, m))[16]`
///
/// The message is hashed apart from the key, so that trying a second key costs one more permutation and no more.
pub(crate) fn mac(label: &str, key: &[u8], digest: &[u8; 32]) -> [u8; MAC_BYTES] {
    let mut code = [0; MAC_BYTES];
    derive(label, &[key, digest], &mut code);
    code
}
