//! The two sides of the socket against each other, and the server against whoever else connects.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use tokio::io::AsyncWriteExt;

use super::super::super::event::MemberLine;
use super::super::client::{self, Running};
use super::*;

/// No single thing that these tests wait for takes longer, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts to the number of pings, waits for its caller to leave on `why`, repeats what is said in a chat, fails on
/// everything else.
#[derive(Clone)]
struct Counting {
    left: Arc<Semaphore>,
}

impl Perform for Counting {
    async fn perform(&self, request: Request, caller: Caller) -> Result<(), Failure> {
        let Caller { events, mut said, mut stop } = caller;
        match request {
            Request::Chat { member, .. } => {
                while let Some(Say { number, text }) = said.recv().await {
                    events.send(Event::Delivered { member: member.clone(), number, text }).await.unwrap();
                }
                self.left.add_permits(1);
                Ok(())
            }
            Request::Ping { member, count } => {
                for sequence in 1..=count {
                    let pong = Event::Pong { member: member.clone(), sequence, micros: 1 };
                    events.send(pong).await.unwrap();
                }
                Ok(())
            }
            Request::Why { .. } => {
                drop(said);
                stop.wait_for(|stop| *stop).await.unwrap();
                self.left.add_permits(1);
                Ok(())
            }
            _ => Err(Failure::new(Kind::UnknownMember, "who?").advice("ask somebody else")),
        }
    }
}

struct Served {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    left: Arc<Semaphore>,
}

fn start() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("up.sock");
    let left = Arc::new(Semaphore::new(0));
    tokio::spawn(serve(bind(&socket).unwrap(), Counting { left: Arc::clone(&left) }));
    Served { _folder: folder, socket, left }
}

async fn connected(served: &Served) -> Running {
    client::connect(&served.socket).await.unwrap().unwrap()
}

#[tokio::test]
async fn events_come_in_order_and_then_the_end() {
    let served = start();
    assert_eq!(fs::metadata(&served.socket).unwrap().mode() & 0o777, 0o600);
    let mut running = connected(&served).await;
    running.ask(Request::Ping { member: "bob".into(), count: 200 }).await.unwrap();
    for expected in 1..=200 {
        let Some(Event::Pong { sequence, .. }) = running.next().await.unwrap() else { panic!("no pong") };
        assert_eq!(sequence, expected);
    }
    assert_eq!(running.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_failure_arrives_whole() {
    let served = start();
    let mut running = connected(&served).await;
    running.ask(Request::RemoveMember { name: "x".into() }).await.unwrap();
    let failure = running.next().await.unwrap_err();
    assert_eq!((failure.kind, failure.advice.len()), (Kind::UnknownMember, 1));
}

#[tokio::test]
async fn work_nobody_waits_for_is_told_to_stop() {
    let served = start();
    let mut running = connected(&served).await;
    running.ask(Request::Why { member: None }).await.unwrap();
    drop(running);
    timeout(PATIENCE, served.left.acquire()).await.unwrap().unwrap().forget();
}

#[tokio::test]
async fn one_that_leaves_politely_hears_the_end() {
    let served = start();
    let mut running = connected(&served).await;
    running.ask(Request::Why { member: None }).await.unwrap();
    running.leave().await;
    assert_eq!(running.next().await.unwrap(), None);
}

#[tokio::test]
async fn who_says_something_to_nobody_is_taken_to_have_left() {
    let served = start();
    let mut running = connected(&served).await;
    running.ask(Request::Why { member: None }).await.unwrap();
    running.say(&Say { number: 1, text: "hello".into() }).await.unwrap();
    assert_eq!(running.next().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_said_before_leaving_is_still_carried_out() {
    let served = start();
    let mut running = connected(&served).await;
    running.ask(Request::Chat { member: "bob".into(), last: 0 }).await.unwrap();
    let said = |number| Say { number, text: "\u{1b}\n\u{202e}".repeat(100) };
    for number in 1..=100 {
        running.say(&said(number)).await.unwrap();
    }
    running.leave().await;
    for number in 1..=100 {
        let text = said(number).text;
        let delivered = Event::Delivered { member: "bob".into(), number, text };
        assert_eq!(running.next().await.unwrap(), Some(delivered));
    }
    assert_eq!(running.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_conversation_whose_command_was_killed_or_says_garbage_ends() {
    let served = start();
    let mut running = connected(&served).await;
    running.ask(Request::Chat { member: "bob".into(), last: 0 }).await.unwrap();
    drop(running);
    let mut stream = UnixStream::connect(&served.socket).await.unwrap();
    stream
        .write_all(b"{\"version\":1,\"request\":\"chat\",\"member\":\"bob\",\"last\":0}\nhello\n")
        .await
        .unwrap();
    timeout(PATIENCE, served.left.acquire_many(2)).await.unwrap().unwrap().forget();
}

#[tokio::test]
async fn garbage_gets_a_typed_answer_and_harms_nobody_else() {
    let served = start();
    for (line, kind) in [
        ("\n", Kind::Usage),
        ("{}\n", Kind::Usage),
        ("{\"version\":2,\"request\":\"ping\"}\n", Kind::Usage),
        ("{\"version\":1,\"request\":\"fly\"}\n", Kind::Usage),
    ] {
        let mut stream = UnixStream::connect(&served.socket).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        let answer = Lines::new(BufReader::new(stream)).next().await.unwrap().unwrap();
        let answer: super::super::super::event::Line = serde_json::from_slice(&answer).unwrap();
        let Event::Failed(failure) = answer.event else { panic!("{answer:?}") };
        assert_eq!(failure.kind, kind);
    }
    // One that says nothing does not keep the next one waiting.
    let _silent = UnixStream::connect(&served.socket).await.unwrap();
    events_come_in_order_on(&served).await;
}

async fn events_come_in_order_on(served: &Served) {
    let mut running = connected(served).await;
    running.ask(Request::Ping { member: "bob".into(), count: 1 }).await.unwrap();
    assert!(running.next().await.unwrap().is_some());
}

#[tokio::test]
async fn no_socket_and_a_dead_one_mean_that_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("up.sock");
    assert!(client::connect(&socket).await.unwrap().is_none());
    drop(bind(&socket).unwrap());
    assert!(socket.exists());
    assert!(client::connect(&socket).await.unwrap().is_none());
    // A new server takes the place of the dead one.
    let listener = bind(&socket).unwrap();
    tokio::spawn(serve(listener, Counting { left: Arc::new(Semaphore::new(0)) }));
    assert!(client::connect(&socket).await.unwrap().is_some());
}

#[tokio::test]
async fn events_of_a_newer_node_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("up.sock");
    let listener = bind(&socket).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let line = Event::Joined(MemberLine {
            name: "bob".into(),
            member_id: "m".into(),
            identity: "i".into(),
            addresses: vec![],
            expires: 1,
        });
        for line in [r#"{"version":1,"event":"danced"}"#.to_owned(), line.to_json(), "nonsense".to_owned()] {
            write_line(&mut stream, &line).await.unwrap();
        }
    });
    let mut running = client::connect(&socket).await.unwrap().unwrap();
    assert!(matches!(running.next().await.unwrap(), Some(Event::Joined(_))));
    assert_eq!(running.next().await.unwrap_err().kind, Kind::Interrupted);
}
