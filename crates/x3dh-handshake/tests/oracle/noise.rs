//! `Noise_IK_25519_ChaChaPoly_BLAKE2b` from the Noise specification, and PROTOCOL §5.4 around it.

use blake2::{Blake2b512, Digest};

use super::{
    Inputs, Values, derive, mac,
    primitives::{aead, public},
    session, sha3,
};

/// A whole handshake of suite 0x0101.
pub fn noise_ik(input: &Inputs) -> Values {
    let mut v = Values::default();
    let [big_a, big_x, big_y] = input.publics();
    let [es, ss, ee, se] = input.agreements();
    let big_b = public(&input.b);
    let header = input.header(1);
    let prologue = [b"Conclave1 Noise_IK_25519_ChaChaPoly_BLAKE2b", &input.identity_r[..], &header].concat();
    v.put("prologue", prologue.clone());

    // Initialize, with the responder's static key as pre-message.
    let mut h = [0; 64];
    let name = b"Noise_IK_25519_ChaChaPoly_BLAKE2b";
    h[..name.len()].copy_from_slice(name);
    let mut ck = h;
    h = mix(&h, &prologue);
    h = mix(&h, &big_b);

    // -> e, es, s, ss
    let mut message = big_x.to_vec();
    h = mix(&h, &big_x);
    let k = mix_key(&mut ck, &es);
    let sealed = aead(&k, 0, &h, &big_a);
    h = mix(&h, &sealed);
    message.extend(sealed);
    let k = mix_key(&mut ck, &ss);
    let sealed = aead(&k, 0, &h, &[&input.credential[..], &input.offer()].concat());
    h = mix(&h, &sealed);
    message.extend(sealed);
    v.put("h after message 1", h);
    v.put("ck after message 1", ck);
    let mut packet = [header, message].concat();
    let mac1 = mac("Conclave1 mac1", &input.door, &packet);
    packet.extend(mac1);
    v.put("M1", packet);

    // <- e, ee, se
    let mut message = big_y.to_vec();
    h = mix(&h, &big_y);
    mix_key(&mut ck, &ee);
    let k = mix_key(&mut ck, &se);
    let sealed = aead(&k, 0, &h, &input.answer());
    h = mix(&h, &sealed);
    message.extend(sealed);
    v.put("h", h);
    v.put("ck", ck);
    let reply_key: [u8; 32] = derive("Conclave1 noise reply", &[&input.door, &mac1]);
    v.put("reply key", reply_key);
    let mut packet = [input.header(3), message].concat();
    packet.extend(mac("Conclave1 reply", &reply_key, &packet));
    v.put("M2", packet);

    // Split
    let (k1, k2) = hkdf(&ck, b"");
    let key = [&k1[..32], &k2[..32]].concat();
    v.put("k1 | k2", key.clone());
    let h6 = sha3("Conclave1 noise", &[&h]);
    v.put("h6", h6);
    session(&mut v, &key, &h6);
    v
}

fn blake2b(parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Blake2b512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn mix(h: &[u8; 64], data: &[u8]) -> [u8; 64] {
    blake2b(&[h, data])
}

fn mix_key(ck: &mut [u8; 64], secret: &[u8]) -> [u8; 32] {
    let (next, k) = hkdf(ck, secret);
    *ck = next;
    k[..32].try_into().unwrap()
}

fn hkdf(ck: &[u8; 64], input: &[u8]) -> ([u8; 64], [u8; 64]) {
    let temporary = hmac(ck, input);
    let first = hmac(&temporary, &[1]);
    let second = hmac(&temporary, &[&first[..], &[2]].concat());
    (first, second)
}

fn hmac(key: &[u8; 64], data: &[u8]) -> [u8; 64] {
    let (mut inner, mut outer) = ([0x36; 128], [0x5c; 128]);
    for index in 0..64 {
        inner[index] ^= key[index];
        outer[index] ^= key[index];
    }
    blake2b(&[&outer, &blake2b(&[&inner, data])])
}
