//! The program as a reader of the documents meets it: the demonstration, and every command they name.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::ci::Note;
use crate::tidy::commands_in;
use crate::workspace::{Workspace, capture, succeed};

/// The demonstration of the README, with a file small enough for every change.
const DEMO: [&str; 4] = ["--", "demo", "--size", "4MiB"];

/// Runs the demonstration in the release profile, then asks the program for help on each documented command.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    let mut demo = workspace.cargo(["run", "--release", "--locked", "--package", "conclave"]);
    succeed(demo.args(DEMO))?;
    let commands = documented(workspace)?;
    ensure!(!commands.is_empty(), "no document names a command of the program");
    let mut unknown = Vec::new();
    for command in &commands {
        if let Err(why) = ask_for_help(workspace, command) {
            println!("conclave {}: {why:#}", command.join(" "));
            unknown.push(command.join(" "));
        }
    }
    ensure!(unknown.is_empty(), "documented, but unknown to the program: {}", unknown.join("; "));
    Ok(format!("{} documented commands exist", commands.len()))
}

/// The arguments of every command of the program that a document names, once each.
fn documented(workspace: &Workspace) -> Result<Vec<Vec<String>>> {
    let mut found = Vec::new();
    for path in capture(&mut workspace.command("git", ["ls-files", "-z", "*.md"]))?.split_terminator('\0') {
        let text = fs::read_to_string(workspace.root.join(path)).with_context(|| path.to_owned())?;
        found.extend(commands_in(&text).into_iter().filter_map(|(_, command)| arguments(&command)));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What follows `conclave` or `cargo run … --` in a command line, up to where the shell takes over.
fn arguments(command: &str) -> Option<Vec<String>> {
    let own = command.split(['|', '>', '<', '&', ';']).next().unwrap_or_default();
    let mut words = own.split_whitespace().skip_while(|word| word.contains('='));
    match words.next()? {
        "conclave" | "./conclave" | "target/release/conclave" => {}
        "cargo" if words.next() == Some("run") => {
            let mut of_cargo = words.by_ref().take_while(|word| *word != "--");
            if of_cargo.any(|word| word == "--example") {
                return None;
            }
        }
        _ => return None,
    }
    // An ellipsis, or an optional part in brackets, stands for whatever follows.
    let words = words.take_while(|word| *word != "…" && *word != "..." && !word.starts_with('['));
    Some(words.map(|word| word.trim_matches(['"', '\'']).to_owned()).collect())
}

/// Asked for help behind the arguments, the program looks at them all and does nothing.
fn ask_for_help(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut command = workspace.command(workspace.target.join("release/conclave"), arguments);
    let output = command.arg("--help").output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() || is_about_a_value(&complaint),
        "{}",
        complaint.lines().next().unwrap_or("failed without a word")
    );
    Ok(())
}

/// A word in capitals stands for a value and may not be one, and a sentence names an option without its value: the
/// option exists all the same.
fn is_about_a_value(complaint: &str) -> bool {
    complaint.contains("invalid value") || complaint.contains("a value is required")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complaints_about_values_are_excused() {
        assert!(is_about_a_value("error: invalid value 'N' for '--minutes <N>'"));
        assert!(is_about_a_value(
            "error: a value is required for '--receive <FOLDER>' but none was supplied"
        ));
        assert!(!is_about_a_value("error: unexpected argument '--bogus' found"));
        assert!(!is_about_a_value("error: unrecognized subcommand 'nonsense'"));
    }

    #[test]
    fn arguments_of_the_program_are_found() {
        let words = |command: &str| arguments(command).map(|words| words.join(" "));
        assert_eq!(words("conclave send 'a file' bob > log").as_deref(), Some("send a file bob"));
        assert_eq!(words("RUST_LOG=info conclave up &").as_deref(), Some("up"));
        assert_eq!(words("cargo run --release -- demo --size 1GiB").as_deref(), Some("demo --size 1GiB"));
        assert_eq!(words("conclave member add …").as_deref(), Some("member add"));
        for other in ["cargo test -p link", "cargo run -p link --example pair -- x", "cd conclave", ""] {
            assert_eq!(words(other), None, "{other}");
        }
    }
}
