//! An identity under a passphrase: set, changed, taken away, asked for where something is signed, and never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Person, text};
use crate::terminal::Terminal;

/// A file with a passphrase in it, mode 0600.
fn passphrase_file(person: &Person, name: &str, passphrase: &str) -> PathBuf {
    let path = person.root.path().join(name);
    fs::write(&path, format!("{passphrase}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Somebody whose identity is kept under a passphrase, and the file with it.
fn sealed(name: &str, passphrase: &str) -> (Person, PathBuf) {
    let person = Person::homeless();
    let file = passphrase_file(&person, "passphrase", passphrase);
    person.run(&["init", "--name", name, "--passphrase-file", text(&file)]).well();
    (person, file)
}

fn identity(person: &Person) -> Vec<u8> {
    fs::read(person.home.join("identity")).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_set_changed_and_taken_away() {
    let alice = Person::named("alice");
    let id = alice.run(&["id", "--member-id"]).stdout;
    let plain = identity(&alice);
    let first = passphrase_file(&alice, "first", "correct horse");
    let second = passphrase_file(&alice, "second", "battery staple");

    let set = alice.run(&["passphrase", "--new-passphrase-file", text(&first), "--json"]);
    set.well();
    assert_eq!(
        set.events(),
        [serde_json::json!({"version": 1, "event": "passphrase", "was_sealed": false, "sealed": true})]
    );
    let sealed = identity(&alice);
    let secret = &plain[2..34];
    assert!(!sealed.windows(8).any(|bytes| secret.windows(8).any(|secret| secret == bytes)));
    assert_eq!(mode(&alice.home.join("identity")), 0o600);
    assert_eq!(alice.run(&["id", "--member-id"]).stdout, id, "what is public needs no passphrase");

    let wrong = &["passphrase", "--passphrase-file", text(&second), "--new-passphrase-file", text(&second)];
    let refused = alice.run(wrong);
    refused.failed(9, &["does not open the identity", "another one"]);
    assert!(!refused.stderr.contains("battery"));
    assert_eq!(identity(&alice), sealed, "nothing has changed");
    alice
        .run(&["passphrase", "--passphrase-file", text(&first), "--new-passphrase-file", text(&second)])
        .well();
    alice.run(&["passphrase", "--remove", "--passphrase-file", text(&first), "--json"]).failed(9, &[]);

    // Both from standard input, a line each.
    let input = "battery staple\nthird\n";
    alice.run_with(&["passphrase", "--passphrase-file", "-", "--new-passphrase-file", "-"], input).well();
    let removed = alice.run_with(&["passphrase", "--remove", "--passphrase-file", "-"], "third\n");
    removed.well();
    assert!(removed.stderr.contains("without a passphrase"), "{removed:#?}");
    assert_eq!(identity(&alice), plain);
    alice.run(&["passphrase", "--remove"]).well();
}

#[test]
fn it_is_needed_where_something_is_signed_and_nowhere_else() {
    let (alice, file) = sealed("alice", "open sesame");
    let with = ["--passphrase-file", text(&file)];
    let bob = Person::named("bob");
    for command in [&["id"][..], &["whoami"], &["members"], &["status"], &["why"]] {
        alice.run(command).well();
    }
    for command in [&["invite"][..], &["revoke", "bob"], &["up", "--no-listen"], &["member", "add", "-"]] {
        let asked = alice.run_with(&[&["--no-input"], command].concat(), &bob.card("192.0.2.1:1"));
        asked.failed(9, &["kept under a passphrase", "--passphrase-file"]);
    }
    alice.run_with(&[&["member", "add", "-"], &with[..]].concat(), &bob.card("127.0.0.1:9")).well();
    // To dial is to prove the device key, and that is not under it.
    alice.run(&["ping", "bob"]).failed(3, &["nothing listens"]);
    fs::remove_file(alice.home.join("device")).unwrap();
    alice.run(&["--no-input", "ping", "bob"]).failed(9, &["kept under a passphrase"]);
    alice.run(&[&["ping", "bob"], &with[..]].concat()).failed(3, &["nothing listens"]);

    let (mut up, _) = alice.up(&with);
    alice.run(&["invite"]).well();
    up.close_stdin();
    assert!(up.end().success());
}

#[test]
fn a_line_of_standard_input_is_taken_before_anybody_else_reads_it() {
    let (alice, _) = sealed("alice", "open sesame");
    let bob = Person::named("bob");
    let input = format!("open sesame\n{}", bob.card("192.0.2.1:7411"));
    alice.run_with(&["--passphrase-file", "-", "member", "add", "-"], &input).well();
    // Also where it is not needed: what it says must not become something else.
    let identity_line = "not needed\nhello";
    let refused = bob.run_with(&["--passphrase-file", "-", "member", "add", "-", "--json"], identity_line);
    refused.failed(2, &["this is no card"]);
}

#[test]
fn a_passphrase_that_others_could_read_and_one_that_is_none_are_refused() {
    let alice = Person::named("alice");
    let before = identity(&alice);
    let open = passphrase_file(&alice, "open", "secret words");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = alice.run(&["passphrase", "--new-passphrase-file", text(&open)]);
    refused.failed(8, &["mode 644", "chmod 600"]);
    let empty = passphrase_file(&alice, "empty", "");
    alice.run(&["passphrase", "--new-passphrase-file", text(&empty)]).failed(2, &["no passphrase in"]);
    alice.run(&["passphrase", "--new-passphrase-file", "/nowhere"]).failed(7, &["/nowhere"]);
    alice.run(&["--no-input", "passphrase"]).failed(2, &["nobody to ask", "--new-passphrase-file"]);
    let long = passphrase_file(&alice, "long", &"x".repeat(1_025));
    alice.run(&["passphrase", "--new-passphrase-file", text(&long)]).failed(2, &["at most 1024 bytes"]);
    assert_eq!(identity(&alice), before);

    let nobody = Person::homeless();
    nobody.run(&["--no-input", "init"]).failed(2, &["nobody says", "--no-passphrase", "--passphrase-file"]);
    assert!(!nobody.home.join("identity").exists());
    let both = ["init", "--no-passphrase", "--passphrase-file", text(&empty)];
    assert_eq!(nobody.run(&both).code, Some(2));
    nobody.run(&["passphrase"]).failed(8, &["there is no home"]);
}

#[test]
fn an_identity_file_that_others_could_read_is_refused() {
    let (alice, file) = sealed("alice", "open sesame");
    let path = alice.home.join("identity");
    for looser in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(looser)).unwrap();
        for command in [&["passphrase", "--remove"][..], &["invite"], &["id"]] {
            let refused = alice.run(&[command, &["--passphrase-file", text(&file)]].concat());
            refused.failed(8, &["chmod 600"]);
        }
    }
}

#[test]
fn it_is_asked_for_at_the_terminal_and_not_shown() {
    let alice = Person::homeless();
    let mut terminal = Terminal::start_session(&alice, &["init", "--name", "alice"]);
    terminal.answer("a passphrase for this home", "open sesame\r");
    terminal.answer("the same again", "open barley\r");
    terminal.answer("a passphrase for this home", "open sesame\r");
    terminal.answer("the same again", "open sesame\r");
    terminal.wait_for("kept under the passphrase");
    terminal.wait_for("WRITE THESE WORDS DOWN");
    terminal.wait_for("24 ");
    terminal.wait_for("conclave1");
    assert_eq!(terminal.end(), Some(0));
    let shown = terminal.everything().to_owned();
    assert!(!shown.contains("sesame"), "{shown}");
    assert!(terminal.is_as_before());

    let mut terminal = Terminal::start_session(&alice, &["invite"]);
    for wrong in ["one\r", "two\r"] {
        terminal.answer("passphrase of this home: ", wrong);
    }
    terminal.answer("passphrase of this home: ", "open sesame\r");
    terminal.wait_for("conclave:ticket1");
    assert_eq!(terminal.end(), Some(0));

    let mut terminal = Terminal::start_session(&alice, &["passphrase", "--remove"]);
    for _ in 0..3 {
        terminal.answer("passphrase of this home: ", "wrong\r");
    }
    terminal.wait_for("does not open the identity");
    assert_eq!(terminal.end(), Some(9));

    let mut terminal = Terminal::start_session(&alice, &["up", "--no-listen"]);
    terminal.answer("passphrase of this home: ", "\u{3}");
    assert_eq!(terminal.end(), Some(6), "whoever is asked can break off");
    assert!(terminal.is_as_before());
}

#[test]
fn an_empty_answer_is_a_choice() {
    let alice = Person::homeless();
    let mut terminal = Terminal::start_session(&alice, &["init"]);
    terminal.answer("empty: keep it without one", "\r");
    terminal.wait_for("kept without a passphrase");
    assert_eq!(terminal.end(), Some(0));
    alice.run(&["--no-input", "invite"]).well();
}
