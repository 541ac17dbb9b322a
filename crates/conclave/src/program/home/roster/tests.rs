//! How what is kept of the members is read and written.

use std::fs;
use std::sync::Arc;

use membership::{Card, Grant, Psk, Revocation, Revoked, Scope, Statement, TicketId, TicketTerms, Voucher};

use node::store::KeptDoors;

use super::super::{Founding, Keys, draw_identity};
use super::*;

struct Person {
    _root: tempfile::TempDir,
    home: Home,
    lock: HomeLock,
    keys: Keys,
}

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(1_800_000_000 + seconds).unwrap()
}

fn person(name: &str) -> Person {
    let root = tempfile::tempdir().unwrap();
    let home = Home::create(&root.path().join("home")).unwrap();
    let lock = home.lock().unwrap();
    let founding = Founding { petname: Some(Petname::new(name).unwrap()), passphrase: None };
    let keys = home.found(&lock, &draw_identity().unwrap(), &founding, at(0)).unwrap();
    Person { _root: root, home, lock, keys }
}

fn card(person: &Person) -> Card {
    person.keys.card(vec![NetAddress::new("192.0.2.1:7411").unwrap()]).unwrap()
}

fn grant() -> Grant {
    Grant { scope: Scope::default(), depth: 1, expires: at(1_000) }
}

/// Alice knows bob by his card, and one thing of each kind is kept.
fn kept(alice: &Person, bob: &Person) -> Kept {
    let identity = alice.home.plain_identity().unwrap();
    let mut directory = Directory::new();
    directory.add_card(card(bob));
    let voucher = Voucher::issue(&identity, bob.keys.identity, 1, grant()).unwrap();
    directory.merge(Statement::Voucher(voucher)).unwrap();
    let terms = TicketTerms {
        secret: Psk::from_bytes([0x5a; 32]),
        expires: at(600),
        uses_left: 3,
        bound: Some(bob.keys.identity),
        grant: grant(),
    };
    Kept {
        directory: Arc::new(directory),
        names: [(bob.keys.identity, Petname::new("Bob the Builder").unwrap())].into(),
        introductions: [(bob.keys.identity, alice.keys.identity)].into(),
        tickets: [(TicketId([7; 16]), terms)].into(),
        horizon: at(1),
        doors: Some(
            KeptDoors::first(alice.keys.door.clone(), UnixSeconds::default())
                .replaced(bob.keys.door.clone(), UnixSeconds::default()),
        ),
    }
}

#[test]
fn what_the_node_keeps_is_durable_shown_and_in_the_cards() {
    let (alice, bob) = (person("alice"), person("bob"));
    let own = alice.keys.identity;
    let store = alice.home.store(&alice.lock).unwrap();
    let shared = SharedRoster::new(alice.home.own_roster(&alice.lock, &store, own, at(0)).unwrap());
    let door = fs::read(alice.home.path("door")).unwrap();
    let kept = kept(&alice, &bob);
    // As a node does it.
    let keep = shared.keep(&alice.home, &store);
    let identity = alice.home.plain_identity().unwrap();
    let config = node::DirectoryConfig {
        kept: kept.clone(),
        keep: Some(keep),
        ..node::DirectoryConfig::new(identity)
    };
    let device = node::Device::new(alice.keys.device, alice.keys.record).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let builder = node::Node::builder().device(device).door(alice.keys.door).directory(config);
        let node = builder.spawn().await.unwrap();
        node.rename(bob.keys.identity, Some(Petname::new("robert").unwrap())).await.unwrap();
        node.shutdown().await;
    });
    assert_eq!(shared.name_of(&bob.keys.identity), "robert");
    // With its last tasks the node lets go of the store.
    drop((runtime, store));

    let store = alice.home.store(&alice.lock).unwrap();
    let again = alice.home.roster(&store, own, at(0)).unwrap();
    assert_eq!(again.name_of(&bob.keys.identity), "robert");
    assert_eq!((&again.kept().tickets, &again.kept().doors), (&kept.tickets, &kept.doors));
    assert_eq!(again.directory().card(&bob.keys.identity), kept.directory.card(&bob.keys.identity));
    assert_ne!(fs::read(alice.home.path("door")).unwrap(), door, "cards are made with the new door");
}

#[test]
fn people_are_found_by_their_names_and_ids_and_those_kept_out_by_who_asks_for_them() {
    let (alice, bob) = (person("alice"), person("bob"));
    let mut kept = kept(&alice, &bob);
    let roster = Roster::new(alice.keys.identity, kept.clone(), at(0));
    let id = MemberId::of(&bob.keys.identity).to_string();
    for text in ["Bob the Builder", &id, &id[..6]] {
        assert_eq!(roster.find(text).unwrap(), bob.keys.identity);
    }
    assert_eq!(roster.find("carol").unwrap_err().kind, Kind::UnknownMember);

    let identity = alice.home.plain_identity().unwrap();
    let revocation = Revocation::issue(&identity, Revoked::Member(bob.keys.identity), 1).unwrap();
    Arc::make_mut(&mut kept.directory).merge(Statement::Revocation(revocation)).unwrap();
    let roster = Roster::new(alice.keys.identity, kept, at(0));
    let failure = roster.find("Bob the Builder").unwrap_err();
    assert!(failure.advice[0].contains("--undo"), "{failure}");
    assert_eq!(roster.find_anybody("Bob the Builder").unwrap(), bob.keys.identity);
    assert_eq!(roster.find_anybody(&id[..6]).unwrap(), bob.keys.identity);
}

#[test]
fn vouchers_end() {
    let (alice, bob) = (person("alice"), person("bob"));
    let mut roster = Roster::new(alice.keys.identity, kept(&alice, &bob), at(0));
    assert_eq!(roster.members().len(), 1);
    roster.refresh(at(1_001));
    assert!(roster.members().is_empty());
    assert_eq!(roster.settled().standing(&bob.keys.identity), Standing::Expired);
}
