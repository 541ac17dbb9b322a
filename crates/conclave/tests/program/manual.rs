//! What the program says about itself: scripts for shells, and pages of the manual.

use std::fs;

use crate::support::{Person, names};

#[test]
fn shells_get_scripts_that_know_the_commands() {
    let alice = Person::homeless();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = alice.run(&["completions", shell]);
        script.well();
        assert!(script.stderr.is_empty());
        for word in ["conclave", "member", "services", "--until-stdin-ends"] {
            assert!(script.stdout.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
    }
    let event = &alice.run(&["completions", "bash", "--json"]).events()[0];
    assert_eq!((&event["event"], &event["shell"]), (&"completions".into(), &"bash".into()));
    assert_eq!(alice.run(&["completions", "abacus"]).code, Some(2));
    let syntax = std::process::Command::new("bash")
        .args(["-n", "-c", &alice.run(&["completions", "bash"]).stdout])
        .status();
    assert!(syntax.is_ok_and(|status| status.success()), "the script is one that bash reads");
}

#[test]
fn every_command_has_a_page() {
    let alice = Person::homeless();
    let page = alice.run(&["man"]);
    page.well();
    for text in [".TH conclave 1", "EXIT_CODES", "conclave\\-ping(1)", "CONCLAVE_HOME"] {
        let text = if text == "EXIT_CODES" { "Exit codes: 0 done" } else { text };
        assert!(page.stdout.contains(text), "`{text}` is missing in {}", page.stdout);
    }
    let folder = alice.root.path().join("man/man1");
    let written = alice.run(&["man", "--folder", folder.to_str().unwrap()]);
    written.well();
    let pages = names(&folder);
    assert_eq!(written.stdout.lines().count(), pages.len());
    for page in [
        "conclave.1",
        "conclave-up.1",
        "conclave-chat.1",
        "conclave-member-add.1",
        "conclave-man.1",
        "conclave-invite.1",
        "conclave-join.1",
        "conclave-revoke.1",
    ] {
        assert!(pages.iter().any(|name| name == page), "{page} is missing in {pages:?}");
        let command = page.trim_end_matches(".1");
        assert!(
            fs::read_to_string(folder.join(page)).unwrap().contains(&format!(".TH {command} 1")),
            "{page}"
        );
    }
    assert!(!pages.iter().any(|name| name.contains("help")), "{pages:?}");
    alice.run(&["man", "--folder", "/dev/null/x"]).failed(7, &["making /dev/null/x"]);
}
