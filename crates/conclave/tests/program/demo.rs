//! The demonstration, whole and interrupted: strangers, wrong doors, wrong keys and removed members are steps of it.

use std::process::Command;

use rustix::process::Signal;

use crate::support::{Person, names};

#[test]
fn the_demo_holds_and_leaves_nothing_behind() {
    let stage = Person::homeless();
    let temporary = stage.root.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let recording = stage.root.path().join("wire");
    let arguments = ["--json", "demo", "--size", "2MiB", "--record", recording.to_str().unwrap()];
    let output = stage.command(&arguments).env("TMPDIR", &temporary).output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    let steps = stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let steps: Vec<_> = steps.filter(|event| event["event"] == "step").collect();
    assert_eq!(steps.len(), 16, "{steps:#?}");
    assert!(steps.iter().all(|step| step["held"] == true), "{steps:#?}");
    assert_eq!(names(&temporary), Vec::<String>::new());
    assert!(std::fs::metadata(&recording).unwrap().len() > 2 << 20);
    assert!(!stage.home.exists(), "the demo does not touch the home of whoever runs it");
}

#[test]
fn an_interrupted_demo_cleans_up() {
    let stage = Person::homeless();
    let temporary = stage.root.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = stage.start_in(&temporary, &["demo", "--size", "2MiB"]);
    demo.wait_for("step");
    demo.signal(Signal::INT);
    assert_eq!(demo.end().code(), Some(6));
    assert_eq!(names(&temporary), Vec::<String>::new());
    let processes = Command::new("ps").args(["-eo", "args"]).output().unwrap().stdout;
    assert!(!String::from_utf8_lossy(&processes).contains(temporary.to_str().unwrap()), "a process is left");
}
