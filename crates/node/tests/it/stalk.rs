//! Connections, row by row of what stalk's document asks for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use membership::{Card, NetAddress};
use node::stalk::{Closed, Connection, Stalk};
use node::{
    ActorSendError, AskError, CallError, ConnectError, Ended, Limits, LookupError, MemoryNetwork, Message,
    Schema,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::support::{PATIENCE, Person, host, loopback, noise};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pack(u32, Vec<u8>);

impl Message for Pack {
    const SCHEMA: Schema = Schema::new("tests.pack/1");
}

#[derive(Debug, Serialize, Deserialize)]
struct Other(String);

impl Message for Other {
    const SCHEMA: Schema = Schema::new("tests.other/1");
}

fn net(address: impl ToString) -> NetAddress {
    NetAddress::new(address.to_string()).unwrap()
}

struct Ends {
    listener: Stalk,
    caller: Stalk,
    address: NetAddress,
    accepted: mpsc::Receiver<Connection<Pack>>,
}

impl Ends {
    async fn tcp() -> Self {
        Self::start(None, Limits::default()).await
    }

    async fn memory(network: &MemoryNetwork) -> Self {
        Self::start(Some(network), Limits::default()).await
    }

    async fn start(network: Option<&MemoryNetwork>, limits: Limits) -> Self {
        let (alice, bob) = (Person::new(1), Person::new(2));
        let builder = |person: &Person| {
            let builder = person.builder().limits(limits.clone());
            network.map_or_else(|| person.builder().limits(limits.clone()), |network| builder.memory(network))
        };
        let (sender, accepted) = mpsc::channel(100);
        let at = network.map_or_else(loopback, |_| host(2));
        let listener = Stalk::listen(builder(&bob), at, move |connection| {
            sender.try_send(connection).unwrap();
        });
        let listener = listener.await.unwrap();
        let address = net(listener.node().local_addresses()[0]);
        // The caller listens nowhere; in memory its host is still its own.
        let caller = match network {
            Some(_) => builder(&alice).listen(host(1)),
            None => builder(&alice),
        };
        let caller = Stalk::start(caller).await.unwrap();
        let card =
            |person: &Person| Card::new(vec![person.record.clone()], person.door(), vec![], None).unwrap();
        listener.node().add_member(&card(&alice)).unwrap();
        caller.node().add_member(&card(&bob)).unwrap();
        Self { listener, caller, address, accepted }
    }

    async fn connect(&mut self) -> (Connection<Pack>, Connection<Pack>) {
        let connection = self.caller.connect(&self.address, self.listener.node().identity()).await.unwrap();
        (connection, self.accepted.recv().await.unwrap())
    }
}

/// S2-01, S2-02, S2-11: structured messages in both directions, as many as were sent, as they were sent.
async fn conversation(mut ends: Ends) {
    let (mut here, mut there) = ends.connect().await;
    let packs = |seed: u32| {
        (0..200_u32).map(move |number| {
            let length = [0, 1, 100, 70_000][number as usize % 4];
            Pack(number, noise(length, u64::from(number ^ seed)).to_vec())
        })
    };
    let talk = async |connection: &mut Connection<Pack>, own: u32, far: u32| {
        let speaker = connection.speaker();
        let sending = async {
            for pack in packs(own) {
                speaker.send(pack).await.unwrap();
            }
        };
        let receiving = async {
            for pack in packs(far) {
                assert_eq!(connection.recv().await, Ok(pack));
            }
        };
        tokio::join!(sending, receiving);
    };
    tokio::join!(talk(&mut here, 1 << 20, 1 << 21), talk(&mut there, 1 << 21, 1 << 20));
    drop(here);
    assert_eq!(there.recv().await, Err(Closed::ByPeer), "and no more than that");
    assert_eq!(there.recv().await, Err(Closed::ByPeer), "always the same");
}

#[tokio::test]
async fn a_conversation_over_tcp() {
    conversation(Ends::tcp().await).await;
}

#[tokio::test(start_paused = true)]
async fn a_conversation_in_memory() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(30));
    conversation(Ends::memory(&network).await).await;
}

#[tokio::test]
async fn s2_05_a_listener_accepts_many_and_stops() {
    let mut ends = Ends::tcp().await;
    let mut connections = Vec::new();
    for number in 0..50 {
        let (here, there) = ends.connect().await;
        here.send(Pack(number, vec![])).await.unwrap();
        connections.push((here, there));
    }
    for (number, (_, there)) in (0..).zip(&mut connections) {
        assert_eq!(there.recv().await, Ok(Pack(number, vec![])));
    }
    tokio::time::timeout(PATIENCE, ends.listener.shutdown()).await.unwrap();
    for (here, _) in &mut connections {
        assert!(matches!(here.recv().await, Err(Closed::Ended(_) | Closed::ByPeer)));
    }
    let again = ends.caller.connect::<Pack>(&ends.address, ends.listener.node().identity()).await;
    assert!(matches!(again, Err(CallError::Connect(ConnectError::Refused))), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn s2_06_nothing_is_lost_before_the_callback_is_set() {
    let mut ends = Ends::memory(&MemoryNetwork::new()).await;
    let connection = ends.caller.connect(&ends.address, ends.listener.node().identity()).await.unwrap();
    for number in 0..100 {
        connection.send(Pack(number, vec![])).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let there = ends.accepted.recv().await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&heard);
    let speaker = there.on_message(move |Pack(number, _)| into.lock().unwrap().push(number));
    connection.send(Pack(100, vec![])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*heard.lock().unwrap(), (0..=100).collect::<Vec<_>>());
    let mut connection = connection;
    speaker.send(Pack(7, vec![])).await.unwrap();
    assert_eq!(connection.recv().await, Ok(Pack(7, vec![])));
}

#[tokio::test(start_paused = true)]
async fn s2_07_whoever_is_not_the_one_expected_gets_nothing() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let ends = Ends::memory(&network).await;
    let carol = Person::new(3);
    // Carol is said to be where Bob listens.
    let card = Card::new(vec![carol.record.clone()], carol.door(), vec![], None).unwrap();
    ends.caller.node().add_member(&card).unwrap();
    let refused = ends.caller.connect::<Pack>(&ends.address, carol.identity()).await.unwrap_err();
    assert_eq!(refused, CallError::Connect(ConnectError::NoAnswer));
    assert!(ends.caller.node().sessions().is_empty());
    // A handshake's first flight has one size; nothing else left.
    let sent = network.recordings().iter().map(|recording| recording.bytes.len()).sum::<usize>();
    assert!(sent < 8 * 1024, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn s2_09_each_failure_has_its_name() {
    let network = MemoryNetwork::new();
    let mut ends = Ends::memory(&network).await;
    let bob = ends.listener.node().identity();
    let stranger = ends.caller.connect::<Pack>(&ends.address, Person::new(9).identity()).await.unwrap_err();
    assert_eq!(stranger, CallError::Connect(ConnectError::UnknownMember));
    let wrong = ends.caller.connect::<Other>(&ends.address, bob).await.unwrap_err();
    assert_eq!(wrong, CallError::Ask(AskError::Malformed));
    let (mut here, there) = ends.connect().await;
    ends.caller.node().add_member(&Person::new(4).card(host(4))).unwrap();
    let _silent = Person::new(4).start(&network, host(4), Limits::default(), &[(&Person::new(1), 1)]).await;
    let deaf = ends.caller.connect::<Pack>(&net(host(4)), Person::new(4).identity()).await.unwrap_err();
    assert_eq!(deaf, CallError::Service(LookupError::NoSuchService));
    drop(there);
    assert_eq!(here.recv().await, Err(Closed::ByPeer));
    assert_eq!(here.send(Pack(1, vec![])).await, Err(ActorSendError::Ended(Ended::Finished)));
    let (here, _there) = ends.connect().await;
    let large = here.send(Pack(1, vec![0; 3 << 20])).await;
    assert!(matches!(large, Err(ActorSendError::Encode(_))), "{large:?}");
    ends.caller.shutdown().await;
    let over = here.send(Pack(1, vec![])).await;
    assert!(matches!(over, Err(ActorSendError::Ended(Ended::Shutdown))), "{over:?}");
}

#[tokio::test(start_paused = true)]
async fn s2_09_a_peer_that_vanishes_is_noticed() {
    let network = MemoryNetwork::new();
    let mut ends = Ends::memory(&network).await;
    let (mut here, _there) = ends.connect().await;
    let waiting = tokio::spawn(async move { here.recv().await });
    // Waiting keeps the session, however long nobody says anything.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(ends.caller.node().sessions().len(), 1);
    network.set_reachable(host(2).ip(), false);
    let closed = tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    assert!(matches!(closed, Err(Closed::Ended(Ended::Unreachable(_)))), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn s2_11_a_loss_is_told_and_never_skipped() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(10));
    let mut ends = Ends::memory(&network).await;
    let (here, mut there) = ends.connect().await;
    here.send(Pack(0, vec![])).await.unwrap();
    assert_eq!(there.recv().await, Ok(Pack(0, vec![])));
    // Accepted, and lost with the session.
    here.send(Pack(1, vec![])).await.unwrap();
    network.cut(host(2).ip());
    tokio::time::sleep(Duration::from_millis(100)).await;
    here.send(Pack(2, vec![])).await.unwrap();
    assert_eq!(there.recv().await, Err(Closed::Lost));
    let mut here = here;
    assert!(here.recv().await.is_err(), "and the other end hears that it is over");
}

#[tokio::test(start_paused = true)]
async fn s2_10_a_slow_reader_stops_the_sender() {
    let mut ends = Ends::memory(&MemoryNetwork::new()).await;
    let (here, mut there) = ends.connect().await;
    let accepted = Arc::new(Mutex::new(0_u32));
    let count = Arc::clone(&accepted);
    let sending = tokio::spawn(async move {
        for number in 0..1_000 {
            here.send(Pack(number, vec![0; 10_000])).await.unwrap();
            *count.lock().unwrap() += 1;
        }
        here.flush().await.unwrap();
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    let held = *accepted.lock().unwrap();
    assert!((10..300).contains(&held), "{held} messages of 10 kB are held for nobody");
    for number in 0..1_000 {
        assert_eq!(there.recv().await.unwrap().0, number);
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn s2_12_a_message_leaves_without_a_flush_and_a_flush_ends() {
    let mut ends = Ends::tcp().await;
    let (here, mut there) = ends.connect().await;
    for number in 0..100 {
        here.send(Pack(number, vec![])).await.unwrap();
        let message = tokio::time::timeout(PATIENCE, there.recv()).await;
        assert_eq!(message.unwrap(), Ok(Pack(number, vec![])));
    }
    for number in 0..100 {
        here.send(Pack(number, vec![1; 1_000])).await.unwrap();
    }
    tokio::time::timeout(PATIENCE, here.flush()).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn s2_13_a_connection_says_who_is_there_and_no_secrets() {
    let mut ends = Ends::memory(&MemoryNetwork::new()).await;
    let (here, there) = ends.connect().await;
    assert_eq!(here.peer(), ends.listener.node().identity());
    assert_eq!(there.peer(), ends.caller.node().identity());
    assert_eq!(there.speaker().peer(), there.peer());
    let shown = format!("{here:?} {:?} {:?}", ends.caller, here.speaker());
    assert!(shown.len() < 600 && shown.contains("Connection"), "{shown}");
}
