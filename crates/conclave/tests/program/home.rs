//! The folder with the keys, and the command line around it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Person, names};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_a_private_home_once() {
    let alice = Person::homeless();
    let made = alice.run(&["init", "--no-passphrase", "--name", "alice"]);
    made.well();
    let card = made.stdout.trim();
    assert!(card.starts_with("conclave1") && !card.contains(char::is_whitespace), "{card}");
    assert_eq!(mode(&alice.home), 0o700);
    for name in names(&alice.home) {
        assert_eq!(mode(&alice.home.join(&name)), 0o600, "{name}");
    }
    let identity = fs::read(alice.home.join("identity")).unwrap();
    alice.run(&["init"]).failed(8, &["has an identity", "nothing was changed", "conclave id"]);
    assert_eq!(fs::read(alice.home.join("identity")).unwrap(), identity);
    assert_eq!(alice.run(&["id"]).stdout.trim(), card);
}

#[test]
fn the_card_is_data_and_everything_else_is_talk() {
    let alice = Person::named("alice");
    let shown = alice.run(&["id", "--addresses", "192.0.2.1:7411,home.example:7411", "--json"]);
    shown.well();
    let [event] = shown.events().try_into().unwrap();
    assert_eq!((&event["event"], &event["member"]["name"]), (&"card".into(), &"alice".into()));
    assert_eq!(event["member"]["addresses"], serde_json::json!(["192.0.2.1:7411", "home.example:7411"]));
    assert!(shown.stderr.is_empty());
    let id = alice.run(&["id", "--member-id"]).stdout;
    assert_eq!(id.trim(), event["member"]["member_id"]);
    assert!(alice.run(&["id"]).stderr.contains("no address"));
    assert!(alice.run(&["-q", "id"]).stderr.is_empty());
}

#[test]
fn no_home_and_an_open_home_are_refused_with_the_way_out() {
    let alice = Person::homeless();
    for command in [&["id"][..], &["member", "list"], &["ping", "bob"], &["up", "--no-listen"]] {
        alice.run(command).failed(8, &["there is no home", "init"]);
    }
    alice.run(&["init", "--no-passphrase"]).well();
    fs::set_permissions(alice.home.join("device"), fs::Permissions::from_mode(0o644)).unwrap();
    alice.run(&["id"]).failed(8, &["mode 644", "chmod 600 "]);
    fs::set_permissions(alice.home.join("device"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&alice.home, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = alice.run(&["id", "--json"]);
    refused.failed(8, &["mode 755", "chmod 700 "]);
    assert_eq!(refused.events()[0]["kind"], "home_unsafe");
}

#[test]
fn a_lost_device_is_made_anew_and_said() {
    let alice = Person::named("alice");
    let before = alice.run(&["id"]).stdout;
    let id = alice.run(&["id", "--member-id"]).stdout;
    fs::remove_file(alice.home.join("device")).unwrap();
    let after = alice.run(&["id"]);
    after.well();
    assert!(after.stderr.contains("new one under your identity"), "{after:#?}");
    assert_ne!(after.stdout, before);
    assert_eq!(alice.run(&["id", "--member-id"]).stdout, id);
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let alice = Person::named("alice");
    for wrong in [
        &["fly"][..],
        &[],
        &["ping"],
        &["ping", "bob", "--count", "0"],
        &["up", "--listen", "nowhere"],
        &["up", "--max-file", "much"],
        &["id", "--addresses", "with space"],
        &["-q", "-v", "id"],
        &["init", "--name", "a\u{1b}[2J"],
        &["demo", "--size", "1"],
    ] {
        let ended = alice.run(wrong);
        assert_eq!(ended.code, Some(2), "{wrong:?}: {ended:#?}");
        assert!(!ended.stderr.is_empty() && ended.stdout.is_empty(), "{wrong:?}: {ended:#?}");
    }
}

#[test]
fn a_damaged_key_is_told_and_kept() {
    let alice = Person::named("alice");
    fs::write(alice.home.join("identity"), b"garbage").unwrap();
    alice.run(&["id"]).failed(7, &["identity", "damaged"]);
    assert_eq!(fs::read(alice.home.join("identity")).unwrap(), b"garbage");
}

#[test]
fn no_output_holds_a_secret() {
    let alice = Person::named("alice");
    let bob = Person::named("bob");
    alice.add(&bob.card("127.0.0.1:9"));
    let mut said = String::new();
    for command in [
        &["-vv", "id", "--json"][..],
        &["-vv", "member", "list", "--json"],
        &["-vv", "ping", "bob"],
        &["-vv", "why", "bob"],
        &["-vv", "member", "add", "conclave1qqqq"],
        &["-vv", "init"],
    ] {
        let ended = alice.run(command);
        said.push_str(&ended.stdout);
        said.push_str(&ended.stderr);
    }
    for (file, secret) in [("identity", 2..34), ("device", 18..50), ("door", 2..34)] {
        let bytes = &fs::read(alice.home.join(file)).unwrap()[secret];
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!said.contains(&hex), "{file}");
        let decimal = format!("{}, {}, {}", bytes[0], bytes[1], bytes[2]);
        assert!(!said.contains(&decimal), "{file}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_reason_to_panic() {
    let alice = Person::named("alice");
    let mut child = alice.command(&["id"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
