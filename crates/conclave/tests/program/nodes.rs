//! Nodes that run, and commands that go through them or do without.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Person, acquainted};

#[test]
fn two_processes_recognize_each_other_and_ping_both_ways() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (mut alice_up, _) = alice.up(&[]);
    let (mut bob_up, _) = bob.up(&[]);
    // The cards take the addresses from the running nodes, and the members come in through the socket.
    alice.add(&bob.run(&["id"]).stdout);
    bob.add(&alice.run(&["id"]).stdout);
    let pinged = alice.run(&["ping", "bob", "--json"]);
    pinged.well();
    assert_eq!(
        (&pinged.events()[0]["event"], &pinged.events()[0]["member"]),
        (&"pong".into(), &"bob".into())
    );
    assert_eq!(alice_up.wait_for("connected")["member"], "bob");
    assert_eq!(bob_up.wait_for("connected")["member"], "alice");
    assert!(bob.run(&["ping", "alice"]).stdout.starts_with("alice: ping 1 back after "));

    alice.run(&["member", "remove", "bob"]).well();
    bob_up.wait_for("disconnected");
    alice.run(&["ping", "bob"]).failed(2, &["no member `bob`"]);
}

#[test]
fn who_comes_and_goes_is_told_and_why() {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (mut alice_up, address) = alice.up(&[]);
    bob.add(&alice.card(&address));
    alice.add(&bob.run(&["id"]).stdout);
    let (bob_up, _) = bob.up(&[]);
    bob.run(&["ping", "alice"]).well();
    alice_up.wait_for("connected");
    bob_up.kill();
    let gone = alice_up.wait_for("disconnected");
    assert!(gone["cause"].as_str().unwrap().contains("lost"), "{gone}");
    assert!(gone["advice"].as_str().unwrap().contains("dialed again"), "{gone}");

    let (mut bob_up, _) = bob.up(&[]);
    bob.run(&["ping", "alice"]).well();
    assert_eq!(alice_up.wait_for("restarted")["member"], "bob");
    alice_up.wait_for("connected");
    bob_up.signal(Signal::TERM);
    assert!(bob_up.end().success());
    let gone = alice_up.wait_for("disconnected");
    assert!(gone["cause"].as_str().unwrap().contains("closed by the peer"), "{gone}");
    assert_eq!(gone["advice"], Value::Null, "what explains itself has no advice: {gone}");
}

#[test]
fn the_socket_is_private_and_goes_with_the_node() {
    let alice = Person::named("alice");
    let socket = alice.home.join("up.sock");
    let (mut up, _) = alice.up(&[]);
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    alice.run(&["up", "--no-listen"]).failed(8, &["a node runs in this home already"]);

    up.signal(Signal::TERM);
    assert!(up.end().success());
    assert_eq!(up.seen.last().unwrap()["event"], "down");
    assert!(!socket.exists());

    let (up, _) = alice.up(&[]);
    up.kill();
    assert!(socket.exists(), "a killed node leaves its socket behind");
    assert_eq!(alice.run(&["ping", "nobody"]).code, Some(2), "and nobody mistakes it for a node");
    let (mut up, _) = alice.up(&[]);
    up.close_stdin();
    assert!(up.end().success());
}

#[test]
fn only_one_process_uses_a_home() {
    let (alice, _bob) = acquainted("127.0.0.1:9");
    let lock = fs::File::open(alice.home.join("lock")).unwrap();
    lock.lock().unwrap();
    let refused = alice.run(&["ping", "bob", "--json"]);
    refused.failed(8, &["another process is using", "wait until it is done"]);
    assert_eq!(refused.events()[0]["kind"], "home_locked");
    // Who is a member stands in the store, which one process has at a time; what is public of the keys does not.
    alice.run(&["member", "list"]).failed(8, &["another process is using"]);
    alice.run(&["id"]).well();
    drop(lock);
    alice.run(&["member", "list"]).well();
    assert_eq!(alice.run(&["ping", "bob"]).code, Some(3));
}

#[test]
fn nobody_there_is_told_with_advice_and_remembered() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (alice, _bob) = acquainted(&address);
    alice.run(&["ping", "bob"]).failed(3, &["nothing listens", "this means", "what to do", "conclave up"]);
    let why = alice.run(&["why", "bob", "--json"]);
    why.well();
    let causes = why.events();
    assert!(
        causes.iter().all(|cause| cause["event"] == "cause" && cause["age_seconds"].as_u64().unwrap() < 60)
    );
    assert!(causes.iter().any(|cause| cause["what"].as_str().unwrap().contains(&address)), "{causes:#?}");
    assert!(
        causes.iter().any(|cause| cause["advice"].as_str().unwrap().contains("nothing listens")),
        "{causes:#?}"
    );

    let carol = Person::named("carol");
    alice.add(&carol.run(&["id"]).stdout);
    alice.run(&["ping", "carol"]).failed(3, &["no address of carol", "--addresses"]);
    assert!(alice.run(&["why", "carol"]).stdout.contains("no address"));
}

#[test]
fn a_port_that_is_taken_is_told() {
    let alice = Person::named("alice");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    alice.run(&["up", "--listen", &address]).failed(7, &["cannot listen on", "--listen"]);
    assert!(!alice.home.join("up.sock").exists());
}
