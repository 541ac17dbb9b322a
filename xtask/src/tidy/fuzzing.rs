//! Every fuzz target is built and has seeds, and every sans-IO crate has a target.

use crate::tidy::{Finding, Tree, is_sans_io};

/// Where the targets stand.
const TARGETS: &str = "fuzz/fuzz_targets/";

/// Where their committed seeds stand, in one folder per target.
const CORPUS: &str = "fuzz/corpus/";

/// Targets, manifest, seeds and crates agree.
pub(super) fn targets(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(manifest) = tree.file("fuzz/Cargo.toml") else { return findings };
    let targets: Vec<_> = tree.rust().filter(|file| file.path.starts_with(TARGETS)).collect();
    let names: Vec<_> = targets.iter().filter_map(|file| target_name(&file.path)).collect();
    for (file, name) in targets.iter().zip(&names) {
        if !manifest.text.contains(&format!("name = \"{name}\"")) {
            findings.push(file.finding(0, "has no [[bin]] in fuzz/Cargo.toml"));
        }
        if !tree.seeds.iter().any(|seed| target_of_seed(seed) == Some(name)) {
            findings.push(file.finding(0, format!("has no seeds in {CORPUS}{name}/")));
        }
    }
    for seed in &tree.seeds {
        if target_of_seed(seed).is_none_or(|target| !names.contains(&target)) {
            findings.push(Finding {
                path: seed.clone(),
                line: 0,
                message: "belongs to no fuzz target".into(),
            });
        }
    }
    for package in tree.packages.iter().filter(|package| is_sans_io(&package.name)) {
        let library = package.name.replace('-', "_");
        let uses =
            |path: &crate::source::CodePath| path.segments.first().is_some_and(|first| *first == library);
        if !targets.iter().any(|file| file.paths().iter().any(uses)) {
            findings.push(manifest.finding(0, format!("no fuzz target exercises {}", package.name)));
        }
    }
    findings
}

fn target_name(path: &str) -> Option<&str> {
    path.strip_prefix(TARGETS)?.strip_suffix(".rs")
}

fn target_of_seed(path: &str) -> Option<&str> {
    Some(path.strip_prefix(CORPUS)?.split_once('/')?.0)
}
