//! Members by their cards, and what is told of them.

use crate::support::Person;

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
fn the_list_of_an_earlier_version_is_taken_over() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let card: membership::Card = bob.card("192.0.2.1:7411").trim().parse().unwrap();
    let mut old = membership::Members::new();
    old.add(&card).unwrap();
    let path = alice.home.join("members.json");
    std::fs::write(&path, serde_json::to_vec(&old).unwrap()).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(members(&alice)[0]["name"], "bob");
    assert!(path.exists(), "looking at it changes nothing");
    alice.run(&["ping", "bob"]);
    assert!(!path.exists() && alice.home.join("members.json.imported").exists());
    assert_eq!(members(&alice)[0]["addresses"][0], "192.0.2.1:7411");
}
