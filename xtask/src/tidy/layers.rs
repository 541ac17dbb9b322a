//! Which crate may depend on which, and on what outside the repository.

use anyhow::Result;

use crate::tidy::{File, Finding, STAIRCASE, Tree, is_sans_io};
use crate::workspace::{DependencyKind, Workspace, capture};

/// Crates that reach for sockets, files, the clock, threads or OS randomness.
const OUTSIDE_WORLD: &[&str] = &[
    "async-io",
    "async-net",
    "async-std",
    "getrandom",
    "libc",
    "mio",
    "nix",
    "polling",
    "rand",
    "rustix",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "windows-sys",
];

/// Of those, the ones a sans-IO crate's dependencies may use: `libc` and `windows-sys` are declarations, and what
/// is called of them is the dependency's affair; `rand` is harmless without its sources of OS randomness.
const TOLERATED_BELOW: &[&str] = &["libc", "rand", "windows-sys"];

/// Features that give `rand` OS randomness.
const RAND_OS_FEATURES: &[&str] = &["os_rng", "sys_rng", "thread_rng"];

/// Optional dependencies that bend the rule: crate, dependency, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("selfsync-codec", "tokio-util", "only its codec traits, behind a feature of that purpose"),
    ("selfsync-codec", "tokio", "what tokio-util's codec traits name, behind the same feature"),
];

/// Each crate depends only on those below it, in tests too, and every crate has its place.
pub(super) fn own_crates(tree: &Tree) -> Vec<Finding> {
    let row = |name: &str| STAIRCASE.iter().position(|&known| known == name);
    let mut findings = Vec::new();
    for package in tree.packages.iter().filter(|package| !is_tooling(&package.name)) {
        let Some(own) = row(&package.name) else {
            findings
                .push(in_manifest(&package.name, "this crate has no row in STAIRCASE of xtask/src/tidy.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            if row(&dependency.name).is_some_and(|other| other >= own) || is_tooling(&dependency.name) {
                let message = format!("may not depend on {}: it is not below", dependency.name);
                findings.push(in_manifest(&package.name, message));
            }
        }
    }
    findings
}

/// No sans-IO crate depends on the outside world directly.
pub(super) fn outside_world(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in tree.packages.iter().filter(|package| is_sans_io(&package.name)) {
        for dependency in &package.dependencies {
            let counts = dependency.kind != DependencyKind::Development;
            let excepted = dependency.optional && is_excepted(&package.name, &dependency.name);
            if counts && !excepted && OUTSIDE_WORLD.contains(&dependency.name.as_str()) {
                let message = format!("a sans-IO crate may not depend on {}", dependency.name);
                findings.push(in_manifest(&package.name, message));
            }
        }
    }
    findings
}

/// Nor through others: the resolved graph of each sans-IO crate alone, with all its features.
pub(super) fn resolved_graph(workspace: &Workspace, tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in tree.packages.iter().filter(|package| is_sans_io(&package.name)) {
        let args = ["tree", "--locked", "--edges", "normal", "--all-features", "--prefix", "none"];
        let mut command = workspace.cargo(args);
        command.args(["--format", "{p}\t{f}", "--package", &package.name]);
        findings.extend(outside_world_below(&package.name, &capture(&mut command)?));
    }
    Ok(findings)
}

/// The findings in what `cargo tree` printed for one crate: lines of `name version<TAB>features`.
pub(super) fn outside_world_below(package: &str, graph: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for line in graph.lines() {
        let (described, features) = line.split_once('\t').unwrap_or((line, ""));
        let name = described.split(' ').next().unwrap_or_default();
        let tolerated = TOLERATED_BELOW.contains(&name) || is_excepted(package, name);
        if OUTSIDE_WORLD.contains(&name) && !tolerated {
            findings.push(in_manifest(package, format!("{name} comes in through a dependency")));
        }
        let os_randomness = features.split(',').any(|feature| RAND_OS_FEATURES.contains(&feature));
        if name == "rand" && os_randomness {
            findings.push(in_manifest(package, "rand comes in with OS randomness through a dependency"));
        }
    }
    findings.sort_by(|a, b| a.message.cmp(&b.message));
    findings.dedup_by(|a, b| a.message == b.message);
    findings
}

/// The picture in `ARCHITECTURE.md` shows the crates that exist, top first, in this order.
pub(super) fn picture(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file("ARCHITECTURE.md") else { return Vec::new() };
    let block = page.text.split("```").nth(1).unwrap_or_default();
    let exists = |name: &&&str| tree.packages.iter().any(|package| package.name == **name);
    let expected: Vec<&str> = STAIRCASE.iter().rev().filter(exists).copied().collect();
    let is_row = |word: &&str| STAIRCASE.contains(word);
    let row = |line: &'_ str| -> Option<String> {
        let mut words = line.split_whitespace();
        let (first, last) = (words.next(), words.next_back());
        first.filter(is_row).or(last.filter(is_row)).map(str::to_owned)
    };
    let shown: Vec<String> = block.lines().filter_map(row).collect();
    match shown == expected {
        true => Vec::new(),
        false => vec![page.finding(0, format!("the picture shows {shown:?}, the crates are {expected:?}"))],
    }
}

/// Every manifest takes its lints from the workspace, and its versions too.
pub(super) fn manifests(tree: &Tree) -> Vec<Finding> {
    let elsewhere = ["fuzz/", "benches/peers/"];
    let in_workspace = |file: &&File| {
        file.path.ends_with("/Cargo.toml") && !elsewhere.iter().any(|folder| file.path.starts_with(folder))
    };
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(in_workspace) {
        if !file.text.contains("[lints]\nworkspace = true") {
            findings.push(file.finding(0, "takes its lints from elsewhere than the workspace"));
        }
        let mut table = "";
        for (index, line) in file.text.lines().enumerate() {
            if line.starts_with('[') {
                table = line;
            }
            let names_version = line.contains("= \"") && !line.contains("workspace = true");
            if table.ends_with("dependencies]") && names_version && !line.starts_with('#') {
                findings.push(file.finding(index + 1, "versions stand in the root's Cargo.toml"));
            }
        }
    }
    findings
}

/// What makes nodes that are no secret to whoever knows a seed is switched on by the simulation alone.
pub(super) fn simulation(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let mut table = "";
        for (index, line) in file.text.lines().enumerate() {
            if line.starts_with('[') {
                table = line;
            }
            let is_definition = table == "[features]" && line.starts_with("simulation = ");
            let is_allowed = is_definition || file.path == "sim/Cargo.toml";
            if line.contains("simulation") && !line.trim_start().starts_with('#') && !is_allowed {
                findings.push(file.finding(index + 1, "only the package sim switches `simulation` on"));
            }
        }
    }
    findings
}

/// No two crates have an example of the same name: cargo would put both binaries in the same place.
pub(super) fn example_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, package) in tree.packages.iter().enumerate() {
        let earlier = &tree.packages[..index];
        for name in &package.examples {
            if let Some(other) = earlier.iter().find(|other| other.examples.contains(name)) {
                let message = format!("the example `{name}` has the name of one in {}", other.name);
                findings.push(in_manifest(&package.name, message));
            }
        }
    }
    findings
}

fn is_tooling(name: &str) -> bool {
    matches!(name, "xtask" | "benches" | "bridges" | "sim" | "soak")
}

fn is_excepted(package: &str, dependency: &str) -> bool {
    EXCEPTIONS.iter().any(|&(owner, name, _)| owner == package && name == dependency)
}

fn in_manifest(package: &str, message: impl Into<String>) -> Finding {
    Finding { path: format!("crates/{package}/Cargo.toml"), line: 0, message: message.into() }
}
