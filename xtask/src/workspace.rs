//! Where the repository is, what packages it holds, and how its commands are run.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The repository this command works on.
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// The one folder that all builds share.
    pub(crate) target: PathBuf,
    /// The packages of the workspace, in no particular order.
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace, as `cargo metadata` tells it.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The package's folder.
    pub(crate) folder: PathBuf,
    /// Feature names with what each one switches on.
    pub(crate) features: Vec<(String, Vec<String>)>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) has_library: bool,
    /// Names of the package's examples.
    pub(crate) examples: Vec<String>,
}

/// One line of a package's dependency tables.
#[derive(Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    pub(crate) optional: bool,
}

/// The table a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Build,
    Development,
}

impl Workspace {
    /// Finds the repository around this package and reads its packages.
    pub(crate) fn locate() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask stands in a folder of the repository")?.to_owned();
        let metadata = metadata(&root)?;
        let target = metadata["target_directory"].as_str().context("no target_directory")?.into();
        let packages = array(&metadata["packages"]).map(Package::parse).collect::<Result<_>>()?;
        Ok(Self { root, target, packages })
    }

    /// A `cargo` command in the repository's root, on the toolchain the repository pins.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        self.command("cargo", args)
    }

    /// A `cargo` command on the nightly toolchain, which libFuzzer needs.
    pub(crate) fn nightly_cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command("cargo", ["+nightly"]);
        command.args(args);
        command
    }

    /// A command in the repository's root, without standard input and without what `cargo run` told this
    /// process about the package `xtask`: build scripts would take it for changed input.
    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// The library crates, in the order of their names.
    pub(crate) fn libraries(&self) -> Vec<&Package> {
        let crates = self.root.join("crates");
        let mut libraries: Vec<_> =
            self.packages.iter().filter(|p| p.has_library && p.folder.starts_with(&crates)).collect();
        libraries.sort_by(|a, b| a.name.cmp(&b.name));
        libraries
    }

    /// A path as it is written in messages: relative to the repository's root.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Package {
    fn parse(value: &Value) -> Result<Self> {
        let manifest = Path::new(text(&value["manifest_path"])?);
        let mut features: Vec<_> = value["features"]
            .as_object()
            .context("no features")?
            .iter()
            .map(|(name, list)| {
                (name.clone(), array(list).filter_map(Value::as_str).map(Into::into).collect())
            })
            .collect();
        features.sort();
        let of_kind = |kind: &str| {
            let kind = Value::from(kind);
            array(&value["targets"]).filter(move |target| array(&target["kind"]).any(|k| *k == kind))
        };
        Ok(Self {
            name: text(&value["name"])?.to_owned(),
            folder: manifest.parent().context("a manifest without a folder")?.to_owned(),
            features,
            dependencies: array(&value["dependencies"]).map(Dependency::parse).collect::<Result<_>>()?,
            has_library: of_kind("lib").next().is_some(),
            examples: of_kind("example").filter_map(|t| t["name"].as_str()).map(Into::into).collect(),
        })
    }
}

impl Dependency {
    fn parse(value: &Value) -> Result<Self> {
        let kind = match value["kind"].as_str() {
            None => DependencyKind::Normal,
            Some("build") => DependencyKind::Build,
            Some("dev") => DependencyKind::Development,
            Some(other) => bail!("unknown kind of dependency: {other}"),
        };
        let optional = value["optional"].as_bool().unwrap_or(false);
        Ok(Self { name: text(&value["name"])?.to_owned(), kind, optional })
    }
}

fn metadata(root: &Path) -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo metadata failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo metadata: expected a string")
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Runs a command that writes to the terminal, and fails with the command's own words.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(command)))?;
    ensure!(status.success(), "`{}`: {status}", shown(command));
    Ok(())
}

/// Runs a command and returns what it printed on standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    ensure!(output.status.success(), "`{}`: {}", shown(command), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// A command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
