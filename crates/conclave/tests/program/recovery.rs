//! An identity brought back from its 24 words.

use serde_json::Value;

use crate::support::Person;
use crate::terminal::Terminal;

/// Somebody new, with the words that were printed.
fn with_words(name: &str) -> (Person, String) {
    let person = Person::homeless();
    let made = person.run(&["init", "--no-passphrase", "--name", name, "--json"]);
    made.well();
    let events = made.events();
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&"identity_made".into(), &"card".into()));
    (person, events[0]["recovery_words"].as_str().unwrap().to_owned())
}

fn whoami(person: &Person) -> Value {
    person.run(&["whoami", "--json"]).events().remove(0)
}

#[test]
fn the_words_are_printed_once_numbered_and_bring_the_identity_back() {
    let (alice, words) = with_words("alice");
    assert_eq!(words.split(' ').count(), 24);
    let old = whoami(&alice);
    let identity = std::fs::read(alice.home.join("identity")).unwrap();

    let elsewhere = Person::homeless();
    // As somebody types them: in capitals, several lines, odd spaces.
    let typed = words.to_uppercase().replacen(' ', "\n   ", 3);
    let back = elsewhere.run_with(&["recover", "--no-passphrase", "--json"], &typed);
    back.well();
    let events = back.events();
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&"recovered".into(), &"card".into()));
    assert_eq!((&events[0]["member_id"], &events[0]["sealed"]), (&old["member_id"], &false.into()));
    let new = whoami(&elsewhere);
    assert_eq!((&new["member_id"], &new["identity"]), (&old["member_id"], &old["identity"]));
    assert_ne!((&new["device"], &new["static_key"]), (&old["device"], &old["static_key"]));
    assert_eq!(std::fs::read(elsewhere.home.join("identity")).unwrap(), identity);

    let bob = Person::homeless();
    let told = bob.run(&["init", "--no-passphrase"]);
    told.well();
    assert!(told.stderr.contains("WRITE THESE WORDS DOWN") && told.stderr.contains("24 "), "{told:#?}");
    assert_eq!(told.stdout.lines().count(), 1, "the card, and nothing else");
    let quiet = Person::homeless().run(&["-q", "init", "--no-passphrase"]);
    assert!(quiet.stderr.is_empty(), "{quiet:#?}");
}

#[test]
fn what_is_not_restored_is_told_and_a_member_takes_them_for_who_they_were() {
    let (bob, words) = with_words("bob");
    let alice = Person::named("alice");
    let (_up, _) = alice.up(&[]);
    let ticket = |name: &str| alice.run(&["invite", "--for", name]).stdout;
    bob.run_with(&["join"], &alice.run(&["invite"]).stdout).well();
    let elsewhere = Person::homeless();
    let back = elsewhere.run_with(&["recover", "--no-passphrase", "--name", "bob"], &words);
    back.well();
    for missing in ["device key", "tickets", "members", "conclave join", "revoke --device"] {
        assert!(back.stderr.contains(missing), "`{missing}` is missing in {back:#?}");
    }
    assert!(!back.stderr.contains(&words), "they were typed, and are not shown again");
    elsewhere.run_with(&["join"], &ticket("bob")).well();
    let lines = alice.run(&["members", "--json"]).events();
    assert_eq!(lines.len(), 1, "one member, on two machines: {lines:#?}");
    elsewhere.run(&["ping", "alice"]).well();
}

#[test]
fn wrong_words_change_nothing_and_are_not_repeated() {
    let (alice, words) = with_words("alice");
    let list: Vec<&str> = words.split(' ').collect();
    let unknown = [&list[..6], &["xyzzyx"], &list[7..]].concat().join(" ");
    let elsewhere = Person::homeless();
    for (wrong, saying) in [
        ("", "24"),
        ("hello there", "24"),
        (&list[..23].join(" "), "24"),
        (&unknown, "word 7"),
        (&"a ".repeat(4_000), ""),
    ] {
        let refused = elsewhere.run_with(&["recover", "--no-passphrase"], wrong);
        refused.failed(2, &["these are not the words of an identity", saying]);
        assert!(!refused.stderr.contains("xyzzyx") && !refused.stderr.contains("hello"), "{refused:#?}");
    }
    assert!(!elsewhere.home.exists(), "nothing is made for wrong words");
    let identity = std::fs::read(alice.home.join("identity")).unwrap();
    alice
        .run_with(&["recover", "--no-passphrase"], &words)
        .failed(8, &["has an identity", "nothing was changed"]);
    assert_eq!(std::fs::read(alice.home.join("identity")).unwrap(), identity);
    elsewhere.run_with(&["recover", "--no-input"], &words).failed(2, &["nobody says", "--no-passphrase"]);
    let mut given = list.clone();
    given.insert(0, "recover");
    assert_eq!(elsewhere.run(&given).code, Some(2), "words are no arguments");
    let from_stdin = format!("a passphrase\n{words}");
    elsewhere.run_with(&["recover", "--passphrase-file", "-"], &from_stdin).well();
    elsewhere.run(&["--no-input", "invite"]).failed(9, &["kept under a passphrase"]);
}

#[test]
fn the_words_are_typed_at_a_terminal_before_the_passphrase() {
    let (alice, words) = with_words("alice");
    let elsewhere = Person::homeless();
    let mut terminal = Terminal::start_session(&elsewhere, &["recover"]);
    terminal.wait_for("type the 24 words");
    let (first, second) = words.split_at(words.match_indices(' ').nth(11).unwrap().0);
    terminal.press(&format!("{first}\n"));
    terminal.press(&format!("{}\n", second.trim()));
    for prompt in ["a passphrase for this home", "the same again"] {
        terminal.answer(prompt, "open sesame\r");
    }
    terminal.wait_for("not restored");
    assert_eq!(terminal.end(), Some(0));
    assert_eq!(whoami(&elsewhere)["identity"], whoami(&alice)["identity"]);
    elsewhere.run(&["--no-input", "invite"]).failed(9, &["kept under a passphrase"]);
}
