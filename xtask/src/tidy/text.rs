//! What stands in files: module docs, nothing left over, a readable size, no particular machine.

use crate::source::code_only;
use crate::tidy::{File, Finding, Tree};

/// A file with more lines of code than this holds more than one thing.
const MAX_FILE_LINES: usize = 500;

/// Words that mark unfinished work; pieced together so that this file does not contain them.
const LEFTOVER_WORDS: [&str; 2] = [concat!("FIX", "ME"), concat!("TO", "DO")];

/// Calls and attributes that mark unfinished work or tests that do not run.
const LEFTOVER_CODE: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];

/// Where a particular machine or registry shows; pieced together for the same reason.
const PLACES: [&str; 9] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("://crates", ".io"),
    concat!("pypi", ".org"),
    concat!("registry.npm", "js"),
];

/// Every Rust file says first what it holds: in `//!`, or by including its README.
pub(super) fn module_docs(tree: &Tree) -> Vec<Finding> {
    let is_documented = |text: &str| text.starts_with("//! ") || text.starts_with("#![doc = include_str!(");
    let undocumented = tree.rust().filter(|file| !is_documented(&file.text));
    undocumented.map(|file| file.finding(1, "starts without `//!`: what does this file hold?")).collect()
}

/// Nothing unfinished, and no test that does not run.
pub(super) fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            if LEFTOVER_WORDS
                .iter()
                .any(|word| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == *word))
            {
                findings.push(file.finding(index + 1, "unfinished: do it, or leave it out"));
            }
        }
    }
    for file in tree.rust() {
        for (index, line) in code_only(&file.text).lines().enumerate() {
            if let Some(found) = LEFTOVER_CODE.iter().find(|code| line.contains(*code)) {
                findings.push(file.finding(index + 1, format!("`{found}`: unfinished work does not land")));
            }
        }
    }
    findings
}

/// No file of code, tests apart, is longer than a reader keeps in mind.
pub(super) fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test()) {
        let lines = lines_outside_tests(file);
        if lines > MAX_FILE_LINES {
            let message =
                format!("{lines} lines, tests apart; at most {MAX_FILE_LINES}: what else is in here?");
            findings.push(file.finding(0, message));
        }
    }
    findings
}

/// Files name no particular machine and no registry's host.
pub(super) fn places(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = PLACES.iter().find(|place| line.contains(*place)) {
                findings.push(file.finding(index + 1, format!("names a particular place: {place}")));
            }
        }
    }
    findings
}

/// Lines of the file, less those of test modules inside it.
fn lines_outside_tests(file: &File) -> usize {
    let code = file.code();
    let all = code_only(&file.text);
    let in_tests = all.lines().zip(code.lines()).filter(|(with, without)| with != without).count();
    file.text.lines().count() - in_tests
}
