//! Members by their cards, and what is told of them.

use std::time::Duration;

use crate::support::{PATIENCE, Person};

/// The lines of `members` about those who are in.
fn members(person: &Person) -> Vec<serde_json::Value> {
    let told = person.run(&["members", "--json"]);
    told.well();
    told.events().into_iter().filter(|line| line["standing"] == "member").collect()
}

#[test]
fn members_are_added_listed_renamed_and_revoked() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let card = bob.card("192.0.2.1:7411");
    alice.run_with(&["member", "add"], &card).well();
    alice.run_with(&["member", "add", "-"], &format!("  {card}\n\n")).well();
    let list = members(&alice);
    assert_eq!(list.len(), 1);
    assert_eq!((&list[0]["name"], &list[0]["addresses"][0]), (&"bob".into(), &"192.0.2.1:7411".into()));
    alice.run(&["member", "add", "--name", "robert", card.trim()]).well();
    assert!(alice.run(&["member", "list"]).stdout.starts_with("robert\t"));
    let id = bob.run(&["id", "--member-id"]).stdout;
    let removed = alice.run(&["member", "remove", &id[..8]]);
    removed.well();
    assert!(removed.stderr.contains("robert is revoked"), "{removed:#?}");
    assert_eq!(members(&alice), Vec::<serde_json::Value>::new());
    alice.run(&["member", "remove", "robert"]).failed(2, &["no member `robert`", "--undo"]);
    alice.run_with(&["member", "add"], &card).failed(4, &["you have revoked robert", "--undo"]);
    alice.run(&["revoke", "robert", "--undo"]).well();
    assert_eq!(members(&alice).len(), 1);
}

#[test]
fn what_is_no_card_is_told_without_repeating_it() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let card = bob.card("192.0.2.1:7411");
    let card = card.trim();
    let changed = card.replacen('q', "p", 1);
    for wrong in ["", "hello", &card[..card.len() - 1], &changed, &format!("{card}q"), &card[9..]] {
        let refused = alice.run_with(&["member", "add", "-", "--json"], wrong);
        refused.failed(2, &["this is no card"]);
        assert_eq!(refused.events()[0]["kind"], "bad_card");
        assert!(wrong.len() < 20 || !refused.stderr.contains(&wrong[..20]), "{refused:#?}");
    }
    let own = alice.run(&["id"]).stdout;
    alice.run_with(&["member", "add", "-"], &own).failed(2, &["your own card"]);
    assert_eq!(alice.run(&["member", "list"]).stdout, "");
}

#[test]
fn two_members_of_one_name_are_told_apart() {
    let (alice, bob, other) = (Person::named("alice"), Person::named("bob"), Person::named("bob"));
    alice.add(&bob.card("192.0.2.1:7411"));
    let card = other.card("192.0.2.2:7411");
    alice.run_with(&["member", "add", "-"], &card).failed(2, &["another member", "--name"]);
    alice.run_with(&["member", "add", "-", "--name", "bobby"], &card).well();
    assert_eq!(alice.run(&["member", "list"]).stdout.lines().count(), 2);
}

#[test]
fn a_home_of_an_earlier_version_is_told_and_left_alone() {
    let alice = Person::named("alice");
    let old = alice.home.join("roster");
    std::fs::write(&old, "conclave roster 1\n").unwrap();
    for command in [&["members"][..], &["invite"], &["up", "--no-listen"], &["why"]] {
        alice.run(command).failed(7, &["earlier version", "mv "]);
    }
    assert!(old.exists());
    std::fs::rename(&old, alice.home.join("roster.old")).unwrap();
    alice.run(&["invite"]).well();
}

#[test]
fn what_is_known_outlives_the_process_and_a_damaged_store_is_told() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (up, _) = alice.up(&[]);
    alice.add(&bob.card("127.0.0.1:9"));
    alice.run(&["invite", "--expires", "1h"]).well();
    // What changes is on the disk before it shows; what went wrong is written within a second, on a disk that is not busy.
    let mut while_written = Duration::from_millis(1_500);
    let mut up = Some(up);
    loop {
        let running = up.take().unwrap_or_else(|| alice.up(&[]).0);
        alice.run(&["ping", "bob"]).failed(3, &["nothing listens"]);
        std::thread::sleep(while_written);
        running.kill();
        if alice.run(&["why", "bob"]).stdout.contains("refused") {
            break;
        }
        while_written *= 2;
        assert!(while_written < PATIENCE, "what went wrong is not kept");
    }
    assert_eq!(members(&alice)[0]["name"], "bob");
    assert_eq!(alice.run(&["tickets", "--json"]).events().len(), 1);

    let store = alice.home.join("person.redb");
    let good = std::fs::read(&store).unwrap();
    std::fs::write(&store, vec![0x5a; good.len()]).unwrap();
    for command in [&["members"][..], &["invite"], &["up", "--no-listen"]] {
        alice.run(command).failed(7, &["damaged", "backup"]);
    }
    assert_eq!(std::fs::read(&store).unwrap(), vec![0x5a; good.len()], "a damaged store is not replaced");
    std::fs::write(&store, good).unwrap();
    assert_eq!(members(&alice).len(), 1);
}
