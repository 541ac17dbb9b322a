//! Who may use what.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use node::{ActorSendError, Address, Allow, AskError, LookupError, ServiceError};

use super::{PATIENCE, Sale, Till, till};
use crate::support::{Pair, Person};

#[tokio::test(start_paused = true)]
async fn who_may_use_a_service_is_asked_for_every_message() {
    let pair = Pair::memory().await;
    let open = Arc::new(AtomicBool::new(true));
    let is_open = Arc::clone(&open);
    let alice = *pair.alice.identity().as_bytes();
    let allow = Allow::when(move |node| node.member == alice && is_open.load(Ordering::Acquire));
    pair.bob.serve("till", allow, till).unwrap();
    let till: Address<Till> = pair.alice.service(pair.bob.identity(), "till").await.unwrap();
    till.send_confirmed(Till::Put(1)).await.unwrap();
    open.store(false, Ordering::Release);
    assert_eq!(till.send_confirmed(Till::Put(10)).await, Err(ActorSendError::NotAllowed));
    assert_eq!(till.ask(Till::Sum, PATIENCE).await, Err(AskError::NotAllowed));
    let found = pair.alice.service::<Till>(pair.bob.identity(), "till").await;
    assert_eq!(found.unwrap_err(), ServiceError::Service(LookupError::NotAllowed));
    open.store(true, Ordering::Release);
    assert_eq!(till.ask(Till::Sum, PATIENCE).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn only_those_who_may_use_a_service_find_it() {
    let pair = Pair::memory().await;
    let bob = pair.bob.identity();
    let only = |person: &Person| Allow::only([*person.identity().as_bytes()]);
    pair.bob.serve("for alice", only(&Person::new(1)), till).unwrap();
    pair.bob.serve("for carol", only(&Person::new(3)), till).unwrap();
    pair.bob.serve("for members", Allow::Members, till).unwrap();
    let names = async |node: &node::Node| {
        let services = node.services(bob).await.unwrap();
        services.iter().map(|service| service.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&pair.alice).await, ["echo", "for alice", "for members"]);
    assert_eq!(names(&pair.bob).await, ["echo", "for alice", "for carol", "for members"]);
    assert!(pair.alice.service::<Till>(bob, "for alice").await.is_ok());
    let refused = pair.alice.service::<Till>(bob, "for carol").await.unwrap_err();
    assert_eq!(refused, ServiceError::Service(LookupError::NotAllowed));
    assert!(pair.bob.withdraw("for members"));
    assert_eq!(names(&pair.alice).await, ["echo", "for alice"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_of_another_schema_is_told_by_type() {
    let pair = Pair::memory().await;
    pair.bob.serve("till", Allow::Members, till).unwrap();
    for node in [&pair.alice, &pair.bob] {
        let error = node.service::<Sale>(pair.bob.identity(), "till").await.unwrap_err();
        let (expected, found) = ("shop.sale/1".into(), "shop.till/1".into());
        assert_eq!(error, ServiceError::Service(LookupError::WrongSchema { expected, found }));
        let error = node.service::<Till>(pair.bob.identity(), "safe").await.unwrap_err();
        assert_eq!(error, ServiceError::Service(LookupError::NoSuchService));
    }
}
