//! `selfsync-codec` without the standard library, for lines and logs on small machines.

use std::fs;

use anyhow::{Context as _, Result};

use crate::ci::Note;
use crate::workspace::{Workspace, capture, succeed};

/// A crate that has its own panic handler: should the codec or anything it uses link `std`, there would be two
/// of them, and the compiler refuses that. So the probe means the same on every host, with no bare-metal target
/// installed.
const PROBE: &str = "//! Compiles only while nothing below links the standard library.
#![no_std]
extern crate selfsync_codec as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

/// Checks the codec for every bare-metal target installed, and always against the probe.
pub(crate) fn check(workspace: &Workspace) -> Result<Note> {
    probe(workspace)?;
    let mut targets = Vec::new();
    for target in bare_metal_targets(workspace) {
        let args = ["check", "--locked", "--package", "selfsync-codec", "--no-default-features", "--target"];
        succeed(workspace.cargo(args).arg(&target))?;
        targets.push(target);
    }
    Ok(match targets.is_empty() {
        true => "on the host; no bare-metal target is installed".to_owned(),
        false => format!("on the host and {}", targets.join(", ")),
    })
}

fn probe(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("no-std-probe");
    fs::create_dir_all(folder.join("src"))?;
    let codec = workspace.root.join("crates/selfsync-codec");
    let manifest = format!(
        "[package]\nname = \"no-std-probe\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         selfsync-codec = {{ path = {codec:?}, default-features = false }}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), PROBE)?;
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut command = workspace.cargo(["check", "--offline"]);
    command.arg("--manifest-path").arg(folder.join("Cargo.toml")).arg("--target-dir").arg(&workspace.target);
    succeed(&mut command).context("selfsync-codec or something it uses needs the standard library")
}

/// Installed targets that have no standard library (their triples have no system in them).
fn bare_metal_targets(workspace: &Workspace) -> Vec<String> {
    let list = capture(&mut workspace.command("rustup", ["target", "list", "--installed"]));
    let list = list.unwrap_or_default();
    list.lines().filter(|triple| triple.contains("-none")).map(Into::into).collect()
}
