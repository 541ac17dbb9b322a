//! A parlor on a home of its own, without a node.

use membership::Petname;

use super::super::super::command::now;
use super::super::super::home::{Founding, Roster, draw_identity};
use super::*;

const BOB: IdentityKey = IdentityKey([7; 32]);
const CAROL: IdentityKey = IdentityKey([8; 32]);

struct House {
    _root: tempfile::TempDir,
    home: Home,
    parlor: Parlor,
    events: mpsc::Receiver<Event>,
}

fn house() -> House {
    let root = tempfile::tempdir().unwrap();
    let home = Home::create(&root.path().join("home")).unwrap();
    let lock = home.lock().unwrap();
    let founding = Founding { petname: Some(Petname::new("alice").unwrap()), passphrase: None };
    let keys = home.found(&lock, &draw_identity().unwrap(), &founding, now().unwrap()).unwrap();
    let roster = SharedRoster::new(Roster::new(keys.identity, node::Kept::default(), now().unwrap()));
    let (sender, events) = mpsc::channel(8);
    House { parlor: Parlor::new(home.clone(), roster, sender), home, events, _root: root }
}

fn saying(text: &str) -> Saying {
    Saying { text: text.into() }
}

fn texts(events: &[Event]) -> Vec<(Speaker, &str, bool)> {
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::ChatKept { speaker, text, delivered, .. } => {
                lines.push((*speaker, text.as_str(), *delivered));
            }
            other => panic!("{other:?}"),
        }
    }
    lines
}

#[tokio::test]
async fn a_line_goes_to_the_open_conversation_and_otherwise_to_the_node() {
    let mut house = house();
    house.parlor.heard(BOB, saying("early")).await;
    assert!(matches!(house.events.try_recv(), Ok(Event::Heard { text, .. }) if text == "early"));

    let mut first = house.parlor.open(BOB, 10).await.unwrap();
    assert_eq!(texts(&first.earlier), [(Speaker::Them, "early", true)]);
    let mut second = house.parlor.open(BOB, 0).await.unwrap();
    assert_eq!(second.earlier, []);
    house.parlor.heard(BOB, saying("hello")).await;
    for window in [&mut first, &mut second] {
        assert!(matches!(window.heard.try_recv(), Ok(Event::Heard { text, .. }) if text == "hello"));
    }
    assert!(house.events.try_recv().is_err());
    house.parlor.heard(CAROL, saying("not for bob's window")).await;
    assert!(first.heard.try_recv().is_err());
    assert!(matches!(house.events.try_recv(), Ok(Event::Heard { .. })));

    drop((first, second));
    house.parlor.heard(BOB, saying("late")).await;
    assert!(matches!(house.events.try_recv(), Ok(Event::Heard { text, .. }) if text == "late"));
    assert!(!house.parlor.open.lock().await.contains_key(&BOB));
}

#[tokio::test]
async fn what_was_said_is_kept_with_what_became_of_it() {
    let house = house();
    let say = |number, text: &str| Say { number, text: text.into() };
    let told = house.parlor.said(BOB, "bob", say(1, "one"), Ok(())).await;
    assert_eq!(told, Event::Delivered { member: "bob".into(), number: 1, text: "one".into() });
    let failure = Failure::new(Kind::NoAnswer, "silence");
    let told = house.parlor.said(BOB, "bob", say(2, "two"), Err(failure.clone())).await;
    assert_eq!(told, Event::Undelivered { member: "bob".into(), number: 2, text: "two".into(), failure });
    let window = house.parlor.open(BOB, 10).await.unwrap();
    assert_eq!(texts(&window.earlier), [(Speaker::Us, "one", true), (Speaker::Us, "two", false)]);
}

#[tokio::test]
async fn a_window_that_does_not_read_holds_up_nobody() {
    let mut house = house();
    let _window = house.parlor.open(BOB, 0).await.unwrap();
    for _ in 0..QUEUE_HEARD {
        house.parlor.heard(BOB, saying("x")).await;
    }
    assert!(house.events.try_recv().is_err());
    house.parlor.heard(BOB, saying("told by the node")).await;
    assert!(matches!(house.events.try_recv(), Ok(Event::Heard { text, .. }) if text == "told by the node"));
}

#[tokio::test]
async fn a_disk_that_refuses_is_told_and_the_line_still_arrives() {
    let mut house = house();
    std::fs::write(house.home.folder().join("chats"), b"in the way").unwrap();
    house.parlor.heard(BOB, saying("hello")).await;
    assert!(matches!(house.events.try_recv(), Ok(Event::Notice { .. })));
    assert!(matches!(house.events.try_recv(), Ok(Event::Heard { .. })));
}
