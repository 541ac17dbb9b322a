//! The frozen vectors, read and made again.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use membership::{
    Card, DeviceKey, Identity, IdentityKey, KeyText, MemberId, Members, News, Record, Statement, Ticket,
    TicketTerms, UnixSeconds,
};
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

#[test]
fn identities_at_rest_are_as_frozen() {
    for vector in load("identities.json").as_array().unwrap() {
        let text = |field: &str| vector[field].as_str().unwrap();
        let key = IdentityKey(bytes(&vector["identity"]));
        assert_eq!(text("text").parse::<KeyText>().unwrap().0, key);
        let of_words = Identity::from_words(text("words")).unwrap();
        assert_eq!(of_words.dangerous_file_bytes()[2..34], bytes::<32>(&vector["secret"]));
        let sealed = bytes::<110>(&vector["sealed"]);
        assert_eq!(Identity::sealed_key(&sealed).unwrap(), key);
        let opened = Identity::open_sealed(&sealed, text("passphrase")).unwrap();
        assert_eq!(opened.dangerous_file_bytes(), of_words.dangerous_file_bytes());
    }
}

/// `enc(label) | body`, without the code that makes it.
fn message(label: &str, body: &[u8]) -> Vec<u8> {
    [&u64::try_from(label.len()).unwrap().to_le_bytes()[..], label.as_bytes(), body].concat()
}

#[test]
fn statements_are_as_frozen() {
    for vector in load("statements.json").as_array().unwrap() {
        let written = hex::decode(vector["statement"].as_str().unwrap()).unwrap();
        let statement = Statement::from_bytes(&written).unwrap();
        assert_eq!(
            (statement.issuer().0, statement.id().0),
            (bytes(&vector["issuer"]), bytes(&vector["name"]))
        );
        assert_eq!(statement.to_bytes(), written);

        let (body, signature) = written[1..].split_last_chunk::<64>().unwrap();
        let key = ed25519_dalek::VerifyingKey::from_bytes(&statement.issuer().0).unwrap();
        let signed = message(vector["label"].as_str().unwrap(), body);
        key.verify_strict(&signed, &ed25519_dalek::Signature::from_bytes(signature)).unwrap();
        let name: [u8; 32] = Sha3_256::digest(message("Conclave1 statement", &written)).into();
        assert_eq!(name, statement.id().0);
    }
}

#[test]
fn news_are_as_frozen() {
    let mut statements = Vec::new();
    for vector in load("statements.json").as_array().unwrap() {
        statements.push(hex::decode(vector["statement"].as_str().unwrap()).unwrap());
    }
    for vector in load("news.json").as_array().unwrap() {
        let message = hex::decode(vector["message"].as_str().unwrap()).unwrap();
        let news = News::from_bytes(&message).unwrap();
        assert_eq!(news.to_bytes(), message);
        match (vector["kind"].as_str().unwrap(), news) {
            ("have", News::Have(names)) => assert_eq!(names.len(), statements.len()),
            ("want", News::Want(names)) => assert_eq!(names.len(), 2),
            ("statements", News::Statements(told)) => {
                assert_eq!(told.iter().map(Statement::to_bytes).collect::<Vec<_>>(), statements);
            }
            (kind, news) => panic!("{kind}: {news:?}"),
        }
    }
}

#[test]
fn tickets_are_as_frozen() {
    for vector in load("tickets.json").as_array().unwrap() {
        let text = |field: &str| vector[field].as_str().unwrap();
        let ticket: Ticket = text("text").parse().unwrap();
        assert_eq!(text("uri").parse::<Ticket>().unwrap(), ticket);
        assert_eq!(
            (&*ticket.to_text().unwrap(), &*ticket.to_uri().unwrap()),
            (&text("text").to_owned(), &text("uri").to_owned())
        );
        assert_eq!(hex::encode(bech32::decode(text("text")).unwrap().1), text("bytes"));
        assert_eq!(
            (ticket.id.0, ticket.secret.dangerous_bytes()),
            (bytes(&vector["id"]), &bytes(&vector["secret"]))
        );
        assert_eq!(ticket.bound.map(|key| hex::encode(key.0)).as_deref(), vector["bound"].as_str());
        assert_eq!(serde_json::json!(ticket.expires), vector["expires"]);
        assert_eq!(ticket.card.to_text().unwrap(), text("card"));
        let entry = hex::decode(text("entry")).unwrap();
        let terms = TicketTerms::from_bytes(&entry).unwrap();
        assert_eq!((terms.expires, terms.bound, terms.uses_left), (ticket.expires, ticket.bound, 2));
        assert_eq!(*terms.dangerous_bytes().unwrap(), entry);
    }
}
