//! Three people with empty homes: a ticket, an introduction, a revocation.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{PATIENCE, Person, Process};

/// Somebody whose node runs, and the first of them has an identity.
fn founder(name: &str) -> (Person, Process) {
    let person = Person::named(name);
    let (up, _) = person.up(&[]);
    (person, up)
}

/// Issues a ticket.
fn invite(person: &Person, more: &[&str]) -> String {
    let invited = person.run(&[&["invite"], more].concat());
    invited.well();
    assert_eq!(invited.stdout.lines().count(), 1, "one line and nothing else: {invited:#?}");
    invited.stdout
}

/// Comes in from an empty home.
fn newcomer(name: &str, ticket: &str) -> Person {
    let person = Person::homeless();
    person.run_with(&["join", "--no-passphrase", "--name", name], ticket).well();
    person
}

fn line_of(person: &Person, name: &str) -> Option<Value> {
    person.run(&["members", "--json"]).events().into_iter().find(|line| line["name"] == name)
}

#[track_caller]
fn soon(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn from_empty_homes_a_member_invites_introduces_and_revokes() {
    let (alice, _alice_up) = founder("alice");
    let bob = newcomer("bob", &invite(&alice, &["--expires", "10m"]));
    let (mut bob_up, _) = bob.up(&[]);
    let carol = newcomer("carol", &invite(&alice, &[]));
    let (mut carol_up, _) = carol.up(&[]);
    // Each has called on alice, and told her where they are.
    bob_up.wait_for("connected");
    carol_up.wait_for("connected");
    soon("alice knows where they are", || {
        ["bob", "carol"]
            .iter()
            .all(|name| line_of(&alice, name).is_some_and(|line| line["addresses"] != Value::Array(vec![])))
    });

    bob.run(&["ping", "carol"]).failed(2, &["no member `carol`"]);
    let introduced = alice.run(&["introduce", "bob", "carol", "--json"]);
    introduced.well();
    assert_eq!(introduced.events()[0]["event"], "introduced");
    assert_eq!(introduced.events()[0]["told"], serde_json::json!(["bob", "carol"]));
    soon("bob hears of carol", || line_of(&bob, "carol").is_some());
    soon("carol hears of bob", || line_of(&carol, "bob").is_some());
    let told = line_of(&bob, "carol").unwrap();
    assert_eq!(
        (&told["by"], &told["distance"], &told["relation"]),
        (&"alice".into(), &2.into(), &"peer".into())
    );
    soon("bob knows where carol is", || bob.run(&["ping", "carol"]).code == Some(0));
    carol.run(&["ping", "bob"]).well();

    let would = alice.run(&["revoke", "carol", "--dry-run", "--json"]).events();
    assert_eq!(would.len(), 1, "{would:#?}");
    assert_eq!((&would[0]["name"], &would[0]["after"]), (&"carol".into(), &"revoked".into()));
    assert_eq!(line_of(&alice, "carol").unwrap()["standing"], "member", "a dry run changes nothing");

    alice.run(&["revoke", "carol"]).well();
    let ended = bob_up.wait_until(|event| event["event"] == "disconnected" && event["member"] == "carol");
    assert_ne!(ended["cause"], "idle", "told at once, not left until nobody used the session any more");
    assert_eq!(line_of(&bob, "carol").unwrap()["by"], "alice");
    carol.run(&["ping", "bob"]).failed(3, &["no answer"]);
    bob.run_with(&["member", "add", "-"], &carol.run(&["id"]).stdout).failed(4, &["alice has revoked carol"]);
    let ticket = invite(&alice, &[]);
    carol.run_with(&["join"], &ticket).failed(3, &["no answer from alice", "silence"]);

    let undone = alice.run(&["revoke", "carol", "--undo", "--json"]).events();
    assert_eq!((&undone[0]["event"], &undone[0]["standing"]), (&"readmitted".into(), &"member".into()));
}

#[test]
fn a_ticket_opens_for_whom_and_as_often_as_it_says() {
    let (alice, _up) = founder("alice");
    let (bob, carol) = (Person::named("bob"), Person::named("carol"));
    let whoami = bob.run(&["whoami", "--json"]).events();
    let identity = whoami[0]["identity"].as_str().unwrap();
    let bound = invite(&alice, &["--for", identity]);
    carol.run_with(&["join"], &bound).failed(2, &["for somebody else", "whoami"]);
    bob.run_with(&["join", "-"], &bound).well();
    let by_card = invite(&alice, &["--for", carol.run(&["id"]).stdout.trim()]);
    bob.run_with(&["join", "-"], &by_card).failed(2, &["for somebody else"]);

    let twice = invite(&alice, &["--uses", "2", "--client", "--depth", "0"]);
    let (dave, erin, frank) = (newcomer("dave", &twice), newcomer("erin", &twice), Person::homeless());
    for name in ["dave", "erin"] {
        let line = line_of(&alice, name).unwrap();
        assert_eq!((&line["relation"], &line["depth"]), (&"client".into(), &0.into()), "{line}");
    }
    frank
        .run_with(&["join", "--no-passphrase"], &twice)
        .failed(3, &["no answer from alice", "silence", "conclave invite"]);
    assert!(alice.run(&["why"]).stdout.contains("ticket"), "the issuer is told which it was");
    for person in [&dave, &erin] {
        person.run_with(&["join"], &twice).well();
    }
    assert_eq!(line_of(&alice, "frank"), None);
}

#[test]
fn wrong_tickets_are_told_without_repeating_them() {
    let (alice, _up) = founder("alice");
    let bob = Person::homeless();
    let ticket = invite(&alice, &[]);
    let ticket = ticket.trim();
    let changed = ticket.replacen('q', "p", 1);
    for wrong in
        ["", "hello", &ticket[..ticket.len() - 1], &changed, &ticket[9..80], &alice.card("192.0.2.1:1")]
    {
        let refused = bob.run_with(&["join", "--json"], wrong);
        refused.failed(2, &["this is no ticket"]);
        assert_eq!(refused.events()[0]["kind"], "bad_ticket");
        assert!(wrong.len() < 20 || !refused.stderr.contains(&wrong[..20]), "{refused:#?}");
    }
    assert!(!bob.home.exists(), "nothing is made for what is no ticket");
    alice.run_with(&["join"], ticket).failed(2, &["ticket of your own"]);

    let short = invite(&alice, &["--expires", "1s"]);
    std::thread::sleep(Duration::from_millis(2_100));
    bob.run_with(&["join", "--no-passphrase"], &short).failed(2, &["has expired"]);
    // In capitals, as a QR code holds it, and as an argument.
    bob.run(&["join", "--no-passphrase", &ticket.to_uppercase()]).well();
}

#[test]
fn an_invitation_says_what_it_allows_and_what_is_missing() {
    let alice = Person::named("alice");
    let alone = alice.run(&["invite", "--uses", "3", "--json"]);
    alone.well();
    let events = alone.events();
    let ticket = events.iter().find(|event| event["event"] == "ticket").unwrap();
    assert_eq!(
        (&ticket["uses"], &ticket["depth"], &ticket["relation"]),
        (&3.into(), &1.into(), &"peer".into())
    );
    assert!(ticket["uri"].as_str().unwrap().starts_with("conclave:ticket1"));
    assert_eq!((ticket.get("qr"), ticket.get("bound")), (None, None));
    let notices: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "notice")
        .map(|event| event["what"].as_str().unwrap())
        .collect();
    assert!(notices.iter().any(|what| what.contains("nobody answers")), "{notices:?}");
    assert!(notices.iter().any(|what| what.contains("no address")), "{notices:?}");

    let (_up, _) = alice.up(&["--addresses", "alice.example:4433"]);
    let drawn = alice.run(&["invite", "--qr"]);
    drawn.well();
    assert!(
        drawn.stdout.contains('█') && drawn.stdout.lines().last().unwrap().starts_with("conclave:ticket1")
    );
    assert!(!drawn.stderr.contains("warning"), "{}", drawn.stderr);
    assert!(drawn.stderr.contains("within 10m") && drawn.stderr.contains("once"), "{}", drawn.stderr);
    let status = alice.run(&["status", "--json"]).events();
    assert_eq!((&status[0]["running"], &status[0]["open_tickets"]), (&true.into(), &2.into()));
    assert_eq!(status[0]["addresses"], serde_json::json!(["alice.example:4433"]));
    let warned: Vec<&Value> = status.iter().filter(|line| line["event"] == "expires").collect();
    assert_eq!(warned.len(), 2, "tickets end soon, and nothing else does: {warned:#?}");
    for wrong in
        [&["invite", "--expires", "soon"][..], &["invite", "--uses", "0"], &["invite", "--for", "nobody"]]
    {
        assert_eq!(alice.run(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn tickets_outlive_a_restart_and_stand_in_no_log_and_no_command_line() {
    let (alice, up) = founder("alice");
    let ticket = invite(&alice, &["-vv"]);
    let ticket = ticket.trim();
    let parsed: membership::Ticket = ticket.parse().unwrap();
    up.kill();
    let port = parsed.card.addresses()[0].to_string();
    let up = alice.start(&["-vv", "up", "--until-stdin-ends", "--listen", &port]);
    let bob = Person::homeless();
    let mut joining = bob.command(&["-vv", "join", "--no-passphrase", "-"]);
    let mut child = joining
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let processes = Command::new("ps").args(["-eo", "args"]).output().unwrap().stdout;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), ticket.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let secret: String = parsed.secret.dangerous_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    for text in [&ticket[..40], &secret, &ticket[40..80]] {
        assert!(!said.contains(text) && !String::from_utf8_lossy(&processes).contains(text));
    }
    assert_eq!(alice.run(&["tickets"]).stdout, "", "a used ticket is forgotten");
    drop(up);
    for name in crate::support::names(&alice.home) {
        let mode = std::fs::metadata(alice.home.join(&name)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_ticket_is_listed_and_withdrawn_with_a_node_and_without() {
    let alice = Person::named("alice");
    assert!(alice.run(&["tickets"]).stderr.contains("no ticket is open"));
    let (up, address) = alice.up(&[]);
    let (kept, gone) =
        (invite(&alice, &["--expires", "2h", "--uses", "3"]), invite(&alice, &["--expires", "1h"]));
    let listed = alice.run(&["tickets", "--json"]).events();
    assert_eq!(listed.len(), 2, "{listed:#?}");
    let parsed: membership::Ticket = gone.trim().parse().unwrap();
    let id: String = parsed.id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&listed[0]["ticket_id"], &listed[0]["uses"]), (&id.as_str().into(), &1.into()));
    assert_eq!((&listed[1]["uses"], &listed[1]["relation"]), (&3.into(), &"peer".into()));
    let secret: String = parsed.secret.dangerous_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = alice.run(&["-vv", "tickets"]);
    assert!(shown.stdout.contains("3 times") && !shown.stdout.contains(&secret), "{shown:#?}");

    let withdrawn = alice.run(&["tickets", "--withdraw", &id[..8], "--json"]);
    withdrawn.well();
    assert_eq!(
        withdrawn.events(),
        [serde_json::json!({"version": 1, "event": "ticket_withdrawn", "ticket_id": id})]
    );
    let bob = Person::homeless();
    bob.run_with(&["join", "--no-passphrase"], &gone).failed(3, &["silence"]);
    assert!(alice.run(&["why"]).stdout.contains("ticket"));
    alice.run(&["tickets", "--withdraw", &id]).failed(2, &["no ticket of that id is open"]);
    for wrong in ["", "12", "xyzw", "-", &kept[..30]] {
        alice.run(&["tickets", &format!("--withdraw={wrong}")]).failed(2, &["no id of a ticket"]);
    }
    drop(up);

    let left = alice.run(&["tickets", "--json"]).events();
    assert_eq!(left.len(), 1, "withdrawn for good: {left:#?}");
    let id = left[0]["ticket_id"].as_str().unwrap();
    alice.run(&["tickets", "--withdraw", &id.to_uppercase()]).well();
    let (_up, _) = alice.up(&["--addresses", &address]);
    assert!(alice.run(&["tickets"]).stdout.is_empty());
    assert_eq!(alice.run(&["tickets", "--withdraw"]).code, Some(2));
}

#[test]
fn a_lost_device_is_revoked_and_this_one_is_not() {
    let alice = Person::named("alice");
    let whoami = alice.run(&["whoami", "--json"]).events();
    let device = whoami[0]["device"].as_str().unwrap();
    alice.run(&["revoke", "--device", device]).failed(2, &["device of this home itself"]);
    alice.run(&["revoke", "--device", "1234"]).failed(2, &["no device id", "whoami"]);
    let other = "00112233445566778899aabbccddeeff";
    let revoked = alice.run(&["revoke", "--device", other, "--json"]);
    revoked.well();
    assert_eq!(
        revoked.events()[0],
        serde_json::json!({"version": 1, "event": "device_revoked", "device": other})
    );
    for wrong in [&["revoke"][..], &["revoke", "bob", "--device", other], &["introduce", "bob"]] {
        assert_eq!(alice.run(wrong).code, Some(2), "{wrong:?}");
    }
    alice.run(&["revoke", "nobody", "--dry-run"]).failed(2, &["no member `nobody`"]);
}
