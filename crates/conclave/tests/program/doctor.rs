//! What `conclave doctor` finds, in homes that are as they should be and in others.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Person, text};

/// The exit code, and the lines.
fn examined(person: &Person) -> (Option<i32>, Vec<Value>) {
    let ended = person.run(&["doctor", "--json", "--no-input"]);
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
    (ended.code, ended.events())
}

fn verdicts<'a>(lines: &'a [Value], check: &str) -> Vec<&'a str> {
    let about = lines.iter().filter(|line| line["event"] == "check" && line["check"] == check);
    about.map(|line| line["verdict"].as_str().unwrap()).collect()
}

#[track_caller]
fn finds(person: &Person, check: &str, verdict: &str, what: &str) {
    let (code, lines) = examined(person);
    let found = lines.iter().any(|line| {
        line["check"] == check && line["verdict"] == verdict && line["what"].as_str().unwrap().contains(what)
    });
    assert!(found, "no {verdict} of {check} about `{what}` in {lines:#?}");
    let problems = lines.iter().any(|line| line["verdict"] == "problem");
    assert_eq!(code, Some(if problems { 10 } else { 0 }), "{lines:#?}");
    for line in lines.iter().filter(|line| line["event"] == "check" && line["verdict"] != "ok") {
        assert!(line["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{line}");
    }
}

#[test]
fn a_sound_home_has_no_problem_with_a_node_and_without() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (code, lines) = examined(&alice);
    assert_eq!((code, verdicts(&lines, "store")), (Some(0), vec!["ok"]), "{lines:#?}");
    assert!(!alice.home.join("person.redb").exists(), "looking changes nothing");

    alice.add(&bob.run(&["id"]).stdout);
    let (code, lines) = examined(&alice);
    assert_eq!(code, Some(0));
    for (check, verdict) in [
        ("permissions", "ok"),
        ("identity", "ok"),
        ("keys", "ok"),
        ("clock", "ok"),
        ("store", "ok"),
        ("version", "ok"),
        ("expiry", "ok"),
        ("door", "ok"),
        ("node", "warning"),
        ("members", "warning"),
    ] {
        assert_eq!(verdicts(&lines, check), [verdict], "{check} in {lines:#?}");
    }

    let (_up, address) = alice.up(&[]);
    alice.add(&bob.card("192.0.2.1:7411"));
    let (code, lines) = examined(&alice);
    assert_eq!(
        (code, verdicts(&lines, "node"), verdicts(&lines, "members")),
        (Some(0), vec!["ok"], vec!["ok"])
    );
    assert_eq!(verdicts(&lines, "reachability"), ["ok", "warning"], "bound, and of use on this machine only");
    let told = alice.run(&["doctor"]);
    told.well();
    assert!(told.stdout.contains(&format!("{address} takes connections")), "{told:#?}");
    assert!(told.stdout.lines().all(|line| line.len() < 400), "{told:#?}");
}

#[test]
fn what_others_could_read_is_found_however_much_else_is_wrong() {
    let alice = Person::named("alice");
    alice.run(&["invite"]).well();
    let set = |name: &str, mode| fs::set_permissions(alice.home.join(name), fs::Permissions::from_mode(mode));
    for name in ["device", "identity", "person.redb", "machine.redb"] {
        set(name, 0o644).unwrap();
        finds(&alice, "permissions", "problem", &format!("{name} has mode 644"));
        set(name, 0o600).unwrap();
    }
    set("", 0o755).unwrap();
    finds(&alice, "permissions", "problem", "has mode 755");
    set("", 0o700).unwrap();
    finds(&alice, "permissions", "ok", "closed to others");
}

#[test]
fn damage_is_found_and_told_apart() {
    let alice = Person::named("alice");
    alice.run(&["invite"]).well();
    let damage = |name: &str, check: &str, what: &str| {
        let path = alice.home.join(name);
        let good = fs::read(&path).unwrap();
        fs::write(&path, vec![0x5a; good.len()]).unwrap();
        finds(&alice, check, "problem", what);
        fs::write(&path, good).unwrap();
    };
    damage("person.redb", "store", "damaged");
    damage("identity", "identity", "identity");
    damage("record", "keys", "record");
    let other = Person::named("other");
    let record = fs::read(alice.home.join("record")).unwrap();
    fs::write(alice.home.join("record"), fs::read(other.home.join("record")).unwrap()).unwrap();
    finds(&alice, "keys", "problem", "another identity");
    fs::write(alice.home.join("record"), record).unwrap();
    finds(&alice, "store", "ok", "1 tickets");
    let old = alice.home.join("roster");
    fs::write(&old, "conclave roster 1\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o600)).unwrap();
    finds(&alice, "store", "problem", "earlier version");

    Person::homeless().run(&["doctor"]).failed(8, &["there is no home", "init"]);
}

#[test]
fn it_asks_for_no_passphrase_and_shows_no_secret() {
    let alice = Person::homeless();
    let file = alice.root.path().join("passphrase");
    fs::write(&file, "open sesame\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let made = alice.run(&["init", "--passphrase-file", text(&file), "--json"]);
    let words = made.events()[0]["recovery_words"].as_str().unwrap().to_owned();
    finds(&alice, "identity", "ok", "under a passphrase");
    let ended = alice.run(&["-vv", "doctor"]);
    let said = ended.stdout + &ended.stderr;
    assert!(!said.contains(&words) && !said.contains("sesame"));
    for (name, secret) in [("device", 18..50), ("door", 2..34)] {
        let bytes = &fs::read(alice.home.join(name)).unwrap()[secret];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!said.contains(&hex), "{name}");
    }
}

#[test]
fn a_node_of_another_version_and_a_home_that_is_taken_are_told() {
    let alice = Person::named("alice");
    let node = crate::played::PlayedNode::of(&alice);
    let asking = std::thread::scope(|scope| {
        let asking = scope.spawn(|| alice.run(&["doctor", "--json"]));
        let mut command = node.command();
        let request = command.hear().unwrap();
        assert_eq!(request["request"], "examine");
        assert!(request["program"].is_string(), "{request}");
        command.tell(serde_json::json!({"event": "failed", "kind": "usage",
            "what": "the running `conclave up` does not know this request", "advice": ["stop it"]}));
        drop(command);
        asking.join().unwrap()
    });
    assert_eq!(asking.code, Some(10), "{asking:#?}");
    assert_eq!(verdicts(&asking.events(), "node"), ["problem"]);
    // The process of another test, between its fork and its program, may still hold the listener.
    fs::remove_file(alice.home.join("up.sock")).unwrap();
    drop(node);

    alice.run(&["invite"]).well();
    let lock = fs::File::open(alice.home.join("lock")).unwrap();
    lock.lock().unwrap();
    finds(&alice, "store", "warning", "another command has the home");
}
