//! JSON in, JSON out, and the service that every node has.

use std::time::Duration;

use node::{Allow, AskError, CallError, ConnectError, Echo, Inbox, Message, Request, Schema, ServiceOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{PATIENCE, till};
use crate::support::{Pair, Person, host};

/// A service of several questions.
#[derive(Serialize, Deserialize)]
enum Shop {
    Price(Request<String, u64>),
    Buy { goods: Vec<String>, bill: node::ReplyTo<Bill> },
    Forget(node::ReplyTo<u64>),
    Hold(node::ReplyTo<u64>),
}

#[derive(Serialize, Deserialize)]
struct Bill {
    total: u64,
    of: Vec<String>,
}

impl Message for Shop {
    const SCHEMA: Schema = Schema::new("tests.shop/1");
}

async fn shop(mut inbox: Inbox<Shop>) {
    let mut held = Vec::new();
    while let Some(message) = inbox.recv().await {
        match message {
            Shop::Price(Request { body, reply }) => reply.send(body.len() as u64),
            Shop::Buy { goods, bill } => bill.send(Bill { total: goods.len() as u64, of: goods }),
            Shop::Forget(reply) => drop(reply),
            Shop::Hold(reply) => held.push(reply),
        }
    }
}

async fn pair() -> Pair {
    let pair = Pair::memory().await;
    let options = ServiceOptions::default().self_describing();
    pair.bob.serve_with("shop", Allow::Members, options, shop).unwrap();
    pair.bob.serve("till", Allow::Members, till).unwrap();
    let nobody = Allow::only::<[u8; 32]>([]);
    pair.bob.serve_with("vault", nobody, options, shop).unwrap();
    pair
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("inside"), |inner, _| json!([inner]))
}

#[tokio::test(start_paused = true)]
async fn an_echo_gives_back_any_json() {
    let pair = pair().await;
    for input in [
        json!("$reply"),
        json!(["$reply", "$reply"]),
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0.1),
        json!(-0.0),
        json!(1e300),
        json!(f64::MIN_POSITIVE),
        json!(f64::MAX),
        json!(1.0),
        json!(""),
        json!("\u{0}\u{1f}\u{7f}\"\\/\n"),
        json!("e\u{301} \u{202e}abc\u{202c} \u{feff}\u{ffff}\u{10ffff} 🦀\u{200d}"),
        json!({"": "", "\u{0}": "\u{0}", "$": "$reply", "body": 1, "reply": 2}),
        json!([[], {}, [[]], {"a": {"b": [1, 2.5, "three", null]}}]),
        json!("ab".repeat(500_000)),
        nested(50),
    ] {
        for node in [&pair.alice, &pair.bob] {
            let output = node.call(pair.bob.identity(), Echo::SERVICE, &input, PATIENCE).await;
            assert_eq!(output.as_ref(), Ok(&input));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_beyond_json_s_own_stay_what_they_were_read_as() {
    let pair = pair().await;
    let input: Value = serde_json::from_str("[18446744073709551616, -9223372036854775809, 1e400]")
        .unwrap_or_else(|_| serde_json::from_str("[18446744073709551616, -9223372036854775809]").unwrap());
    let output = pair.alice.call(pair.bob.identity(), "echo", &input, PATIENCE).await;
    assert_eq!(output, Ok(input));
}

#[tokio::test(start_paused = true)]
async fn the_reply_stands_where_the_service_wants_it() {
    let pair = pair().await;
    let call = |input: Value| async {
        let input = input;
        pair.alice.call_whole(pair.bob.identity(), "shop", &input, PATIENCE).await
    };
    let price = call(json!({"Price": {"body": "bread", "reply": "$reply"}})).await;
    assert_eq!(price, Ok(json!(5)));
    let bill = call(json!({"Buy": {"goods": ["bread", "salt"], "bill": "$reply"}})).await;
    assert_eq!(bill, Ok(json!({"total": 2, "of": ["bread", "salt"]})));
    let astray = call(json!({"Buy": {"goods": ["$reply"], "bill": 7}})).await;
    assert_eq!(astray, Err(CallError::Ask(AskError::Malformed)));
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_told() {
    let pair = pair().await;
    let bob = pair.bob.identity();
    let call = |service: &'static str, input: Value| {
        let alice = pair.alice.clone();
        async move { alice.call_whole(bob, service, &input, PATIENCE).await.unwrap_err() }
    };
    use node::LookupError as Service;
    assert_eq!(call("nothing", json!(1)).await, CallError::Service(Service::NoSuchService));
    assert_eq!(call("", json!(1)).await, CallError::Service(Service::BadName));
    assert_eq!(call("vault", json!(1)).await, CallError::Service(Service::NotAllowed));
    assert_eq!(call("till", json!(1)).await, CallError::Service(Service::NotSelfDescribing));
    let no_number = json!({"Price": {"body": 1, "reply": "$reply"}});
    assert_eq!(call("shop", no_number).await, CallError::Ask(AskError::Malformed));
    assert_eq!(call("shop", json!({"Forget": "$reply"})).await, CallError::Ask(AskError::NoReply));
    let start = Instant::now();
    let error = call("shop", json!({"Hold": "$reply"})).await;
    assert_eq!((error.clone(), start.elapsed()), (CallError::Ask(AskError::TimedOut), PATIENCE));
    assert!(error.is_retryable() && error.maybe_delivered());
    let call = |service: &'static str, input: Value| {
        let alice = pair.alice.clone();
        async move { alice.call(bob, service, &input, PATIENCE).await.unwrap_err() }
    };
    let error = call("echo", nested(100)).await;
    assert_eq!(error, CallError::Ask(AskError::Malformed), "the far side reads no deeper than 64");
    let error = call("echo", nested(1_000)).await;
    assert!(matches!(error, CallError::Ask(AskError::Send(node::ActorSendError::Encode(_)))), "{error:?}");
    assert!(!error.is_retryable() && !error.maybe_delivered());
    let error = call("echo", json!("a".repeat(2 << 20))).await;
    assert!(matches!(error, CallError::Ask(AskError::Send(node::ActorSendError::Encode(_)))), "{error:?}");
    let stranger = Person::new(9).identity();
    let error = pair.alice.call(stranger, "echo", &json!(1), PATIENCE).await.unwrap_err();
    assert_eq!(error, CallError::Connect(ConnectError::UnknownMember));
    pair.alice.add_member(&Person::new(8).card(host(8))).unwrap();
    let error = pair.alice.call(Person::new(8).identity(), "echo", &json!(1), PATIENCE).await.unwrap_err();
    assert_eq!(error, CallError::Connect(ConnectError::Refused));
    assert!(error.is_retryable() && !error.maybe_delivered());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_call_holds_for_connecting_too() {
    let network = node::MemoryNetwork::new();
    let pair = Pair::memory_with(&network, node::Limits::default()).await;
    network.set_reachable(host(2).ip(), false);
    let start = Instant::now();
    let patience = Duration::from_secs(1);
    let error = pair.alice.call(pair.bob.identity(), "echo", &json!(1), patience).await.unwrap_err();
    assert_eq!((error, start.elapsed()), (CallError::Ask(AskError::TimedOut), patience));
}

#[tokio::test(start_paused = true)]
async fn a_node_without_echo_has_none() {
    let network = node::MemoryNetwork::new();
    let (alice, bob) = (Person::new(1), Person::new(2));
    let a = alice.start(&network, host(1), node::Limits::default(), &[(&bob, 2)]).await;
    let b = bob.builder().echo(false).memory(&network).listen(host(2)).spawn().await.unwrap();
    b.add_member(&alice.card(host(1))).unwrap();
    assert!(a.services(bob.identity()).await.unwrap().is_empty());
    let echo = b.services(alice.identity()).await.unwrap().remove(0);
    assert_eq!((echo.name.as_str(), &*echo.schema), ("echo", "conclave.echo/1"));
    let typed = b.service::<Echo>(alice.identity(), Echo::SERVICE).await.unwrap();
    let answer = typed.ask(|reply| Echo(Request::new(json!("hello"), reply)), PATIENCE).await;
    assert_eq!(answer, Ok(json!("hello")));
}
