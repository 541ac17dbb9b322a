//! `chat`, `call` and `services`, against a node that the test plays, and against none.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::played::PlayedNode;
use crate::support::{Person, acquainted};

#[test]
fn each_line_is_sent_and_each_thing_that_happens_is_told() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let mut chat = alice.start(&["chat", "bob", "--last", "3"]);
    let mut command = node.command();
    let kept = json!({"event": "chat_kept", "member": "bob", "speaker": "them", "text": "yesterday",
        "age_seconds": 90_000, "delivered": true});
    command.tell(kept);
    assert_eq!(command.open_chat(), json!({"version": 1, "request": "chat", "member": "bob", "last": 3}));
    assert_eq!(chat.wait_for("chat_kept")["text"], "yesterday");
    chat.wait_for("chat_opened");

    chat.type_in("hello\n\n/quit\n");
    assert_eq!(command.confirm(), json!({"number": 1, "say": "hello"}));
    assert_eq!(chat.wait_for("delivered")["number"], 1);
    assert_eq!(command.confirm(), json!({"number": 3, "say": "/quit"}), "a script says what it says");
    command.tell(json!({"event": "heard", "member": "bob", "text": "\u{1b}[2Jhi"}));
    assert_eq!(chat.wait_for("heard")["text"], "\u{1b}[2Jhi");
    chat.close_stdin();
    assert_eq!(command.hear(), None);
    command.tell(json!({"event": "heard", "member": "bob", "text": "wait"}));
    command.done();
    assert_eq!(chat.end().code(), Some(0));
    assert_eq!(chat.seen.last().unwrap()["text"], "wait");
}

#[test]
fn what_does_not_arrive_is_told_and_fails_the_script() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let mut chat = alice.start(&["chat", "bob"]);
    let mut command = node.command();
    command.open_chat();
    chat.type_in(&format!("one\n{}\nthree\n", "x".repeat(9_000)));
    command.confirm();
    let line = command.hear().unwrap();
    assert_eq!(line, json!({"number": 3, "say": "three"}));
    let failure = json!({"kind": "no_answer", "what": "no answer from bob", "advice": ["wait"]});
    command.tell(
        json!({"event": "undelivered", "member": "bob", "number": 3, "text": "three", "failure": failure}),
    );
    chat.close_stdin();
    assert_eq!(command.hear(), None);
    command.done();
    assert_eq!(chat.end().code(), Some(3));
    let undelivered: Vec<&Value> = chat.seen.iter().filter(|event| event["event"] == "undelivered").collect();
    assert_eq!(undelivered.len(), 2, "{undelivered:#?}");
    assert_eq!((&undelivered[0]["number"], &undelivered[0]["failure"]["kind"]), (&2.into(), &"usage".into()));
    assert!(undelivered[0]["failure"]["what"].as_str().unwrap().contains("8192 bytes"));
    assert_eq!(undelivered[1]["failure"], failure);
    let failed = chat.seen.last().unwrap();
    assert_eq!(failed["what"], "2 of 3 lines were not delivered: no answer from bob");
}

#[test]
fn more_lines_than_fit_on_the_way_all_arrive_in_order() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let mut chat = alice.start(&["chat", "bob"]);
    let mut command = node.command();
    command.open_chat();
    let lines: Vec<String> = (1..=200).map(|number| format!("{number} {}", "y".repeat(5_000))).collect();
    let text = lines.join("\n");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            chat.type_in(&text);
            chat.close_stdin();
        });
        for line in &lines {
            assert_eq!(command.confirm()["say"], line.as_str());
        }
    });
    assert_eq!(command.hear(), None);
    command.done();
    assert!(chat.end().success());
}

#[test]
fn an_interrupted_conversation_waits_for_what_was_said() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let mut chat = alice.start(&["chat", "bob"]);
    let mut command = node.command();
    command.open_chat();
    chat.type_in("one\n");
    let line = command.hear().unwrap();
    chat.signal(Signal::TERM);
    assert_eq!(command.hear(), None);
    command.tell(json!({"event": "delivered", "member": "bob", "number": line["number"], "text": "one"}));
    command.done();
    assert_eq!(chat.end().code(), Some(6));
    assert!(chat.seen.iter().any(|event| event["event"] == "delivered"), "{:#?}", chat.seen);
}

#[test]
fn a_node_that_goes_away_ends_the_conversation() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let mut chat = alice.start(&["chat", "bob"]);
    let mut command = node.command();
    command.open_chat();
    chat.wait_for("chat_opened");
    drop(command);
    assert_eq!(chat.end().code(), Some(6));
    assert!(chat.seen.last().unwrap()["what"].as_str().unwrap().contains("went away"));
}

#[test]
fn a_call_asks_with_json_and_prints_json() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let input = json!({"numbers": [1, 2.5, 18_446_744_073_709_551_615_u64]});
    let text = input.to_string();
    let as_text = |wanted: Option<&str>| wanted.map_or_else(|| "null".to_owned(), ToOwned::to_owned);
    for (arguments, stdin, asked) in [
        (vec!["call", "bob", "sum", &text], "", Some(text.as_str())),
        (vec!["call", "bob", "sum", "-"], text.as_str(), Some(text.as_str())),
        (vec!["call", "bob", "sum"], "", None),
    ] {
        let asked: Value = serde_json::from_str(&as_text(asked)).unwrap();
        let ended = std::thread::scope(|scope| {
            let ended =
                scope.spawn(|| alice.run_with(&[&arguments[..], &["--timeout", "7"]].concat(), stdin));
            let mut command = node.command();
            let request = command.hear().unwrap();
            assert_eq!((&request["request"], &request["service"]), (&"call".into(), &"sum".into()));
            assert_eq!((&request["input"], &request["timeout_seconds"]), (&asked, &7.into()));
            command.tell(json!({"event": "answer", "member": "bob", "service": "sum",
                "output": {"a\u{9b}": [0.1, "ü"]}}));
            command.done();
            ended.join().unwrap()
        });
        ended.well();
        assert_eq!(ended.stdout, "{\"a\\u009b\":[0.1,\"ü\"]}\n");
    }
    alice.run(&["call", "bob", "sum", "{"]).failed(2, &["no JSON", "quote it"]);
    alice.run_with(&["call", "bob", "sum", "-"], "").failed(2, &["no JSON"]);
    alice.run_with(&["call", "bob", "sum", "-"], &" ".repeat(600_000)).failed(2, &["more than 524288 bytes"]);
}

#[test]
fn services_are_listed_a_line_each() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let ask = |arguments: &[&str], services: &[&str]| {
        std::thread::scope(|scope| {
            let ended = scope.spawn(|| alice.run(arguments));
            let mut command = node.command();
            let request = command.hear().unwrap();
            assert_eq!(request, json!({"version": 1, "request": "services", "member": "bob"}));
            for name in services {
                command.tell(json!({"event": "service", "member": "bob", "name": name,
                    "schema": "conclave.chat/1", "format": "native"}));
            }
            command.done();
            ended.join().unwrap()
        })
    };
    let listed = ask(&["services", "bob"], &["chat", "sum\n"]);
    listed.well();
    assert_eq!(listed.stdout, "chat\tconclave.chat/1\tnative\nsum\u{fffd}\tconclave.chat/1\tnative\n");
    assert_eq!(ask(&["services", "bob", "--json"], &["chat"]).events()[0]["schema"], "conclave.chat/1");
    let none = ask(&["services", "bob"], &[]);
    none.well();
    assert!(none.stdout.is_empty() && none.stderr.contains("bob offers you no service"), "{none:#?}");
}

#[test]
fn nobody_of_that_name_is_told_with_and_without_a_node() {
    let (alice, _bob) = acquainted("127.0.0.1:9");
    let ask = || {
        for command in [&["chat", "carol"][..], &["call", "carol", "sum", "1"], &["services", "carol"]] {
            alice.run(command).failed(2, &["no member `carol`", "conclave members"]);
        }
    };
    ask();
    let (_up, _) = alice.up(&[]);
    ask();
}
