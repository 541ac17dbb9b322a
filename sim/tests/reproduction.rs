//! A seed and a commit give the same run, bit for bit, in whatever process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

/// What a process prints of a seed: among it the hash over everything that happened.
fn printed(seed: u64) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_sim")).args(["--seed", &seed.to_string()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find(|line| line.starts_with("seed ")).expect("a run says what it came to").to_owned()
}

#[test]
fn two_processes_do_the_same() {
    let mut hashes = Vec::new();
    for seed in [1, 2, 3] {
        let first = printed(seed);
        assert_eq!(first, printed(seed), "seed {seed}");
        hashes.push(first);
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 3, "other seeds give other runs");
}

#[test]
fn two_runs_in_one_process_do_the_same() {
    for seed in [4, 5] {
        let (first, second) = (sim::run(seed, false).unwrap(), sim::run(seed, false).unwrap());
        assert_eq!(first.unwrap(), second.unwrap(), "seed {seed}");
    }
}
