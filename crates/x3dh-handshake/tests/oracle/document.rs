//! The frozen vectors as one JSON object: file name to content.

use serde_json::{Map, Value, json};

use super::{Inputs, Values, cookie, mychips, noise, pattern, rekey, x3dh};

/// The variants of the handshake: file name, suite, with a ticket or without.
pub const VARIANTS: [(&str, u16, bool); 7] = [
    ("x3dh_hybrid.json", 0x0001, false),
    ("x3dh_hybrid_ticket.json", 0x0001, true),
    ("x3dh.json", 0x0002, false),
    ("x3dh_ticket.json", 0x0002, true),
    ("noise_ik.json", 0x0101, false),
    ("noise_ikpsk2.json", 0x0102, true),
    ("noise_nk.json", 0x0103, false),
];

pub const COOKIE_SECRET_START: u8 = 0xc0;
pub const COOKIE_NONCE_START: u8 = 0xe0;
pub const COOKIE_SOURCE: &[u8] = b"192.0.2.1:4242";
/// The challenges: file name, and how much work they ask for.
pub const COOKIES: [(&str, u8); 2] = [("cookie.json", 0), ("puzzle.json", 10)];

/// The oracle's values for one variant.
pub fn values(input: &Inputs) -> Values {
    if input.suite >= 0x0101 { noise(input) } else { x3dh(input) }
}

/// Every file.
pub fn document() -> Map<String, Value> {
    let mut files = Map::new();
    for (name, suite, with_ticket) in VARIANTS {
        let input = Inputs::frozen(suite, with_ticket);
        let values = hexadecimal(&values(&input));
        files.insert(name.into(), json!({ "inputs": inputs(&input), "values": values }));
    }
    for (name, bits) in COOKIES {
        files.insert(name.into(), cookie_file(bits));
    }
    files.insert("rekey.json".into(), rekey_file());
    files.insert("mychips.json".into(), mychips_file());
    files
}

fn cookie_file(bits: u8) -> Value {
    let input = Inputs::frozen(0x0001, false);
    let first = x3dh(&input);
    let (secret, nonce) = (pattern(COOKIE_SECRET_START), pattern(COOKIE_NONCE_START));
    let values = cookie(&input, first.get("M1a"), (&secret, COOKIE_SOURCE), &nonce, bits);
    json!({
        "inputs": {
            "M1a": "as in x3dh_hybrid.json",
            "cookie secret": hex::encode(secret),
            "source": hex::encode(COOKIE_SOURCE),
            "nonce": hex::encode(nonce),
            "bits": bits,
        },
        "values": hexadecimal(&values),
    })
}

fn rekey_file() -> Value {
    let input = Inputs::frozen(0x0001, false);
    let of = |hybrid| hexadecimal(&rekey(hybrid, &input.x, &input.kem_seed, &input.y, &input.kem_m));
    json!({
        "inputs": {
            "x'": hex::encode(input.x),
            "kem d | z": hex::encode(input.kem_seed),
            "y'": hex::encode(input.y),
            "kem m": hex::encode(input.kem_m),
        },
        "with KEM": of(true),
        "without KEM": of(false),
    })
}

fn mychips_file() -> Value {
    let input = mychips::Inputs::frozen();
    json!({
        "inputs": {
            "seed_I": hex::encode(input.seed_i),
            "seed_R": hex::encode(input.seed_r),
            "e of N": hex::encode(input.e_n),
            "e_I": hex::encode(input.e_i),
            "e_R": hex::encode(input.e_r),
            "counter": input.counter,
            "early_I": hex::encode(&input.early_i),
            "early_R": hex::encode(&input.early_r),
            "token": hex::encode(&input.token),
            "message_I": hex::encode(&input.message_i),
            "message_R": hex::encode(&input.message_r),
        },
        "known": hexadecimal(&mychips::known(&input)),
        "first contact": hexadecimal(&mychips::first_contact(&input)),
    })
}

fn hexadecimal(values: &Values) -> Value {
    values.0.iter().map(|(name, bytes)| ((*name).to_owned(), Value::from(hex::encode(bytes)))).collect()
}

/// What only an initiator with a name puts in.
const NAMED: [&str; 7] = ["ticket id", "psk", "a", "credential", "counter", "boot_I", "kem d | z"];

fn inputs(input: &Inputs) -> Value {
    let mut all = all_inputs(input);
    if let (0x0103, Some(all)) = (input.suite, all.as_object_mut()) {
        all.retain(|name, _| !NAMED.contains(&name.as_str()) && name != "kem m");
    }
    all
}

fn all_inputs(input: &Inputs) -> Value {
    json!({
        "suite": format!("{:#06x}", input.suite),
        "ticket id": input.ticket.map(|(id, _)| hex::encode(id)),
        "psk": input.ticket.map(|(_, secret)| hex::encode(secret)),
        "a": hex::encode(input.a),
        "credential": hex::encode(input.credential),
        "b": hex::encode(input.b),
        "Id_R": hex::encode(input.identity_r),
        "door": hex::encode(input.door),
        "tag_I": input.tag_i,
        "tag_R": input.tag_r,
        "counter": input.counter,
        "boot_I": hex::encode(input.boot_i),
        "boot_R": hex::encode(input.boot_r),
        "capabilities_I": input.capabilities_i,
        "capabilities_R": input.capabilities_r,
        "windows_I": input.windows_i,
        "windows_R": input.windows_r,
        "aead": input.aead,
        "x": hex::encode(input.x),
        "kem d | z": hex::encode(input.kem_seed),
        "y": hex::encode(input.y),
        "kem m": hex::encode(input.kem_m),
    })
}
