//! A short run keeps every bound but that of memory's slope, for which it is too short.
#![cfg(target_os = "linux")]

use std::process::Command;

#[test]
fn everything_that_was_started_has_an_outcome_and_everything_that_was_opened_is_closed() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_soak")).args(["--seconds", "20", "--seed", "1"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("every bound was kept"), "{text}");
    assert!(text.contains("too short to be judged"), "{text}");
}
