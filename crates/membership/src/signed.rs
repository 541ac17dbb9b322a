//! What signatures are made over.

/// `enc(label) | body`, where `enc(x)` is the length of `x` as u64, then `x`. The label tells kinds of statements apart,
/// and each body reads in one way only.
pub(crate) fn message(label: &str, body: &[u8]) -> Vec<u8> {
    let length = u64::try_from(label.len()).unwrap_or(u64::MAX);
    [&length.to_le_bytes()[..], label.as_bytes(), body].concat()
}
