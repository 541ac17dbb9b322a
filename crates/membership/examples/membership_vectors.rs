//! Makes the frozen vectors in `tests/vectors/` anew, as one JSON object of file names and contents.
//!
//! Bytes are hexadecimal. Secrets are made of one repeated byte.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::convert::Infallible;

use membership::{
    Announcement, Card, DeviceId, DeviceKey, Door, Facts, Grant, Identity, IdentityKey, KeyText, MemberId,
    Members, NetAddress, News, PassphraseCost, Petname, Profile, Psk, Record, Relation, Revocation, Revoked,
    Scope, ServiceName, Services, Statement, Ticket, TicketId, TicketTerms, UnixSeconds, Voucher,
};
use rand_core::{TryCryptoRng, TryRng};
use serde_json::{Value, json};

fn main() {
    println!(
        "{:#}",
        json!({
            "member_ids.json": member_ids(),
            "records.json": records(),
            "cards.json": cards(),
            "list.json": list(),
            "identities.json": identities(),
            "statements.json": statements(),
            "news.json": news(),
            "tickets.json": tickets(),
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

/// Draws one byte again and again.
struct Repeated(u8);

impl TryRng for Repeated {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Repeated {}

/// Identities as text, as words, and under a passphrase. The costs are low so that everybody can afford to check them.
fn identities() -> Value {
    let cases = [
        (1, "correct horse battery staple", PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 }),
        (
            2,
            "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c} \u{611b}",
            PassphraseCost { memory_kib: 256, passes: 2, lanes: 2 },
        ),
    ];
    let vector = |(secret, passphrase, cost): (u8, &str, PassphraseCost)| {
        let identity = identity(secret);
        let sealed = identity.dangerous_sealed_bytes(passphrase, cost, &mut Repeated(0x5a)).unwrap();
        json!({
            "secret": hex::encode([secret; 32]),
            "identity": hex::encode(identity.key().0),
            "text": KeyText(identity.key()).to_string(),
            "words": *identity.to_words().unwrap(),
            "passphrase": passphrase,
            "memory_kib": cost.memory_kib,
            "passes": cost.passes,
            "lanes": cost.lanes,
            "salt": hex::encode([0x5a; 16]),
            "sealed": hex::encode(sealed),
        })
    };
    cases.into_iter().map(vector).collect()
}

fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

fn services(names: &[&str]) -> BTreeSet<ServiceName> {
    names.iter().map(|name| ServiceName::new(*name).unwrap()).collect()
}

fn grant() -> Grant {
    let scope = Scope { relation: Relation::Client, services: Services::Only(services(&["clock", "print"])) };
    Grant { scope, depth: 3, expires: date(2_000_000_000) }
}

/// One of each kind and form, all by the first identity.
fn spoken() -> [(&'static str, Statement); 7] {
    let (ada, bob) = (identity(1), identity(2).key());
    let mut profile = Profile::new();
    profile.set("mail", "ada@example.org").unwrap();
    let facts = Facts {
        card: card(&devices()[..1], &["203.0.113.7:4433"], "Ada"),
        suites: vec![0x0001, 0x0101],
        services: services(&["clock"]),
        profile,
        expires: date(2_000_000_000),
    };
    let everything = Grant { scope: Scope::default(), depth: 0, expires: UnixSeconds::MAX };
    let (member, device) = (Revoked::Member(bob), Revoked::Device(DeviceId([4; 16])));
    let revocation = |it: Result<Revocation, membership::Error>| Statement::Revocation(it.unwrap());
    [
        ("announcement", Statement::Announcement(Announcement::issue(&ada, 7, facts).unwrap())),
        ("voucher", Statement::Voucher(Voucher::issue(&ada, bob, 8, grant()).unwrap())),
        ("voucher", Statement::Voucher(Voucher::issue(&ada, bob, u64::MAX, everything).unwrap())),
        ("revocation", revocation(Revocation::issue(&ada, member, 9))),
        ("revocation", revocation(Revocation::lift(&ada, member, 9))),
        ("revocation", revocation(Revocation::issue(&ada, device, 10))),
        ("revocation", revocation(Revocation::lift(&ada, device, 10))),
    ]
}

fn statements() -> Value {
    let vector = |(kind, statement): (&str, Statement)| {
        json!({
            "label": format!("Conclave1 {kind}"),
            "issuer": hex::encode(statement.issuer().0),
            "statement": hex::encode(statement.to_bytes()),
            "name": hex::encode(statement.id().0),
        })
    };
    spoken().into_iter().map(vector).collect()
}

fn news() -> Value {
    let statements: Vec<_> = spoken().into_iter().map(|(_, statement)| statement).collect();
    let have = News::Have(statements.iter().map(Statement::id).collect());
    let want = News::Want(statements.iter().map(Statement::id).take(2).collect());
    let vector =
        |(kind, news): (&str, News)| json!({ "kind": kind, "message": hex::encode(news.to_bytes()) });
    let told = News::telling(statements).remove(0);
    [("have", have), ("want", want), ("statements", told)].into_iter().map(vector).collect()
}

fn tickets() -> Value {
    let vector = |bound: Option<IdentityKey>| {
        let card = card(&devices()[..1], &["203.0.113.7:4433"], "Ada");
        let (id, secret, expires) = (TicketId([8; 16]), Psk::from_bytes([9; 32]), date(1_900_000_000));
        let terms = TicketTerms { secret: secret.clone(), expires, uses_left: 2, bound, grant: grant() };
        let ticket = Ticket { card, id, secret, expires, bound };
        let text = ticket.to_text().unwrap();
        json!({
            "id": hex::encode(ticket.id.0),
            "secret": hex::encode([9; 32]),
            "expires": expires,
            "bound": bound.map(|key| hex::encode(key.0)),
            "card": ticket.card.to_text().unwrap(),
            "bytes": hex::encode(bech32::decode(&text).unwrap().1),
            "text": *text,
            "uri": *ticket.to_uri().unwrap(),
            "entry": hex::encode(terms.dangerous_bytes().unwrap().as_slice()),
        })
    };
    [None, Some(identity(2).key())].into_iter().map(vector).collect()
}
