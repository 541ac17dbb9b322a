//! How what is kept of the members is read and written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
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
fn what_is_written_is_read_again_and_nothing_else_is() {
    let (alice, bob) = (person("alice"), person("bob"));
    let kept = kept(&alice, &bob);
    let bytes = text::write(&kept).unwrap();
    assert_eq!(text::read(&bytes).unwrap(), kept);
    assert_eq!(text::read(&text::write(&Kept::default()).unwrap()).unwrap(), Kept::default());
    let whole = String::from_utf8(bytes.to_vec()).unwrap();
    for number in 0..whole.lines().count() {
        // A digit changed in the middle of each line in turn, its end cut off, and a word in front.
        let changes: [fn(&str) -> String; 2] = [cut, front];
        for change in changes {
            let changed: Vec<String> = whole
                .lines()
                .enumerate()
                .map(|(at, line)| if at == number { change(line) } else { line.to_owned() })
                .collect();
            let changed = changed.join("\n");
            let read = text::read(changed.as_bytes());
            assert!(read.is_err() || read.as_ref() != Ok(&kept), "{changed}");
            if let Err(what) = read {
                assert!(!what.contains("5a5a"), "{what}");
            }
        }
    }
}

fn cut(line: &str) -> String {
    line.get(..line.len() - 1).unwrap().to_owned()
}

fn front(line: &str) -> String {
    format!("new {line}")
}

#[test]
fn what_the_node_keeps_is_private_durable_and_shown() {
    let (alice, bob) = (person("alice"), person("bob"));
    let own = alice.keys.identity;
    let shared = SharedRoster::new(alice.home.own_roster(&alice.lock, own, at(0)).unwrap());
    let door = fs::read(alice.home.path("door")).unwrap();
    let kept = kept(&alice, &bob);
    save(&shared, &alice, &kept);
    let path = alice.home.path(FILE);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(alice.home.roster(own, at(0)).unwrap().kept(), &kept);
    assert_ne!(fs::read(alice.home.path("door")).unwrap(), door, "cards are made with the new door");
}

fn save(shared: &SharedRoster, person: &Person, kept: &Kept) {
    file::save(&person.home.path(FILE), &text::write(kept).unwrap()).unwrap();
    person.home.follow_doors(kept).unwrap();
    shared.lock().show(kept.clone(), at(0));
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

#[test]
fn the_list_of_an_earlier_version_is_taken_over_once() {
    let (alice, bob) = (person("alice"), person("bob"));
    let own = alice.keys.identity;
    let mut old = Members::new();
    old.add(&card(&bob)).unwrap();
    file::save(&alice.home.path("members.json"), &serde_json::to_vec(&old).unwrap()).unwrap();
    let seen = alice.home.roster(own, at(0)).unwrap();
    assert_eq!(seen.find("bob").unwrap(), bob.keys.identity);
    assert!(alice.home.path("members.json").exists(), "looking at it changes nothing");
    let taken = alice.home.own_roster(&alice.lock, own, at(0)).unwrap();
    let member = taken.members().get(&bob.keys.identity).unwrap();
    assert_eq!((member.door(), member.addresses().len()), (Some(&bob.keys.door), 1));
    assert!(member.device(&bob.keys.device.key()).is_some());
    assert!(!alice.home.path("members.json").exists());
    assert!(alice.home.path("members.json.imported").exists());
    assert_eq!(alice.home.roster(own, at(0)).unwrap().kept(), taken.kept());
}
