//! The frozen vectors, read and made again.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use membership::{Card, DeviceKey, Identity, IdentityKey, MemberId, Members, Record, UnixSeconds};
use serde_json::Value;
use sha3::{Digest, Sha3_256};

fn load(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

#[test]
fn member_ids_are_as_frozen() {
    for vector in load("member_ids.json").as_array().unwrap() {
        let key = bytes::<32>(&vector["identity"]);
        let id = vector["id"].as_str().unwrap();
        assert_eq!(MemberId::of(&IdentityKey(key)).to_string(), id);
        assert_eq!(id.parse::<MemberId>().unwrap(), MemberId::of(&IdentityKey(key)));

        let input = [&19_u64.to_le_bytes()[..], b"Conclave1 member id", &32_u64.to_le_bytes(), &key].concat();
        let mut digest: [u8; 32] = Sha3_256::digest(input).into();
        digest[6] = digest[6] & 0x0f | 0x80;
        digest[8] = digest[8] & 0x3f | 0x80;
        assert_eq!(digest[..16], MemberId::of(&IdentityKey(key)).as_bytes()[..]);
    }
}

#[test]
fn records_are_as_frozen() {
    for vector in load("records.json").as_array().unwrap() {
        let identity = Identity::from_file_bytes(&bytes::<66>(&vector["identity_file"])).unwrap();
        let device = DeviceKey::from_file_bytes(&bytes::<82>(&vector["device_file"])).unwrap();
        assert_eq!(identity.key().0, bytes(&vector["identity"]));
        assert_eq!((device.key().0, device.id().0), (bytes(&vector["static_key"]), bytes(&vector["device"])));
        assert_eq!(device.secret().dangerous_bytes(), &bytes::<32>(&vector["static_secret"]));

        let expires = UnixSeconds::new(vector["expires"].as_u64().unwrap()).unwrap();
        let record = Record::issue(&identity, device.id(), device.key(), expires).unwrap();
        assert_eq!(record.to_bytes(), bytes(&vector["record"]));
        assert_eq!(record.to_credential().0, bytes(&vector["credential"]));
        assert_eq!(Record::from_bytes(&bytes(&vector["record"])).unwrap(), record);
        assert_eq!(record.to_bytes()[88..], bytes::<64>(&vector["signature"]));

        let signed = hex::decode(vector["signed"].as_str().unwrap()).unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&identity.key().0).unwrap();
        let signature = ed25519_dalek::Signature::from_bytes(&bytes(&vector["signature"]));
        key.verify_strict(&signed, &signature).unwrap();
    }
}

#[test]
fn cards_are_as_frozen() {
    for vector in load("cards.json").as_array().unwrap() {
        let text = vector["text"].as_str().unwrap();
        let card: Card = text.parse().unwrap();
        assert_eq!(card.to_text().unwrap(), text);
        let records: Vec<[u8; 152]> = vector["records"].as_array().unwrap().iter().map(bytes).collect();
        assert_eq!(card.records().iter().map(Record::to_bytes).collect::<Vec<_>>(), records);
        assert_eq!(card.door().dangerous_bytes(), &bytes::<32>(&vector["door"]));
        let addresses: Vec<&str> = card.addresses().iter().map(membership::NetAddress::as_str).collect();
        assert_eq!(serde_json::json!(addresses), vector["addresses"]);
        assert_eq!(card.petname().map_or("", membership::Petname::as_str), vector["petname"]);
        assert_eq!(hex::encode(bech32::decode(text).unwrap().1), vector["bytes"]);
    }
}

#[test]
fn the_stored_list_is_as_frozen() {
    let vector = load("list.json");
    let members: Members = serde_json::from_value(vector.clone()).unwrap();
    assert_eq!(serde_json::to_value(&members).unwrap(), vector);
    assert_eq!(members.find("Ada").unwrap().devices().count(), 2);
}
