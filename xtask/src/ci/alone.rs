//! Each library by itself: a crate that compiles only because a sibling switched a feature on is broken for
//! whoever takes it alone.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::ci::Note;
use crate::workspace::{Package, Workspace, succeed};

/// Checks every library with no features, its default ones, each one alone, and all.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    let mut count = 0;
    for package in workspace.libraries() {
        for selection in selections(package) {
            let mut command = workspace.cargo(["clippy", "--quiet", "--locked", "--package", &package.name]);
            if selection != ["default"] {
                command.arg("--no-default-features");
            }
            let features: Vec<_> = selection.iter().filter(|name| *name != "default").cloned().collect();
            if !features.is_empty() {
                command.args(["--features", &features.join(",")]);
            }
            // Clippy's flags reach our own crates only: unlike with RUSTFLAGS, the dependencies stay as built.
            succeed(command.args(["--", "-D", "warnings"]))?;
            count += 1;
        }
    }
    Ok(format!("{count} combinations"))
}

/// Whether `--all-features` means more than the default features.
pub(crate) fn has_more_than_default(package: &Package) -> bool {
    let all: Vec<_> = names(package);
    closure(package, &all) != closure(package, &["default".to_owned()])
}

/// The selections of features worth a check: of those that switch on the same, the first.
fn selections(package: &Package) -> Vec<Vec<String>> {
    let mut wanted = vec![vec![], vec!["default".to_owned()]];
    wanted.extend(names(package).into_iter().map(|name| vec![name]));
    wanted.push(names(package));
    let mut seen = BTreeSet::new();
    wanted.retain(|selection| seen.insert(closure(package, selection)));
    wanted
}

fn names(package: &Package) -> Vec<String> {
    package.features.iter().map(|(name, _)| name.clone()).filter(|name| name != "default").collect()
}

/// All that a selection of features switches on, itself included.
fn closure(package: &Package, selection: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = selection.to_vec();
    while let Some(name) = open.pop() {
        if let Some((_, more)) = package.features.iter().find(|(known, _)| *known == name) {
            open.extend(more.iter().filter(|other| !found.contains(*other)).cloned());
        }
        if name != "default" {
            found.insert(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn package(features: &[(&str, &[&str])]) -> Package {
        let own = |text: &&str| (*text).to_owned();
        Package {
            name: "sample".to_owned(),
            folder: PathBuf::new(),
            features: features.iter().map(|(name, on)| (own(name), on.iter().map(own).collect())).collect(),
            dependencies: Vec::new(),
            has_library: true,
            examples: Vec::new(),
        }
    }

    #[test]
    fn a_crate_without_features_is_checked_once() {
        assert_eq!(selections(&package(&[])).len(), 1);
        assert!(!has_more_than_default(&package(&[("default", &["std"]), ("std", &[])])));
    }

    #[test]
    fn every_distinct_set_of_features_is_checked() {
        let sample =
            package(&[("default", &["std"]), ("std", &["bytes/std"]), ("tokio", &["std", "dep:tokio"])]);
        let expected: Vec<Vec<&str>> = vec![vec![], vec!["default"], vec!["tokio"]];
        assert_eq!(selections(&sample), expected);
        assert!(has_more_than_default(&sample));
    }
}
