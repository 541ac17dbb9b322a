//! Any values under any keys of a node's store: each reads as something that is written and read again as the same, or is
//! refused by itself; nothing that stands beside it is lost.
#![no_main]

use std::fmt::Debug;
use std::sync::OnceLock;

use endpoint::PeerId;
use libfuzzer_sys::fuzz_target;
use membership::{Identity, IdentityKey, StaticKey};
use node::store::{Batch, Items, Snapshot, Store, StoreError, Table};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// All of one database.
const TABLES: [Table; 10] = [
    Table::Statements,
    Table::Cards,
    Table::Names,
    Table::Seen,
    Table::Introductions,
    Table::Tickets,
    Table::Reserved,
    Table::Confirmed,
    Table::Causes,
    Table::Doors,
];

/// Entries that one input makes.
const MAX_ENTRIES: usize = 12;

fuzz_target!(|input: &[u8]| {
    static STORE: OnceLock<Store> = OnceLock::new();
    let store = STORE.get_or_init(|| Store::in_memory().expect("threads"));
    let (mut person, mut machine) = (Batch::new(), Batch::new());
    let mut written = Vec::new();
    let mut input = input;
    for _ in 0..MAX_ENTRIES {
        let [table, key, length, rest @ ..] = input else { break };
        let (value, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        let key = key_of(*key);
        if usize::from(*table) % (TABLES.len() + 1) == TABLES.len() {
            machine.put(Table::Addresses, &key, value);
            written.push((Table::Addresses, key));
        } else {
            let table = TABLES[usize::from(*table) % (TABLES.len() + 1)];
            person.put(table, &key, value);
            written.push((table, key));
        }
    }
    for batch in [person, machine] {
        if !batch.is_empty() {
            store.commit_blocking(batch).expect("in memory");
        }
    }
    let snapshot = store.snapshot();
    let again = read_all(&snapshot, |batch| store.commit_blocking(batch).expect("in memory"));
    let then = read_all(&store.snapshot(), |_| {});
    assert_eq!(again, then, "read otherwise once written by us");
    for home in [true, false] {
        let mut clean = Batch::new();
        for (table, key) in written.iter().filter(|(table, _)| (*table == Table::Addresses) == home) {
            clean.remove(*table, key);
        }
        if !clean.is_empty() {
            store.commit_blocking(clean).expect("in memory");
        }
    }
});

/// A key of a length that some table has, or of none.
fn key_of(choice: u8) -> Vec<u8> {
    static KEYS: OnceLock<[IdentityKey; 2]> = OnceLock::new();
    let keys =
        KEYS.get_or_init(|| [1, 2].map(|seed| Identity::generate(&mut StdRng::seed_from_u64(seed)).key()));
    let key = keys[usize::from(choice >> 4) % 2].as_bytes();
    match choice % 8 {
        0..=2 => key.to_vec(),
        3 | 4 => [&key[..], &keys[0].as_bytes()[..]].concat(),
        5 => key[..16].to_vec(),
        6 => Vec::new(),
        _ => key[..usize::from(choice >> 3)].to_vec(),
    }
}

/// Reads everything as what it should be, and has what could be read written again.
fn read_all(snapshot: &Snapshot, write: impl Fn(Batch)) -> Vec<String> {
    let mut found = Vec::new();
    all(
        snapshot.statements(),
        &mut found,
        |(digest, value), batch| {
            batch.put_statement(digest, value);
        },
        &write,
    );
    all(
        snapshot.cards(),
        &mut found,
        |(identity, value), batch| {
            batch.put_card(identity, value);
            assert_eq!(snapshot.card(identity).expect("it was read").as_ref(), Some(value));
        },
        &write,
    );
    all(
        snapshot.names(),
        &mut found,
        |(identity, name), batch| {
            batch.put_name(identity, name);
            assert_eq!(snapshot.name(identity).expect("it was read").as_ref(), Some(name));
        },
        &write,
    );
    all(
        snapshot.all_seen(),
        &mut found,
        |(identity, at), batch| {
            batch.put_seen(identity, *at);
            assert_eq!(snapshot.seen(identity).expect("it was read"), Some(*at));
        },
        &write,
    );
    all(
        snapshot.introductions(),
        &mut found,
        |(subject, audience), batch| {
            batch.put_introduction(subject, audience);
        },
        &write,
    );
    all(
        snapshot.tickets(),
        &mut found,
        |(id, value), batch| {
            batch.put_ticket(id, value);
            assert_eq!(snapshot.ticket(id).expect("it was read").as_ref(), Some(value));
        },
        &write,
    );
    all(
        snapshot.confirmed_counters(),
        &mut found,
        |(peer, counter): &(PeerId, u64), batch| {
            batch.put_confirmed_counter(peer, *counter);
        },
        &write,
    );
    all(
        snapshot.all_addresses(),
        &mut found,
        |(device, addresses), batch| {
            // What has more than is kept was not written by us.
            if addresses.len() <= node::store::MAX_KEPT_ADDRESSES {
                batch.put_addresses(device, addresses);
            }
            assert_eq!(&snapshot.addresses(device).expect("it was read"), addresses);
        },
        &write,
    );
    for key in [key_of(0), key_of(16)] {
        let key: [u8; 32] = key.try_into().expect("a whole key");
        let causes = snapshot.causes(Some(&IdentityKey(key)));
        found.push(format!("{causes:?} {:?}", snapshot.reserved_counter(&StaticKey(key))));
        if let Ok(introduced) = snapshot.introductions_of(&IdentityKey(key)) {
            assert!(introduced.len() <= MAX_ENTRIES);
        }
    }
    found.push(format!("{:?}", snapshot.doors().map(|doors| doors.is_some())));
    found
}

/// Each item of a table, read or refused, in the order of the keys.
fn all<K: Debug, V: Debug>(
    items: Result<Items<K, V>, StoreError>,
    found: &mut Vec<String>,
    put: impl Fn(&(K, V), &mut Batch),
    write: &impl Fn(Batch),
) {
    let mut batch = Batch::new();
    for item in items.expect("in memory") {
        match item {
            Ok(item) => {
                put(&item, &mut batch);
                found.push(format!("{item:?}"));
            }
            Err(StoreError::Unreadable { .. }) => found.push("unreadable".to_owned()),
            Err(error) => panic!("{error}"),
        }
    }
    if !batch.is_empty() {
        write(batch);
    }
}
