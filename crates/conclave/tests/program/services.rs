//! Services of members, asked by a command: those of a real `conclave up`, and those of a node that the test runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conclave::{
    Allow, Card, Device, DeviceKey, Door, Identity, Inbox, Message, Node, Petname, Record, ReplyTo, Request,
    Schema, ServiceOptions, UnixSeconds,
};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::{PATIENCE, Person, Process};

#[derive(Serialize, Deserialize)]
enum Shop {
    Price(Request<String, u64>),
    Forget(ReplyTo<u64>),
    Hold(ReplyTo<u64>),
    Break(ReplyTo<u64>),
    Letters { count: usize, reply: ReplyTo<String> },
}

impl Message for Shop {
    const SCHEMA: Schema = Schema::new("tests.shop/1");
}

async fn shop(inbox: Inbox<Shop>) {
    shop_that_counts(inbox, Arc::default()).await;
}

/// Counts the questions that it holds.
async fn shop_that_counts(mut inbox: Inbox<Shop>, count: Arc<AtomicUsize>) {
    let mut held = Vec::new();
    while let Some(message) = inbox.recv().await {
        match message {
            Shop::Price(Request { body, reply }) => reply.send(body.len() as u64),
            Shop::Forget(reply) => drop(reply),
            Shop::Hold(reply) => {
                held.push(reply);
                count.store(held.len(), Ordering::Release);
            }
            Shop::Break(_) => return,
            Shop::Letters { count, reply } => reply.send("x".repeat(count)),
        }
    }
}

/// A node of the test's own process, with services that the program does not have.
struct Town {
    node: Node,
    /// The questions that its shop holds.
    held: Arc<AtomicUsize>,
    runtime: Runtime,
}

impl Town {
    /// Opens shops, and is a member of `person`'s home under the name `town`.
    fn near(person: &Person) -> Town {
        let runtime = Runtime::new().unwrap();
        let mut rng = rand::rng();
        let (identity, door) = (Identity::generate(&mut rng), Door::generate(&mut rng));
        let key = DeviceKey::generate(&mut rng).unwrap();
        let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).unwrap();
        let device = Device::new(key, record.clone()).unwrap();
        let builder =
            Node::builder().device(device).door(door.clone()).listen("127.0.0.1:0".parse().unwrap());
        let node = runtime.block_on(builder.spawn()).unwrap();
        let address = node.local_addresses()[0].to_string().parse().unwrap();
        let name = Petname::new("town").unwrap();
        let card = Card::new(vec![record], door, vec![address], Some(name)).unwrap();
        person.add(&card.to_text().unwrap());
        let card = person.run(&["id", "--addresses", "127.0.0.1:9"]).stdout;
        node.add_member(&card.trim().parse::<Card>().unwrap()).unwrap();
        let json = ServiceOptions::default().self_describing();
        let held = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&held);
        node.serve_with("shop", Allow::Members, json, |inbox| shop_that_counts(inbox, count)).unwrap();
        node.serve_with("vault", Allow::only::<[u8; 32]>([]), json, shop).unwrap();
        node.serve("till", Allow::Members, shop).unwrap();
        Town { node, held, runtime }
    }
}

fn neighbours() -> (Person, Person, Process, Process) {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    let (bob_up, address) = bob.up(&[]);
    alice.add(&bob.card(&address));
    bob.add(&alice.run(&["id"]).stdout);
    let (alice_up, _) = alice.up(&[]);
    (alice, bob, alice_up, bob_up)
}

#[test]
fn every_node_answers_with_an_echo() {
    let (alice, bob, alice_up, _bob_up) = neighbours();
    let question = json!({"text": "ü\u{1b}", "numbers": [0.1, u64::MAX, -1, null], "deep": {"er": []}});
    let text = question.to_string();
    let ask = |person: &Person, member: &str| {
        let answer = person.run(&["call", member, "echo", &text]);
        answer.well();
        assert_eq!(serde_json::from_str::<Value>(&answer.stdout).unwrap(), question);
    };
    ask(&alice, "bob");
    ask(&bob, "alice");
    drop(alice_up);
    ask(&alice, "bob");
    assert_eq!(alice.run_with(&["call", "bob", "echo", "-"], &text).stdout.trim(), text);
    assert_eq!(alice.run(&["call", "bob", "echo"]).stdout, "null\n");
    let answer = &alice.run(&["--json", "call", "bob", "echo", "7"]).events()[0];
    let expected = json!({"version": 1, "event": "answer", "member": "bob", "service": "echo", "output": 7});
    assert_eq!(answer, &expected);
    let long = json!("x".repeat(500_000)).to_string();
    assert_eq!(alice.run_with(&["call", "bob", "echo", "-"], &long).stdout.trim(), long);
}

#[test]
fn services_are_listed_as_far_as_one_may_use_them() {
    let (alice, _bob, _alice_up, _bob_up) = neighbours();
    let listed = alice.run(&["services", "bob"]);
    listed.well();
    assert_eq!(listed.stdout, "chat\tconclave.chat/1\tcbor\necho\tconclave.echo/1\tcbor\n");
    let _town = Town::near(&alice);
    let names: Vec<Value> = alice
        .run(&["--json", "services", "town"])
        .events()
        .iter()
        .map(|event| event["name"].clone())
        .collect();
    assert_eq!(names, ["echo", "shop", "till"], "the vault is for others");
}

#[test]
fn a_message_of_any_shape_is_asked() {
    let alice = Person::named("alice");
    let _town = Town::near(&alice);
    let ask = |input: &str| {
        let asked = alice.run(&["call", "town", "shop", "--whole", input]);
        asked.well();
        asked.stdout
    };
    assert_eq!(ask(r#"{"Price": {"body": "bread", "reply": "$reply"}}"#), "5\n");
    assert_eq!(ask(r#"{"Letters": {"count": 3, "reply": "$reply"}}"#), "\"xxx\"\n");
}

#[test]
fn each_way_in_which_a_call_fails_has_its_code_and_its_words() {
    let alice = Person::named("alice");
    let _town = Town::near(&alice);
    let (_up, _) = alice.up(&[]);
    // The one that never comes is waited for briefly, the others as long as a busy machine may need.
    let call = |service: &str, input: &str| alice.run(&["call", "town", service, "--whole", input]);
    let call_briefly = |service: &str, input: &str| {
        alice.run(&["call", "town", service, "--whole", input, "--timeout", "2"])
    };
    call("nothing", "1").failed(4, &["town offers no service `nothing`", "conclave services town"]);
    call("vault", "1").failed(4, &["`vault` of town is not for you"]);
    call("till", "1").failed(4, &["cannot be called with JSON", "Rust", "cbor"]);
    alice.run(&["call", "town", "shop", "1"]).failed(4, &["makes nothing of what it was asked", "--whole"]);
    call("shop", r#"{"Price": {"body": 1, "reply": "$reply"}}"#).failed(4, &["makes nothing"]);
    call("shop", r#"{"Forget": "$reply"}"#).failed(4, &["`shop` of town gave no answer", "dropped"]);
    call_briefly("shop", r#"{"Hold": "$reply"}"#).failed(5, &["did not answer in time", "may have arrived"]);
    call("shop", r#"{"Letters": {"count": 700000, "reply": "$reply"}}"#).failed(4, &["700002 bytes"]);
    call("shop", r#"{"Letters": {"count": 3000000, "reply": "$reply"}}"#).failed(4, &["gave no answer"]);
    call("", "1").failed(2, &["no service can be called ``"]);
    call("a\u{1b}[2J", "1").failed(2, &["no service can be called `a\u{fffd}[2J`"]);
    call("shop", "{").failed(2, &["no JSON", "quote it"]);
    let deep = format!("{}1{}", "[".repeat(90), "]".repeat(90));
    alice.run(&["call", "town", "shop", &deep]).failed(4, &["nests too deep"]);
    alice.run(&["call", "town", "shop", "1", "--timeout", "0"]).failed(2, &["--timeout"]);
    alice.run(&["chat", "town"]).well();
    alice.run_with(&["chat", "town"], "hello\n").failed(4, &["town offers no service `chat`"]);
    call("shop", r#"{"Break": "$reply"}"#).failed(4, &["gave no answer"]);
    call("shop", r#"{"Hold": "$reply"}"#).failed(4, &["town offers no service `shop`"]);
}

#[test]
fn a_process_that_goes_away_in_the_middle_is_told() {
    let alice = Person::named("alice");
    let town = Town::near(&alice);
    let (_up, _) = alice.up(&[]);
    let mut call = alice.start(&["call", "town", "shop", "--whole", r#"{"Hold": "$reply"}"#]);
    let deadline = Instant::now() + PATIENCE;
    while town.held.load(Ordering::Acquire) == 0 {
        assert!(Instant::now() < deadline, "the question does not arrive");
        std::thread::sleep(Duration::from_millis(10));
    }
    town.runtime.block_on(town.node.shutdown());
    let failed = call.wait_for("failed");
    // It goes in good order: its actor ends, and drops the question.
    assert!(failed["what"].as_str().unwrap().contains("gave no answer"), "{failed}");
    assert_eq!(call.end().code(), Some(4));
}

#[test]
fn nobody_waits_longer_than_they_say() {
    let (alice, _bob, _alice_up, bob_up) = neighbours();
    alice.run(&["ping", "bob"]).well();
    bob_up.signal(Signal::STOP);
    let call = alice.run(&["call", "bob", "echo", "1", "--timeout", "1"]);
    call.failed(5, &["`echo` of bob did not answer in time", "conclave ping bob"]);
    let mut call = alice.start(&["call", "bob", "echo", "1"]);
    call.wait_until_it_minds(Signal::INT);
    call.signal(Signal::INT);
    let failed = call.wait_for("failed");
    assert!(failed["what"].as_str().unwrap().contains("stopped waiting"), "{failed}");
    assert_eq!(call.end().code(), Some(6));
    bob_up.kill();
    let gone = alice.run(&["services", "bob"]);
    gone.failed(3, &["nothing listens at the addresses of bob"]);
}
