//! Challenges, puzzles, and what comes back.

use super::{Inputs, Values, derive, primitives::aead, sha3};

/// A challenge to `M1a` that asks for `bits`, and the answer with the smallest number that solves it.
pub fn cookie(
    input: &Inputs,
    m1a: &[u8],
    (secret, source): (&[u8; 32], &[u8]),
    nonce: &[u8; 16],
    bits: u8,
) -> Values {
    let mut v = Values::default();
    let cookie: [u8; 16] = derive("Conclave1 cookie", &[secret, source, &m1a[8..40]]);
    v.put("cookie", cookie);
    let kc: [u8; 32] = derive("Conclave1 challenge", &[&input.door, nonce]);
    v.put("kc", kc);
    let mac1 = &m1a[m1a.len() - 16..];
    let sealed = aead(&kc, 0, mac1, &[&cookie[..], &[bits]].concat());
    v.put("challenge", [input.header(4), nonce.to_vec(), sealed].concat());
    let digest = |solution: u64| sha3("Conclave1 puzzle", &[&cookie, mac1, &solution.to_le_bytes()]);
    let solution = (0..).find(|number| has_zero_bits(&digest(*number), bits)).unwrap();
    v.put("puzzle", digest(solution));
    v.put("solution", solution.to_le_bytes());
    let mac2: [u8; 16] = derive("Conclave1 mac2", &[&cookie, &solution.to_le_bytes(), mac1]);
    v.put("mac2", mac2);
    v.put("cookied", cookied(&cookie, solution, m1a));
    v
}

/// COOKIED with any number, solution or not.
pub fn cookied(cookie: &[u8], solution: u64, m1a: &[u8]) -> Vec<u8> {
    let mac1 = &m1a[m1a.len() - 16..];
    let mac2: [u8; 16] = derive("Conclave1 mac2", &[cookie, &solution.to_le_bytes(), mac1]);
    [&[5], &solution.to_le_bytes()[..], &mac2, m1a].concat()
}

/// How many zero bits the work for this number shows.
pub fn work(cookie: &[u8], solution: u64, m1a: &[u8]) -> u8 {
    let digest = sha3("Conclave1 puzzle", &[cookie, &m1a[m1a.len() - 16..], &solution.to_le_bytes()]);
    (0..=64).take_while(|bits| has_zero_bits(&digest, *bits)).last().unwrap()
}

fn has_zero_bits(digest: &[u8; 32], bits: u8) -> bool {
    (0..bits).all(|bit| digest[usize::from(bit / 8)] & (0x80 >> (bit % 8)) == 0)
}
