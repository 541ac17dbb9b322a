//! The documents: READMEs that are compiled, front pages, examples, links that lead somewhere.

use crate::tidy::{File, Finding, STAIRCASE, Tree};
use crate::vectors::makes_vectors;
use crate::workspace::Package;

/// The crate that is the program: its README shows how to use it.
const PROGRAM: &str = "conclave";

/// A README shorter than this says nothing.
const MIN_README_LINES: usize = 10;

/// Each crate has a README of some substance, compiled as documentation tests.
pub(super) fn readmes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for front in front_pages_of(tree) {
        let Some((name, _)) = front.crate_and_path() else { continue };
        match tree.file(&format!("crates/{name}/README.md")) {
            None => findings.push(front.finding(0, format!("crates/{name} has no README.md"))),
            Some(readme) if readme.text.lines().count() < MIN_README_LINES => {
                findings.push(readme.finding(0, "says too little: what it is, an example, limits"));
            }
            Some(_) => {}
        }
        if !front.text.contains("include_str!(\"../README.md\")") {
            findings.push(front.finding(0, "does not compile its README.md as documentation tests"));
        }
    }
    findings
}

/// Each library has an example to start from; one that makes vectors shows nobody how to begin.
pub(super) fn examples(tree: &Tree) -> Vec<Finding> {
    let is_library =
        |package: &&Package| package.name != PROGRAM && STAIRCASE.contains(&package.name.as_str());
    let lacks_one = |package: &&Package| package.examples.iter().all(|name| makes_vectors(name));
    let lacking = tree.packages.iter().filter(is_library).filter(lacks_one);
    let manifest = |package: &Package| format!("crates/{}/Cargo.toml", package.name);
    let message = || "has no example in examples/".to_owned();
    lacking.map(|package| Finding { path: manifest(package), line: 0, message: message() }).collect()
}

/// A crate's `lib.rs` is a front page: documentation, modules, exports; no logic.
pub(super) fn front_pages(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for front in front_pages_of(tree) {
        for path in front.paths() {
            if let Some(word) = path.segments.iter().find(|word| matches!(word.as_str(), "fn" | "impl")) {
                findings
                    .push(front.finding(path.line, format!("`{word}` on a front page: move it to a module")));
            }
        }
    }
    findings
}

/// Every relative link of a document leads to a file of the repository.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (index, line) in file.text.lines().enumerate() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                let is_local = !target.is_empty() && !target.contains(':');
                if is_local && !leads_somewhere(tree, file, target) {
                    findings.push(file.finding(index + 1, format!("the link to {target} leads nowhere")));
                }
            }
        }
    }
    findings
}

/// Whether a path relative to a document is a file of the repository, or a folder with files.
fn leads_somewhere(tree: &Tree, from: &File, target: &str) -> bool {
    let mut parts: Vec<&str> = from.path.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." if parts.pop().is_none() => return false,
            ".." => {}
            _ => parts.push(part),
        }
    }
    let path = parts.join("/");
    tree.files.iter().any(|file| file.path == path || file.path.starts_with(&format!("{path}/")))
}

fn front_pages_of(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.rust().filter(|file| file.crate_and_path().is_some_and(|(_, inside)| inside == "src/lib.rs"))
}
