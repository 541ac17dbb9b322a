//! Coming in by a ticket, from nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use membership::{Card, DeviceKey, Identity, NetAddress, Record, Standing, Ticket, UnixSeconds};
use node::{
    ConnectError, Device, DirectoryConfig, Door, IdentityKey, Invitation, JoinError, MemoryNetwork, Node,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::host;

/// Somebody by a number, the same every time.
pub(crate) struct Persona {
    pub(crate) identity: Identity,
    pub(crate) key: DeviceKey,
    pub(crate) record: Record,
    pub(crate) door: Door,
}

impl Persona {
    pub(crate) fn new(number: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(number);
        let identity = Identity::generate(&mut rng);
        let key = DeviceKey::generate(&mut rng).unwrap();
        let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX).unwrap();
        Self { identity, key, record, door: Door::generate(&mut rng) }
    }

    /// A node whose members follow from vouchers.
    pub(crate) async fn start(self, network: &MemoryNetwork, at: SocketAddr) -> Node {
        self.start_with(DirectoryConfig::new, network, at).await
    }

    pub(crate) async fn start_with(
        self,
        config: impl FnOnce(Identity) -> DirectoryConfig,
        network: &MemoryNetwork,
        at: SocketAddr,
    ) -> Node {
        let Self { identity, key, record, door } = self;
        let builder = Node::builder().device(Device::new(key, record).unwrap()).door(door);
        builder.directory(config(identity)).memory(network).listen(at).spawn().await.unwrap()
    }
}

impl Persona {
    /// As [`start`](Self::start), with more to be said to the builder.
    pub(crate) async fn start_as(
        self,
        more: impl FnOnce(node::Builder) -> node::Builder,
        network: &MemoryNetwork,
        at: SocketAddr,
    ) -> Node {
        let Self { identity, key, record, door } = self;
        let builder = Node::builder().device(Device::new(key, record).unwrap()).door(door);
        let builder = builder.directory(DirectoryConfig::new(identity)).memory(network).listen(at);
        more(builder).spawn().await.unwrap()
    }
}

/// A node whose members follow from vouchers, at its own host.
pub(crate) async fn newcomer(network: &MemoryNetwork, number: u8) -> Node {
    Persona::new(number.into()).start(network, host(number)).await
}

pub(crate) fn is_member(node: &Node, member: IdentityKey) -> bool {
    matches!(node.standing(&member).unwrap(), Standing::Member { .. })
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_a_ticket_comes_in_once() {
    let network = MemoryNetwork::new();
    let (ann, bob, eve) =
        (newcomer(&network, 1).await, newcomer(&network, 2).await, newcomer(&network, 3).await);
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    let told: Ticket = ticket.to_uri().unwrap().parse().unwrap();
    bob.join(&told).await.unwrap();
    assert!(is_member(&ann, bob.identity()) && is_member(&bob, ann.identity()));
    bob.ping(ann.identity()).await.unwrap();
    ann.ping(bob.identity()).await.unwrap();

    let refused = eve.join(&told).await.unwrap_err();
    assert!(matches!(refused, JoinError::Connect(ConnectError::NoAnswer)), "{refused}");
    assert!(!is_member(&ann, eve.identity()), "a ticket for one");
    assert!(!is_member(&eve, ann.identity()), "a join that failed leaves nothing behind");
}

#[tokio::test(start_paused = true)]
async fn whoever_was_let_in_and_never_knew_comes_in_again_by_the_used_ticket() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    bob.join(&ticket).await.unwrap();
    bob.shutdown().await;
    drop(bob);
    // All that bob kept is his keys.
    let bob = newcomer(&network, 2).await;
    assert!(!is_member(&bob, ann.identity()));
    bob.join(&ticket).await.unwrap();
    assert!(is_member(&bob, ann.identity()));
}

#[tokio::test(start_paused = true)]
async fn whoever_dials_before_the_other_has_heard_of_them_need_not_dial_again() {
    let network = MemoryNetwork::new();
    let (ann, bob, carol) =
        (newcomer(&network, 1).await, newcomer(&network, 2).await, newcomer(&network, 3).await);
    bob.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    carol.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    ann.disconnect(bob.identity());
    // Carol hears of bob, and bob, who is away, not of carol.
    ann.introduce(bob.identity(), carol.identity()).await.unwrap();
    let heard = async || {
        while !is_member(&carol, bob.identity()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    heard().await;
    assert!(!is_member(&bob, carol.identity()));
    let first = tokio::time::Instant::now();
    let (dialed, _) = tokio::join!(carol.ping(bob.identity()), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        bob.connect(ann.identity()).await.unwrap();
    });
    dialed.unwrap();
    assert!(first.elapsed() < Duration::from_secs(3), "{:?}", first.elapsed());
}

#[tokio::test(start_paused = true)]
async fn of_many_who_race_for_a_ticket_one_comes_in() {
    let network = MemoryNetwork::new();
    let ann = newcomer(&network, 1).await;
    let ticket = Arc::new(ann.invite(Invitation::default()).await.unwrap());
    let mut races = Vec::new();
    for number in 2..32 {
        let (node, ticket) = (newcomer(&network, number).await, Arc::clone(&ticket));
        races.push(tokio::spawn(async move { node.join(&ticket).await.is_ok() }));
    }
    let mut winners = 0;
    for race in races {
        winners += usize::from(race.await.unwrap());
    }
    assert_eq!(winners, 1);
    assert_eq!(ann.settled().unwrap().members().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bound_ticket_is_for_one_and_stays_unconsumed() {
    let network = MemoryNetwork::new();
    let (ann, bob, eve) =
        (newcomer(&network, 1).await, newcomer(&network, 2).await, newcomer(&network, 3).await);
    let invitation = Invitation { bound: Some(bob.identity()), ..Invitation::default() };
    let ticket = ann.invite(invitation).await.unwrap();
    assert!(matches!(eve.join(&ticket).await, Err(JoinError::NotForYou)));
    let altered = Ticket { bound: None, ..ticket.clone() };
    assert!(matches!(eve.join(&altered).await, Err(JoinError::Connect(ConnectError::NoAnswer))));
    bob.join(&ticket).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_is_revoked_is_out_at_once_and_no_ticket_brings_them_back() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    bob.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    let mut events = bob.events();
    ann.revoke(bob.identity()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap();
    assert_eq!(ann.standing(&bob.identity()).unwrap(), Standing::Revoked { by: ann.identity() });
    assert!(ann.sessions().is_empty());
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    assert!(bob.join(&ticket).await.is_err());
    ann.readmit(bob.identity()).await.unwrap();
    bob.join(&ticket).await.unwrap();
}

/// Waits until something that others tell has arrived.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

#[tokio::test(start_paused = true)]
async fn those_whom_a_member_introduces_talk_directly_until_it_revokes_one() {
    let network = MemoryNetwork::new();
    let (ann, bob, carol) =
        (newcomer(&network, 1).await, newcomer(&network, 2).await, newcomer(&network, 3).await);
    for node in [&bob, &carol] {
        node.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    }
    let announced = |member: &Node| ann.directory().unwrap().announcement(&member.identity()).is_some();
    eventually("everybody announces themselves", || announced(&bob) && announced(&carol)).await;
    ann.introduce(bob.identity(), carol.identity()).await.unwrap();
    let knows = |node: &Node, other: &Node| {
        let members = node.members();
        members.get(&other.identity()).is_some_and(|member| member.door().is_some())
    };
    eventually("both are told", || knows(&bob, &carol) && knows(&carol, &bob)).await;
    bob.ping(carol.identity()).await.unwrap();
    assert_eq!(
        carol.standing(&bob.identity()).unwrap(),
        Standing::Member {
            by: ann.identity(),
            until: ann
                .directory()
                .unwrap()
                .voucher(&ann.identity(), &bob.identity())
                .unwrap()
                .grant()
                .expires
        }
    );

    ann.revoke(bob.identity()).await.unwrap();
    let is_out = || carol.standing(&bob.identity()).unwrap() == Standing::Revoked { by: ann.identity() };
    eventually("the revocation reaches Carol", is_out).await;
    assert!(carol.sessions().iter().all(|session| session.peer.identity != bob.identity()));
    assert!(bob.ping(carol.identity()).await.is_err());
    carol.ping(ann.identity()).await.unwrap();
    // Bob knew both doors.
    eventually("each hears of the other's new door", || {
        let door = |at: &Node, of: &Node| at.members().get(&of.identity()).unwrap().door().unwrap().clone();
        door(&carol, &ann) != Persona::new(1).door && door(&ann, &carol) != Persona::new(3).door
    })
    .await;
    ann.disconnect(carol.identity());
    tokio::time::sleep(Duration::from_secs(5)).await;
    carol.ping(ann.identity()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_door_is_stored_with_the_revocation_and_the_one_before_opens_for_a_while() {
    let network = MemoryNetwork::new();
    let stored = Arc::new(std::sync::Mutex::new(Vec::new()));
    let storage = Arc::clone(&stored);
    let keep = node::Keep::new(move |kept| {
        storage.lock().unwrap().push(kept.clone());
        Ok(())
    });
    let config = |signer| DirectoryConfig { keep: Some(keep), ..DirectoryConfig::new(signer) };
    let ann = Persona::new(1).start_with(config, &network, host(1)).await;
    let (bob, carol) = (newcomer(&network, 2).await, newcomer(&network, 3).await);
    for node in [&bob, &carol] {
        node.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    }
    carol.shutdown().await;
    let card = Persona::new(1);
    let writes = stored.lock().unwrap().len();
    ann.revoke(bob.identity()).await.unwrap();
    let since: Vec<_> = stored.lock().unwrap().split_off(writes);
    // News of bob's or carol's may have been written just before.
    let (with, before): (Vec<_>, Vec<_>) =
        since.into_iter().partition(|kept| kept.directory.revocations().next().is_some());
    let doors = with.first().unwrap().doors.clone().expect("in the very write that has the revocation");
    assert_ne!(doors.current.door, card.door);
    assert_eq!(doors.previous.first().map(|kept| kept.door.clone()), Some(card.door.clone()));
    assert!(before.iter().all(|kept| kept.doors.is_none()), "one transaction for all of it");

    // Somebody who was away comes with the old door, and a node that starts again listens behind both.
    let kept = with.into_iter().next().unwrap();
    ann.shutdown().await;
    drop(ann);
    let config = |signer| DirectoryConfig { kept, ..DirectoryConfig::new(signer) };
    let ann = Persona::new(1).start_with(config, &network, host(1)).await;
    let away = Persona::new(3).start(&network, host(4)).await;
    let address = NetAddress::new(host(1).to_string()).unwrap();
    let old = Card::new(vec![card.record], card.door, vec![address], None).unwrap();
    away.vouch_for(old, None).await.unwrap();
    away.ping(ann.identity()).await.unwrap();
    assert_eq!(
        ann.directory().unwrap().announcement(&ann.identity()).unwrap().facts().card.door(),
        &doors.current.door
    );
}

#[tokio::test(start_paused = true)]
async fn a_voucher_opens_the_services_it_names_and_no_others() {
    use membership::{Scope, ServiceName, Services};
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    let only = |names: &[&str]| Scope {
        services: Services::Only(names.iter().map(|name| ServiceName::new(*name).unwrap()).collect()),
        ..Scope::default()
    };
    let invitation = Invitation { scope: only(&["till"]), ..Invitation::default() };
    bob.join(&ann.invite(invitation).await.unwrap()).await.unwrap();
    assert!(bob.untyped_service(ann.identity(), "echo").await.is_err(), "not among the services");

    let mut grant =
        ann.directory().unwrap().voucher(&ann.identity(), &bob.identity()).unwrap().grant().clone();
    grant.scope = only(&["till", "echo"]);
    ann.vouch(bob.identity(), grant.clone()).await.unwrap();
    let echo = bob.service::<node::Echo>(ann.identity(), "echo").await.unwrap();
    let ask = || async {
        echo.ask(|reply| node::Echo(node::Request { body: 1.into(), reply }), Duration::from_secs(5)).await
    };
    ask().await.unwrap();
    grant.scope = only(&[]);
    ann.vouch(bob.identity(), grant).await.unwrap();
    assert!(ask().await.is_err(), "asked for every message, not once");
}

#[tokio::test(start_paused = true)]
async fn a_client_sends_no_more_than_its_class() {
    use membership::{Relation, Scope};
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    let scope = Scope { relation: Relation::Client, ..Scope::default() };
    bob.join(&ann.invite(Invitation { scope, ..Invitation::default() }).await.unwrap()).await.unwrap();
    let name = || node::StreamName::new("notes").unwrap();
    let (mut heard, mut answers) = (ann.receiver(name()).unwrap(), bob.receiver(name()).unwrap());
    let to_ann = bob.sender(ann.identity(), name(), node::StreamOptions::default());
    let to_bob = ann.sender(bob.identity(), name(), node::StreamOptions::default());
    to_ann.send(vec![1; 20_000]).await.unwrap();
    assert_eq!(heard.recv().await.unwrap().body.collect(u64::MAX).await.unwrap().len(), 20_000);
    to_bob.send(vec![1; 100_000]).await.unwrap();
    assert_eq!(answers.recv().await.unwrap().body.collect(u64::MAX).await.unwrap().len(), 100_000);
    assert!(to_bob.send(vec![1; 100_001]).await.is_err(), "refused before it leaves");
    // Bob takes Ann for a peer and may try; Ann keeps nothing of it.
    let _ = to_ann.send_confirmed(vec![1; 20_001]).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), heard.recv()).await.is_err(), "more than its class");
}

#[tokio::test(start_paused = true)]
async fn somebody_unverified_is_nobodys_member_until_pinned() {
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    let card = |node: &Node| {
        let directory = node.directory().unwrap();
        directory.announcement(&node.identity()).unwrap().facts().card.clone()
    };
    // Bob knows Ann, Ann does not know Bob.
    bob.vouch_for(card(&ann), None).await.unwrap();
    let name = node::StreamName::new("notes").unwrap();
    let mut heard = bob.receiver(name.clone()).unwrap();
    let mut unverified = ann.connect_unverified(&card(&bob)).await.unwrap();
    assert_eq!(unverified.identity(), bob.identity());
    unverified.ping().await.unwrap();
    unverified.send(&name, vec![7; 100]).await.unwrap();
    assert_eq!(heard.recv().await.unwrap().from, ann.identity());
    assert_eq!(ann.unverified_connections(), 1);
    assert!(ann.sessions().is_empty() && !is_member(&ann, bob.identity()), "in no table");
    assert!(ann.ping(bob.identity()).await.is_err(), "nothing authenticated takes it");
    unverified.pin(None).await.unwrap();
    assert!(is_member(&ann, bob.identity()));
    ann.ping(bob.identity()).await.unwrap();
    assert!(ann.connect_unverified(&card(&ann)).await.is_err());
}
