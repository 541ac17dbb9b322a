//! Files from one process to another, whatever happens on the way.

use std::fs;

use serde_json::Value;

use crate::support::{Person, Process, acquainted, assert_same, names, text};
use crate::wire::SlowWire;

/// Large enough to be in the middle of it for a while on a slow wire.
const BYTES: usize = 12 << 20;

/// Waits until a part of a file has gone.
fn wait_for_the_middle(sending: &mut Process) {
    sending.wait_until(|event| event["event"] == "progress" && event["done"].as_u64().unwrap() > 2 << 20);
}

fn done(sending: &mut Process) -> Value {
    let done = sending.wait_for("file_done");
    assert!(sending.end().success());
    done
}

#[test]
fn files_arrive_whole_under_free_names() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (mut bob_up, address) = bob.up_receiving(&[]);
    alice.add(&bob.card(&address));
    bob.add(&alice.run(&["id"]).stdout);
    fs::create_dir_all(&bob.received).unwrap();
    fs::write(bob.received.join("report.pdf"), b"bob's own").unwrap();
    for (bytes, name) in [(300_000, "report (1).pdf"), (300_000, "report (2).pdf"), (0, "report (3).pdf")] {
        let path = alice.file("report.pdf", bytes);
        let sent = alice.run(&["--json", "send", text(&path), "bob"]);
        sent.well();
        let done = sent.events().into_iter().find(|event| event["event"] == "file_done").unwrap();
        assert_eq!(done["stored_as"], name);
        let received = bob_up.wait_for("file_done");
        assert_eq!((&received["sha256"], &received["stored_as"]), (&done["sha256"], &name.into()));
        assert_eq!(received["file"]["member"], "alice");
        assert_same(&path, &bob.received.join(name));
    }
    assert_eq!(fs::read(bob.received.join("report.pdf")).unwrap(), b"bob's own");
    assert_eq!(names(&bob.received).len(), 4, "no unfinished file stays behind");
}

#[test]
fn a_killed_receiver_goes_on_where_it_was() {
    let wire = SlowWire::new();
    let (alice, bob) = acquainted(&wire.address);
    let path = alice.file("big.bin", BYTES);
    let (bob_up, address) = bob.up_receiving(&[]);
    wire.lead_to(&address);
    let (_alice_up, _) = alice.up(&[]);

    let mut sending = alice.start(&["send", text(&path), "bob"]);
    wait_for_the_middle(&mut sending);
    bob_up.kill();
    sending.wait_for("file_interrupted");
    assert!(
        names(&bob.received).iter().all(|name| name.starts_with('.')),
        "nothing has its name before it is whole"
    );
    let (_bob_up, address) = bob.up_receiving(&[]);
    wire.lead_to(&address);
    let done = done(&mut sending);
    assert!(done["resumed_bytes"].as_u64().unwrap() > 1 << 20, "{done}");
    assert_same(&path, &bob.received.join("big.bin"));
    assert_eq!(names(&bob.received), ["big.bin"]);
}

#[test]
fn a_killed_sender_goes_on_where_it_was_unless_the_file_changed() {
    let wire = SlowWire::new();
    let (alice, bob) = acquainted(&wire.address);
    let (_bob_up, address) = bob.up_receiving(&["--addresses", &wire.address]);
    wire.lead_to(&address);
    for changed in [false, true] {
        let path = alice.file("big.bin", BYTES);
        let mut sending = alice.start(&["send", text(&path), "bob"]);
        wait_for_the_middle(&mut sending);
        sending.kill();
        if changed {
            let mut content = fs::read(&path).unwrap();
            content[0] ^= 1;
            fs::write(&path, content).unwrap();
        }
        let mut again = alice.start(&["send", text(&path), "bob"]);
        let done = done(&mut again);
        let resumed = done["resumed_bytes"].as_u64().unwrap();
        assert_eq!(resumed == 0, changed, "{done}");
        assert_same(&path, &bob.received.join(done["stored_as"].as_str().unwrap()));
    }
    assert_eq!(names(&bob.received), ["big (1).bin", "big.bin"]);
}

#[test]
fn an_interrupted_sender_says_how_to_go_on() {
    let wire = SlowWire::new();
    let (alice, bob) = acquainted(&wire.address);
    let (mut bob_up, address) = bob.up_receiving(&[]);
    wire.lead_to(&address);
    let path = alice.file("big.bin", BYTES);
    let mut sending = alice.start(&["send", text(&path), "bob"]);
    wait_for_the_middle(&mut sending);
    sending.signal(rustix::process::Signal::INT);
    assert_eq!(sending.end().code(), Some(6));
    let failed = sending.seen.last().unwrap();
    assert_eq!((&failed["event"], &failed["kind"]), (&"failed".into(), &"interrupted".into()));
    assert!(failed["advice"][0].as_str().unwrap().contains("same command again"), "{failed}");
    let stopped = bob_up.wait_for("file_stopped");
    assert_eq!(stopped["reason"], "the sender gave up");
    assert!(stopped["done"].as_u64().unwrap() > 1 << 20, "{stopped}");
}

#[test]
fn refusals_are_typed_on_both_sides() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (bob_up, address) = bob.up(&[]);
    alice.add(&bob.card(&address));
    bob.add(&alice.run(&["id"]).stdout);
    let path = alice.file("note.txt", 200_000);
    alice.run(&["send", text(&path), "bob"]).failed(4, &["not receiving files", "--receive"]);
    drop(bob_up);

    let (_bob_up, address) = bob.up_receiving(&["--max-file", "100KiB", "--max-member", "150KiB"]);
    alice.add(&bob.card(&address));
    alice.run(&["send", text(&path), "bob"]).failed(4, &["files up to 100 KiB"]);
    let small = alice.file("small.txt", 100_000);
    alice.run(&["send", text(&small), "bob"]).well();
    let refused = alice.run(&["--json", "send", text(&small), "bob"]);
    refused.failed(4, &["150 KiB in all from one member"]);
    assert_eq!(refused.events().last().unwrap()["kind"], "refused");
    assert_eq!(names(&bob.received), ["small.txt"]);

    alice.run(&["send", "/no/such/file", "bob"]).failed(7, &["no such file"]);
    alice.run(&["send", text(alice.root.path()), "bob"]).failed(2, &["is not a file"]);
    alice.run(&["send", text(&small), "carol"]).failed(2, &["no member `carol`"]);
}
