//! The examples of the workspace, built as its tests are built.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::Value;

use crate::workspace::{Workspace, capture};

/// One example that is built.
pub(crate) struct Example {
    pub(crate) name: String,
    /// The file it is made of.
    pub(crate) source: PathBuf,
    pub(crate) binary: PathBuf,
}

/// Builds the examples of these names, or all if none is given.
///
/// With the whole workspace's features, whoever asks: then nothing is built that the tests have not built already.
pub(crate) fn build(workspace: &Workspace, names: &[&str]) -> Result<Vec<Example>> {
    let mut build = workspace.cargo(["build", "--workspace", "--locked"]);
    build.args(["--message-format", "json-render-diagnostics"]);
    if names.is_empty() {
        build.arg("--examples");
    }
    for name in names {
        build.args(["--example", name]);
    }
    Ok(capture(&mut build)?.lines().filter_map(parse).collect())
}

/// The example that one of cargo's messages tells of.
fn parse(message: &str) -> Option<Example> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = &message["target"];
    let is_example = target["kind"].as_array()?.iter().any(|kind| kind == "example");
    is_example.then_some(())?;
    Some(Example {
        name: target["name"].as_str()?.to_owned(),
        source: target["src_path"].as_str()?.into(),
        binary: message["executable"].as_str()?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_examples_that_can_be_run_count() {
        let message = |kind: &str, executable: &str| {
            format!(
                r#"{{"target":{{"kind":["{kind}"],"name":"till","src_path":"/a/till.rs"}},"executable":{executable}}}"#
            )
        };
        let example = parse(&message("example", r#""/b/till""#)).unwrap();
        assert_eq!((example.name.as_str(), example.binary), ("till", PathBuf::from("/b/till")));
        assert!(parse(&message("example", "null")).is_none());
        assert!(parse(&message("lib", r#""/b/till""#)).is_none());
        assert!(parse("warning: no message").is_none());
    }
}
