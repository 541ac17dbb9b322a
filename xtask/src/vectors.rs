//! `cargo xtask vectors`: the frozen test vectors, made anew and compared.
//!
//! A crate with vectors has an example whose name ends in `vectors`. It prints one JSON object: each key is the
//! name of a file in the crate's `tests/vectors/`, each value is what that file must hold.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use crate::example;
use crate::workspace::{Package, Workspace, capture};

/// What to do with the vectors.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write the files instead of comparing them: only for a deliberate change of the wire format
    #[arg(long)]
    write: bool,
}

/// Compares or writes the vectors of every crate.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.write { write(workspace) } else { compare(workspace) }
}

/// Fails with the names of all files that differ from what their crate makes today.
pub(crate) fn compare(workspace: &Workspace) -> Result<()> {
    let mut differing = Vec::new();
    let mut count = 0;
    for (path, fresh) in fresh_vectors(workspace)? {
        count += 1;
        let name = workspace.relative(&path).display().to_string();
        match difference(&path, &fresh) {
            None => println!("same      {name}"),
            Some(how) => {
                println!("DIFFERENT {name}: {how}");
                differing.push(name);
            }
        }
    }
    ensure!(
        differing.is_empty(),
        "{} of {count} files of vectors differ: {}; the wire format changed, or it was meant to and \
         `cargo xtask vectors --write` is due",
        differing.len(),
        differing.join(", ")
    );
    Ok(())
}

fn write(workspace: &Workspace) -> Result<()> {
    for (path, fresh) in fresh_vectors(workspace)? {
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(&path, format!("{fresh:#}\n"))?;
        println!("wrote {}", workspace.relative(&path).display());
    }
    Ok(())
}

/// Why a file is not what it should be: `None` if it is.
fn difference(path: &Path, fresh: &Value) -> Option<String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(error.to_string()),
    };
    match serde_json::from_str::<Value>(&text) {
        Err(error) => Some(format!("not JSON: {error}")),
        Ok(frozen) => first_difference(&frozen, fresh, ""),
    }
}

/// Where two values part ways first, as a path into them.
fn first_difference(frozen: &Value, fresh: &Value, at: &str) -> Option<String> {
    match (frozen, fresh) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let nothing = Value::Null;
            let mut pairs =
                keys.map(|key| (key, a.get(key).unwrap_or(&nothing), b.get(key).unwrap_or(&nothing)));
            pairs.find_map(|(key, x, y)| first_difference(x, y, &format!("{at}/{key}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (x, y))| first_difference(x, y, &format!("{at}/{index}")))
        }
        _ if frozen == fresh => None,
        _ => Some(format!("first at {at}/")),
    }
}

/// Whether an example of this name makes its crate's vectors.
pub(crate) fn makes_vectors(example: &str) -> bool {
    example.ends_with("vectors")
}

/// The package with its example that makes vectors.
fn maker(package: &Package) -> Option<(&Package, &str)> {
    let example = package.examples.iter().find(|name| makes_vectors(name))?;
    Some((package, example))
}

/// Every file of vectors with the content its crate makes today.
fn fresh_vectors(workspace: &Workspace) -> Result<Vec<(PathBuf, Value)>> {
    let makers: Vec<(&Package, &str)> = workspace.libraries().into_iter().filter_map(maker).collect();
    let names: Vec<&str> = makers.iter().map(|(_, example)| *example).collect();
    ensure!(!names.is_empty(), "no crate makes vectors");
    let built = example::build(workspace, &names)?;
    let mut files = Vec::new();
    for (package, example) in makers {
        let built = built.iter().find(|built| built.name == example);
        let built =
            built.with_context(|| format!("{}: examples/{example}.rs was not built", package.name))?;
        let printed = capture(&mut workspace.command(&built.binary, [""; 0]))?;
        let made: Map<String, Value> = serde_json::from_str(&printed)
            .with_context(|| format!("{}: examples/{example}.rs must print one JSON object", package.name))?;
        ensure!(!made.is_empty(), "{}: examples/{example}.rs made no vectors", package.name);
        let folder = package.folder.join("tests/vectors");
        files.extend(made.into_iter().map(|(name, content)| (folder.join(name), content)));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_difference_is_found_and_named() {
        let frozen = json!({"a": [1, {"b": "00"}], "c": 2});
        assert_eq!(first_difference(&frozen, &frozen, ""), None);
        for fresh in [json!({"a": [1, {"b": "01"}], "c": 2}), json!({"a": [1, {}], "c": 2})] {
            assert_eq!(first_difference(&frozen, &fresh, "").unwrap(), "first at /a/1/b/");
        }
        assert_eq!(first_difference(&frozen, &json!({"a": [1], "c": 2}), "").unwrap(), "first at /a/");
        assert_eq!(first_difference(&json!({}), &json!({"new": 1}), "").unwrap(), "first at /new/");
    }

    #[test]
    fn a_missing_or_broken_file_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.json");
        assert!(difference(&path, &json!({})).is_some());
        fs::write(&path, "{").unwrap();
        assert!(difference(&path, &json!({})).unwrap().starts_with("not JSON"));
        fs::write(&path, "{}").unwrap();
        assert_eq!(difference(&path, &json!({})), None);
    }
}
