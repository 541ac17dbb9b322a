//! `cargo xtask tidy`: the house rules that no compiler checks. `ARCHITECTURE.md` and `CONTRIBUTING.md` give the
//! reasons; each rule here has a test with a sample that breaks it.

mod commands;
mod documents;
mod fuzzing;
mod layers;
mod purity;
mod text;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::source::{CodePath, code_only, paths, without_tests};
use crate::workspace::{Package, Workspace, capture};

pub(crate) use crate::tidy::commands::commands_in;

/// The crates from the bottom of the staircase to its top: each may depend only on those before it.
pub(crate) const STAIRCASE: [&str; 10] = [
    "selfsync-codec",
    "chunk-proto",
    "x3dh-handshake",
    "secure-channel",
    "membership",
    "link",
    "actor-proxy",
    "endpoint",
    "node",
    "conclave",
];

/// The lowest crate that knows sockets, the clock and OS randomness; those below it are sans-IO.
const LOWEST_WITH_IO: &str = "node";

/// Nothing to choose: the rules hold everywhere.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// What the rules look at.
struct Tree {
    files: Vec<File>,
    /// The paths of the fuzz targets' committed inputs, which are no text.
    seeds: Vec<String>,
    packages: Vec<Package>,
}

/// One text file of the repository.
struct File {
    /// Relative to the repository's root.
    path: String,
    text: String,
}

/// One breach of a rule.
#[derive(Debug)]
struct Finding {
    path: String,
    /// From 1; 0 speaks of the file as a whole.
    line: usize,
    message: String,
}

/// A rule returns its breaches.
type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    layers::own_crates,
    layers::outside_world,
    layers::picture,
    layers::manifests,
    layers::simulation,
    layers::example_names,
    purity::sans_io,
    purity::bounded_channels,
    purity::no_globals,
    text::module_docs,
    text::leftovers,
    text::sizes,
    text::places,
    documents::readmes,
    documents::examples,
    documents::front_pages,
    commands::exist,
    documents::links,
    fuzzing::targets,
];

/// Prints every breach and fails if there is one.
pub(crate) fn run(workspace: &Workspace, _: &Args) -> Result<()> {
    check(workspace)?;
    println!("tidy: {} rules hold", RULES.len() + 1);
    Ok(())
}

/// The same without the closing line.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(workspace)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.extend(layers::resolved_graph(workspace, &tree)?);
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for Finding { path, line, message } in &findings {
        println!("{path}:{line}: {message}");
    }
    if findings.is_empty() { Ok(()) } else { bail!("{} breaches of the house rules", findings.len()) }
}

impl Tree {
    /// Reads every text file that git knows or would add.
    fn read(workspace: &Workspace) -> Result<Self> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let list = capture(&mut workspace.command("git", list))?;
        let mut files = Vec::new();
        let mut seeds = Vec::new();
        for path in list.split_terminator('\0') {
            let full = workspace.root.join(path);
            if !full.is_file() {
                continue;
            }
            if path.starts_with("fuzz/corpus/") {
                seeds.push(path.to_owned());
                continue;
            }
            let bytes = fs::read(&full).with_context(|| path.to_owned())?;
            files.extend(String::from_utf8(bytes).ok().map(|text| File { path: path.to_owned(), text }));
        }
        let packages = workspace.packages.clone();
        Ok(Self { files, seeds, packages })
    }

    fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files of the sans-IO crates' own code: no tests, no examples.
    fn sans_io(&self) -> impl Iterator<Item = (&str, &File)> {
        self.rust().filter(|file| !file.is_test()).filter_map(|file| {
            let (name, inside) = file.crate_and_path()?;
            (inside.starts_with("src/") && is_sans_io(name)).then_some((name, file))
        })
    }
}

impl File {
    /// The crate under `crates/` that holds this file, and the file's path in it.
    fn crate_and_path(&self) -> Option<(&str, &str)> {
        self.path.strip_prefix("crates/")?.split_once('/')
    }

    fn is_test(&self) -> bool {
        let path = Path::new(&self.path);
        path.iter().any(|part| part == "tests") || self.path.ends_with("tests.rs")
    }

    /// The file's code without comments, literals and tests.
    fn code(&self) -> String {
        without_tests(&code_only(&self.text))
    }

    fn paths(&self) -> Vec<CodePath> {
        paths(&self.code())
    }

    fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

fn is_sans_io(name: &str) -> bool {
    STAIRCASE.iter().take_while(|&&row| row != LOWEST_WITH_IO).any(|&row| row == name)
}

#[cfg(test)]
mod tests;
