//! Makes the frozen vectors in `tests/vectors/` anew, as one JSON object of file names and contents.
//!
//! Bytes are hexadecimal. Secrets are made of one repeated byte.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use membership::{
    Card, DeviceKey, Door, Identity, IdentityKey, MemberId, Members, NetAddress, Petname, Record, UnixSeconds,
};
use serde_json::{Value, json};

fn main() {
    println!(
        "{:#}",
        json!({
            "member_ids.json": member_ids(),
            "records.json": records(),
            "cards.json": cards(),
            "list.json": list(),
        })
    );
}

/// Any 32 bytes have an id, be they a key or not.
fn member_ids() -> Value {
    let keys = [[0; 32], [0xff; 32], identity(1).key().0, identity(2).key().0];
    let vector = |key: [u8; 32]| json!({ "identity": hex::encode(key), "id": MemberId::of(&IdentityKey(key)).to_string() });
    keys.into_iter().map(vector).collect()
}

/// The identity whose secret is a repeated byte.
fn identity(secret: u8) -> Identity {
    let public = match secret {
        1 => "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        _ => "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
    };
    let file = [&[1, b'I'][..], &[secret; 32], &hex::decode(public).unwrap()].concat();
    Identity::from_file_bytes(&file).unwrap()
}

/// A device whose id and secret are repeated bytes.
fn device(id: u8, secret: u8, public: &str) -> DeviceKey {
    let file = [&[1, b'D'][..], &[id; 16], &[secret; 32], &hex::decode(public).unwrap()].concat();
    DeviceKey::from_file_bytes(&file).unwrap()
}

fn devices() -> [DeviceKey; 2] {
    [
        device(3, 4, "ac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10b"),
        device(5, 6, "f5b2d6e60f9477e310c2982daaa6c9136c108a1777c5947e448fa37d68174557"),
    ]
}

fn record(identity: &Identity, device: &DeviceKey, expires: u64) -> Record {
    let expires = UnixSeconds::new(expires).unwrap();
    Record::issue(identity, device.id(), device.key(), expires).unwrap()
}

fn records() -> Value {
    let identity = identity(1);
    let vector = |(device, expires): (&DeviceKey, u64)| {
        let record = record(&identity, device, expires);
        let bytes = record.to_bytes();
        let signed = [
            &16_u64.to_le_bytes()[..],
            b"Conclave1 record",
            &identity.key().0,
            &device.key().0,
            &device.id().0,
            &expires.to_le_bytes(),
        ];
        json!({
            "identity_secret": hex::encode([1; 32]),
            "identity": hex::encode(identity.key().0),
            "static_secret": hex::encode(device.secret().dangerous_bytes()),
            "static_key": hex::encode(device.key().0),
            "device": hex::encode(device.id().0),
            "expires": expires,
            "signed": hex::encode(signed.concat()),
            "signature": hex::encode(&bytes[88..]),
            "record": hex::encode(bytes),
            "credential": hex::encode(record.to_credential().0),
            "identity_file": hex::encode(&identity.dangerous_file_bytes()[..]),
            "device_file": hex::encode(&device.dangerous_file_bytes()[..]),
        })
    };
    let [first, second] = devices();
    [(&first, 2_000_000_000), (&second, 0), (&second, UnixSeconds::MAX.seconds())]
        .into_iter()
        .map(vector)
        .collect()
}

fn card(devices: &[DeviceKey], addresses: &[&str], petname: &str) -> Card {
    let identity = identity(1);
    let records = devices.iter().map(|device| record(&identity, device, 2_000_000_000)).collect();
    let addresses = addresses.iter().map(|address| NetAddress::new(*address).unwrap()).collect();
    let petname = (!petname.is_empty()).then(|| Petname::new(petname).unwrap());
    Card::new(records, Door::from_bytes([7; 32]), addresses, petname).unwrap()
}

fn cards() -> Value {
    let cases: [(usize, &[&str], &str); 3] = [
        (1, &[], ""),
        (1, &["203.0.113.7:4433"], "Ada"),
        (2, &["203.0.113.7:4433", "[2001:db8::7]:4433", "home.example:4433"], "Ада 愛"),
    ];
    let vector = |(count, addresses, petname): (usize, &[&str], &str)| {
        let card = card(&devices()[..count], addresses, petname);
        let records: Vec<String> =
            card.records().iter().map(|record| hex::encode(record.to_bytes())).collect();
        let text = card.to_text().unwrap();
        json!({
            "records": records,
            "door": hex::encode(card.door().dangerous_bytes()),
            "addresses": addresses,
            "petname": petname,
            "bytes": hex::encode(bech32::decode(&text).unwrap().1),
            "text": text,
        })
    };
    cases.into_iter().map(vector).collect()
}

/// A list as it is stored.
fn list() -> Value {
    let mut members = Members::new();
    members.add(&card(&devices(), &["203.0.113.7:4433"], "Ada")).unwrap();
    serde_json::to_value(&members).unwrap()
}
