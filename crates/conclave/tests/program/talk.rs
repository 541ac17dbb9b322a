//! Members that talk with each other, from one process to the other.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Person, Process, acquainted};

/// Two people whose nodes run, the first dials the second.
fn neighbours() -> (Person, Person, Process, Process) {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (bob_up, address) = bob.up(&[]);
    alice.add(&bob.card(&address));
    bob.add(&alice.run(&["id"]).stdout);
    let (alice_up, _) = alice.up(&[]);
    (alice, bob, alice_up, bob_up)
}

fn chat(person: &Person, member: &str) -> Process {
    let mut chat = person.start(&["chat", member]);
    chat.wait_for("chat_opened");
    chat
}

#[test]
fn lines_go_both_ways_and_are_confirmed_and_kept() {
    let (alice, bob, _alice_up, mut bob_up) = neighbours();
    let mut near = chat(&alice, "bob");
    near.type_in("anybody there?\n");
    assert_eq!(near.wait_for("delivered")["text"], "anybody there?");
    let heard = bob_up.wait_for("heard");
    assert_eq!((&heard["member"], &heard["text"]), (&"alice".into(), &"anybody there?".into()));

    let mut far = bob.start(&["chat", "alice"]);
    let kept = far.wait_for("chat_kept");
    assert_eq!((&kept["speaker"], &kept["text"]), (&"them".into(), &"anybody there?".into()));
    far.wait_for("chat_opened");
    far.type_in("yes\n");
    far.wait_for("delivered");
    assert_eq!(near.wait_for("heard")["text"], "yes");
    near.type_in("good\n");
    assert_eq!(far.wait_for("heard")["text"], "good");
    for chat in [&mut near, &mut far] {
        chat.close_stdin();
        assert_eq!(chat.end().code(), Some(0));
    }

    let again = alice.run(&["--json", "chat", "bob", "--last", "2"]);
    again.well();
    let texts: Vec<Value> = again.events().iter().map(|event| event["text"].clone()).collect();
    assert_eq!(texts, ["yes".into(), "good".into(), Value::Null]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let chats = alice.home.join("chats");
    assert_eq!(mode(&chats), 0o700);
    for entry in fs::read_dir(&chats).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn without_a_node_a_conversation_runs_its_own() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (mut bob_up, address) = bob.up(&[]);
    alice.add(&bob.card(&address));
    bob.add(&alice.run(&["id"]).stdout);
    let mut near = chat(&alice, "bob");
    near.type_in("from no node\n");
    near.wait_for("delivered");
    assert_eq!(bob_up.wait_for("heard")["text"], "from no node");
    let answered = bob.run_with(&["--json", "chat", "alice"], "back to you\n");
    answered.well();
    assert_eq!(near.wait_for("heard")["text"], "back to you");
    near.close_stdin();
    assert_eq!(near.end().code(), Some(0));
}

#[test]
fn a_line_to_nobody_is_told_and_can_be_said_again() {
    let (alice, _bob) = acquainted("127.0.0.1:9");
    let ended = alice.run_with(&["--json", "chat", "bob"], "hello\n");
    ended.failed(3, &["1 of 1 lines were not delivered", "nothing listens"]);
    let undelivered = ended.events().into_iter().find(|event| event["event"] == "undelivered").unwrap();
    assert_eq!(
        (&undelivered["text"], &undelivered["failure"]["kind"]),
        (&"hello".into(), &"no_answer".into())
    );
    let again = alice.run(&["--json", "chat", "bob"]).events();
    assert_eq!((&again[0]["text"], &again[0]["delivered"]), (&"hello".into(), &false.into()));
}

#[test]
fn many_lines_keep_their_order() {
    let (alice, _bob, _alice_up, mut bob_up) = neighbours();
    let lines: String = (0..100).map(|number| format!("{number}\n")).collect();
    alice.run_with(&["--json", "chat", "bob"], &lines).well();
    for number in 0..100 {
        assert_eq!(bob_up.wait_for("heard")["text"], number.to_string());
    }
}

#[test]
fn a_member_that_was_away_hears_the_next_line() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (mut bob_up, address) = bob.up(&[]);
    alice.add(&bob.card(&address));
    bob.add(&alice.run(&["id"]).stdout);
    let (_alice_up, _) = alice.up(&[]);
    let mut near = chat(&alice, "bob");
    near.type_in("one\n");
    near.wait_for("delivered");
    // Delivered is in the mailbox; told is on the disk.
    bob_up.wait_for("heard");
    bob_up.kill();
    near.type_in("two\n");
    let undelivered = near.wait_for("undelivered");
    assert_eq!((&undelivered["number"], &undelivered["text"]), (&2.into(), &"two".into()));

    let mut bob_up = bob.start(&["up", "--until-stdin-ends", "--listen", &address]);
    bob_up.wait_for("listening");
    near.type_in("three\n");
    assert_eq!(near.wait_for("delivered")["number"], 3, "their process is another one now");
    assert_eq!(bob_up.wait_for("heard")["text"], "three", "and nothing is sent again by itself");
    near.close_stdin();
    assert_ne!(near.end().code(), Some(0), "a line was not delivered");

    let kept = |person: &Person, member| {
        let events = person.run(&["--json", "chat", member]).events();
        let kept = events.into_iter().filter(|event| event["event"] == "chat_kept");
        kept.map(|event| (event["text"].clone(), event["delivered"] == true)).collect::<Vec<_>>()
    };
    let line = |text: &str, delivered| (Value::from(text), delivered);
    assert_eq!(kept(&alice, "bob"), [line("one", true), line("two", false), line("three", true)]);
    assert_eq!(kept(&bob, "alice"), [line("one", true), line("three", true)]);
}

#[test]
fn scripts_get_lines_of_text_and_people_hear_who_speaks() {
    let (alice, bob, _alice_up, mut bob_up) = neighbours();
    let said = alice.run_with(&["chat", "bob"], "a \u{1b}[31mred line\n");
    said.well();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", "delivered: a \u{fffd}[31mred line\n"));
    bob_up.wait_for("heard");
    let read = bob.run(&["chat", "alice"]);
    read.well();
    assert_eq!(read.stdout.split(" (").next(), Some("<alice> a \u{fffd}[31mred line"), "{read:#?}");
    assert_eq!(alice.run(&["chat", "bob", "--last", "0"]).stdout, "");
}

#[test]
fn a_member_who_was_put_out_gets_silence() {
    let (alice, bob, _alice_up, mut bob_up) = neighbours();
    let mut near = chat(&alice, "bob");
    near.type_in("one\n");
    bob_up.wait_for("heard");
    bob.run(&["member", "remove", "alice"]).well();
    near.type_in("two\n");
    let undelivered = near.wait_for("undelivered");
    assert_eq!(undelivered["failure"]["kind"], "no_answer", "{undelivered}");
    near.close_stdin();
    assert_eq!(near.end().code(), Some(3));
}
