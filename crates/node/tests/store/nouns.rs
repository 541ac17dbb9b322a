//! What each kind of thing comes back as.

use endpoint::PeerId;
use membership::{Door, IdentityKey, NetAddress, Petname, StaticKey, UnixSeconds};
use node::store::{
    Batch, KeptCause, KeptDoor, KeptDoors, MAX_KEPT_ADDRESSES, MAX_KEPT_CAUSES, MAX_KEPT_TEXT_BYTES, Store,
    StoreError, Table,
};

fn store(fill: impl FnOnce(&mut Batch)) -> Store {
    let store = Store::in_memory().unwrap();
    commit(&store, fill);
    store
}

fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    store.commit_blocking(batch).unwrap();
}

fn identity(number: u8) -> IdentityKey {
    IdentityKey([number; 32])
}

fn date(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

fn all<T>(
    entries: Result<impl Iterator<Item = Result<T, StoreError>>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    entries?.collect()
}

#[test]
fn the_directory_comes_back() {
    let (anna, bob) = (identity(1), identity(2));
    let name = Petname::new("anna").unwrap();
    let store = store(|batch| {
        batch.put_statement(&[9; 32], b"signed").put_statement(&[8; 32], b"too");
        batch.put_card(&anna, b"card").put_name(&anna, &name).put_seen(&anna, date(77));
        batch.put_card(&bob, b"");
    });
    let snapshot = store.snapshot();
    assert_eq!(snapshot.statement(&[9; 32]).unwrap().unwrap(), b"signed");
    assert_eq!(snapshot.statement(&[7; 32]).unwrap(), None);
    let statements = vec![([8; 32], b"too".to_vec()), ([9; 32], b"signed".to_vec())];
    assert_eq!(all(snapshot.statements()).unwrap(), statements);
    assert_eq!(snapshot.card(&bob).unwrap().unwrap().as_slice(), b"");
    assert_eq!(all(snapshot.cards()).unwrap().len(), 2);
    assert_eq!(snapshot.name(&anna).unwrap(), Some(name.clone()));
    assert_eq!(all(snapshot.names()).unwrap(), vec![(anna, name)]);
    assert_eq!(snapshot.seen(&anna).unwrap(), Some(date(77)));
    assert_eq!(all(snapshot.all_seen()).unwrap(), vec![(anna, date(77))]);
    commit(&store, |batch| {
        batch.remove_statement(&[9; 32]).remove_card(&anna).remove_name(&anna).remove_seen(&anna);
    });
    assert!(snapshot.card(&anna).unwrap().is_some(), "a snapshot stays as it was");
    let snapshot = store.snapshot();
    assert_eq!(all(snapshot.statements()).unwrap().len(), 1);
    assert!(snapshot.card(&anna).unwrap().is_none());
    assert!(snapshot.name(&anna).unwrap().is_none() && snapshot.seen(&anna).unwrap().is_none());
}

#[test]
fn introductions_and_tickets_come_back() {
    let (anna, bob, carl) = (identity(1), identity(2), identity(0xff));
    let store = store(|batch| {
        batch.put_introduction(&anna, &bob).put_introduction(&carl, &anna).put_introduction(&carl, &carl);
        batch.put_ticket(&[5; 16], b"issued");
    });
    let snapshot = store.snapshot();
    assert_eq!(snapshot.introductions_of(&anna).unwrap(), vec![bob]);
    assert_eq!(snapshot.introductions_of(&carl).unwrap(), vec![anna, carl]);
    assert_eq!(snapshot.introductions_of(&bob).unwrap(), vec![]);
    assert_eq!(all(snapshot.introductions()).unwrap(), vec![(anna, bob), (carl, anna), (carl, carl)]);
    assert_eq!(snapshot.ticket(&[5; 16]).unwrap().unwrap().as_slice(), b"issued");
    commit(&store, |batch| {
        batch.expect_ticket(&[5; 16], Some(b"issued")).put_ticket(&[5; 16], b"reserved");
        batch.remove_introduction(&anna, &bob);
    });
    let mut stale = Batch::new();
    stale.expect_ticket(&[5; 16], Some(b"issued")).remove_ticket(&[5; 16]);
    assert!(matches!(store.commit_blocking(stale), Err(StoreError::Conflict { table: Table::Tickets })));
    let tickets = all(store.snapshot().tickets()).unwrap();
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].1.as_slice(), b"reserved");
    assert_eq!(store.snapshot().introductions_of(&anna).unwrap(), vec![]);
}

#[test]
fn counters_come_back() {
    let own = StaticKey([3; 32]);
    let peer = |number| PeerId { identity: identity(number), device: StaticKey([number ^ 0xff; 32]) };
    let store = store(|batch| {
        batch.put_reserved_counter(&own, u64::MAX);
        batch.put_confirmed_counter(&peer(1), 7).put_confirmed_counter(&peer(2), 8);
    });
    let snapshot = store.snapshot();
    assert_eq!(snapshot.reserved_counter(&own).unwrap(), u64::MAX);
    assert_eq!(snapshot.reserved_counter(&StaticKey([4; 32])).unwrap(), 0);
    assert_eq!(all(snapshot.confirmed_counters()).unwrap(), vec![(peer(1), 7), (peer(2), 8)]);
    commit(&store, |batch| {
        batch.remove_confirmed_counter(&peer(1));
    });
    assert_eq!(all(store.snapshot().confirmed_counters()).unwrap(), vec![(peer(2), 8)]);
}

#[test]
fn causes_are_added_and_bounded() {
    let store = Store::in_memory().unwrap();
    let (anna, bob) = (identity(1), identity(2));
    let cause = |at| KeptCause { at: date(at), what: format!("cause {at}"), advice: String::new() };
    let causes: Vec<_> = (0..10).map(cause).collect();
    let later: Vec<_> = (10..20).map(cause).collect();
    store.add_causes_blocking([(Some(&anna), &causes[..]), (None, &causes[..2])]).unwrap();
    store.add_causes_blocking([(Some(&anna), &later[..])]).unwrap();
    let kept = store.snapshot().causes(Some(&anna)).unwrap();
    assert_eq!(kept, (20 - MAX_KEPT_CAUSES as u64..20).map(cause).collect::<Vec<_>>());
    assert_eq!(store.snapshot().causes(None).unwrap(), causes[..2]);
    assert_eq!(store.snapshot().causes(Some(&bob)).unwrap(), vec![]);

    let long = KeptCause { at: date(1), what: "ä".repeat(1_000), advice: "x".repeat(100_000) };
    commit(&store, |batch| {
        batch.put_causes(Some(&bob), &vec![long; 100]);
    });
    let kept = store.snapshot().causes(Some(&bob)).unwrap();
    assert_eq!(kept.len(), MAX_KEPT_CAUSES);
    assert_eq!(kept[0].what, "ä".repeat(MAX_KEPT_TEXT_BYTES / 2));
    assert_eq!(kept[0].advice.len(), MAX_KEPT_TEXT_BYTES);
    commit(&store, |batch| {
        batch.remove_causes(Some(&bob));
    });
    assert_eq!(store.snapshot().causes(Some(&bob)).unwrap(), vec![]);
}

#[test]
fn causes_added_at_once_are_all_there() {
    let store = Store::in_memory().unwrap();
    let anna = identity(1);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let store = store.clone();
            scope.spawn(move || {
                let cause = KeptCause { at: date(number), what: String::new(), advice: String::new() };
                for _ in 0..4 {
                    store.add_causes_blocking([(Some(&anna), &[cause.clone()][..])]).unwrap();
                }
            });
        }
    });
    let mut kept: Vec<_> =
        store.snapshot().causes(Some(&anna)).unwrap().into_iter().map(|cause| cause.at.seconds()).collect();
    kept.sort_unstable();
    assert_eq!(kept, (0..4).flat_map(|number| [number; 4]).collect::<Vec<_>>());
}

#[test]
fn doors_come_back() {
    let store = Store::in_memory().unwrap();
    assert_eq!(store.snapshot().doors().unwrap(), None);
    let door = |number, at| KeptDoor { door: Door::from_bytes([number; 32]), date: date(at) };
    let first = KeptDoors { current: door(1, 100), previous: Vec::new() };
    commit(&store, |batch| {
        batch.expect_no_doors().put_doors(&first);
    });
    assert_eq!(store.snapshot().doors().unwrap(), Some(first.clone()));
    let mut again = Batch::new();
    again.expect_no_doors().put_doors(&first);
    assert!(matches!(store.commit_blocking(again), Err(StoreError::Conflict { .. })));
    let second = KeptDoors { current: door(2, 200), previous: vec![door(1, 300)] };
    commit(&store, |batch| {
        batch.put_doors(&second);
    });
    assert_eq!(store.snapshot().doors().unwrap(), Some(second));
}

#[test]
fn addresses_come_back() {
    let device = StaticKey([1; 32]);
    let address = |number: usize| NetAddress::new(format!("10.0.0.{number}:1")).unwrap();
    let addresses: Vec<_> = (0..40).map(address).collect();
    let store = store(|batch| {
        batch.put_addresses(&device, &addresses);
    });
    let kept = store.snapshot().addresses(&device).unwrap();
    assert_eq!(kept, addresses[..MAX_KEPT_ADDRESSES]);
    assert_eq!(all(store.snapshot().all_addresses()).unwrap(), vec![(device, kept)]);
    commit(&store, |batch| {
        batch.remove_addresses(&device);
    });
    assert_eq!(store.snapshot().addresses(&device).unwrap(), vec![]);
}

#[test]
fn what_this_version_did_not_write_is_not_guessed_at() {
    let key = [1; 32];
    let unreadable = |table, key: &[u8], value: &[u8], read: fn(&Store) -> Result<(), StoreError>| {
        let store = store(|batch| {
            batch.put(table, key, value);
        });
        let error = read(&store).unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { table: found } if found == table), "{error:?}");
    };
    unreadable(Table::Statements, &key, &[], |store| store.snapshot().statement(&[1; 32]).map(drop));
    unreadable(Table::Statements, &key, &[2, 1], |store| store.snapshot().statement(&[1; 32]).map(drop));
    unreadable(Table::Statements, &key[1..], &[1], |store| all(store.snapshot().statements()).map(drop));
    unreadable(Table::Names, &key, &[1, 0xff], |store| store.snapshot().name(&identity(1)).map(drop));
    unreadable(Table::Seen, &key, &[1, 0xff], |store| store.snapshot().seen(&identity(1)).map(drop));
    unreadable(Table::Seen, &key, &[1, 255, 0, 0, 0, 0, 0, 0, 0], |store| {
        store.snapshot().seen(&identity(1)).map(drop)
    });
    unreadable(Table::Reserved, &key, &[1; 10], |store| {
        store.snapshot().reserved_counter(&StaticKey([1; 32])).map(drop)
    });
    unreadable(Table::Confirmed, &key, &[1; 9], |store| all(store.snapshot().confirmed_counters()).map(drop));
    unreadable(Table::Introductions, &key, &[1], |store| all(store.snapshot().introductions()).map(drop));
    unreadable(Table::Causes, &key, &[1, 0, 0], |store| {
        store.snapshot().causes(Some(&identity(1))).map(drop)
    });
    unreadable(Table::Doors, b"doors", &[1; 50], |store| store.snapshot().doors().map(drop));
    unreadable(Table::Addresses, &key, &[1, 0, 9, b'x'], |store| {
        store.snapshot().addresses(&StaticKey([1; 32])).map(drop)
    });
}
