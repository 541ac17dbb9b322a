//! PROTOCOL §5.2 to §5.3, §5.5 and §5.7, line by line.

use super::{
    Inputs, Values, derive, mac,
    primitives::{aead, dh, kem_exchange, kem_public, public},
    session, sha3,
};

const HYBRID: u16 = 0x0001;

/// A whole handshake of suite 0x0001 or 0x0002.
pub fn x3dh(input: &Inputs) -> Values {
    let psk = input.ticket.as_ref().map_or(&[][..], |(_, secret)| &secret[..]);
    run(input, psk, &key_share(input))
}

/// The same by an initiator that computes with another secret than its ticket's.
pub fn x3dh_with_psk(input: &Inputs, psk: &[u8]) -> Values {
    run(input, psk, &key_share(input))
}

/// The same by an initiator that commits to a key share of its own making.
pub fn x3dh_committed(input: &Inputs, m1b: &[u8]) -> Values {
    run(input, b"", m1b)
}

fn key_share(input: &Inputs) -> Vec<u8> {
    [input.header(2), kem_public(&input.kem_seed)].concat()
}

fn run(input: &Inputs, psk: &[u8], m1b: &[u8]) -> Values {
    let mut v = Values::default();
    let hybrid = input.suite == HYBRID;
    let [big_a, big_x, big_y] = input.publics();
    let [es, ss, ee, se] = input.agreements();
    let big_b = public(&input.b);
    v.put("A", big_a);
    v.put("B", big_b);
    v.put("X", big_x);
    v.put("Y", big_y);

    let name = match hybrid {
        true => "Conclave1 X3DH-25519-MLKEM768-ChaChaPoly-SHA3",
        false => "Conclave1 X3DH-25519-ChaChaPoly-SHA3",
    };
    let h0 = sha3(name, &[&input.identity_r, &big_b]);
    v.put("h0", h0);

    // M1a
    let mut packet = input.header(1);
    packet.extend(big_x);
    let h1 = mix(&h0, &packet);
    v.put("h1", h1);
    v.put("es", es);
    let (ck1, k1) = kdf("Conclave1 es", &h0, &es);
    v.put("ck1", ck1);
    v.put("k1", k1);
    let s = aead(&k1, 0, &h1, &[&big_a[..], &input.credential].concat());
    v.put("S*", s.clone());
    let h2 = mix(&h1, &s);
    v.put("h2", h2);
    v.put("ss", ss);
    let (ck2, k2) = kdf("Conclave1 ss", &ck1, &ss);
    v.put("ck2", ck2);
    v.put("k2", k2);
    let mut plaintext = input.offer();
    if hybrid {
        let commitment = sha3("Conclave1 part", &[m1b]);
        v.put("commitment", commitment);
        plaintext.extend(commitment);
    }
    v.put("P", plaintext.clone());
    let p = aead(&k2, 0, &h2, &plaintext);
    v.put("P*", p.clone());
    let h3 = mix(&h2, &p);
    v.put("h3", h3);
    let out: [u8; 96] = derive("Conclave1 psk", &[&ck2, psk]);
    let (ck3, k3, m3) = (&out[..32], &out[32..64], &out[64..]);
    v.put("ck3", ck3);
    v.put("k3", k3);
    v.put("m3", m3);
    let t = aead(k3, 0, &h3, b"");
    v.put("T*", t.clone());
    let h4 = mix(&h3, &t);
    v.put("h4", h4);
    packet.extend([s, p, t].concat());
    let mac1 = mac("Conclave1 mac1", &input.door, &packet);
    v.put("mac1", mac1);
    packet.extend(mac1);
    v.put("M1a", packet);
    if hybrid {
        v.put("M1b", m1b);
    }

    // M2
    let mut packet = input.header(3);
    packet.extend(big_y);
    let kem = hybrid.then(|| kem_exchange(&input.kem_seed, &input.kem_m));
    if let Some((ciphertext, _)) = &kem {
        packet.extend(ciphertext);
    }
    let h5 = mix(&h4, &packet);
    v.put("h5", h5);
    v.put("ee", ee);
    let (ck4, _) = kdf("Conclave1 ee", ck3, &ee);
    v.put("ck4", ck4);
    v.put("se", se);
    let (mut ck, mut k) = kdf("Conclave1 se", &ck4, &se);
    v.put("ck5", ck);
    v.put("k5", k);
    if let Some((_, secret)) = &kem {
        v.put("kem secret", secret.clone());
        (ck, k) = kdf("Conclave1 kem", &ck, secret);
        v.put("ck6", ck);
        v.put("k6", k);
    }
    let n = aead(&k, 0, &h5, &input.answer());
    v.put("N*", n.clone());
    let h6 = mix(&h5, &n);
    v.put("h6", h6);
    packet.extend(n);
    packet.extend(mac("Conclave1 reply", m3, &packet));
    v.put("M2", packet);

    session(&mut v, &ck, &h6);
    v
}

/// Fresh keys inside a session.
pub fn rekey(hybrid: bool, x: &[u8; 32], seed: &[u8; 64], y: &[u8; 32], m: &[u8; 32]) -> Values {
    let mut v = Values::default();
    let (mut request, mut response) = (public(x).to_vec(), public(y).to_vec());
    let mut secret = dh(x, &public(y)).to_vec();
    if hybrid {
        let (ciphertext, kem) = kem_exchange(seed, m);
        request.extend(kem_public(seed));
        response.extend(ciphertext);
        secret.extend(kem);
    }
    v.put("transcript", sha3("Conclave1 rekey", &[&request, &response]));
    v.put("request", request);
    v.put("response", response);
    v.put("secret", secret);
    v
}

fn mix(h: &[u8; 32], data: &[u8]) -> [u8; 32] {
    sha3("Conclave1 mix", &[h, data])
}

fn kdf(label: &str, ck: &[u8], secret: &[u8]) -> ([u8; 32], [u8; 32]) {
    let out: [u8; 64] = derive(label, &[ck, secret]);
    (out[..32].try_into().unwrap(), out[32..].try_into().unwrap())
}
