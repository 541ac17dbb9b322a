//! A ticket opens once or not at all: with a crash between reserving and consuming it, at the second of its expiry, with a
//! clock that was set back, and with a crowd that wants it.

use std::time::{Duration, Instant};

use membership::{Standing, Ticket, UnixSeconds};
use node::store::Store;
use node::{
    ConnectError, DirectoryConfig, Invitation, JoinError, Keep, Kept, MemoryNetwork, Node, StreamOptions,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::adversary::attacker::{Flight, dial, heard};
use crate::disk::{self, Disk, Event, apply, some_of};
use crate::join::{Persona, eventually, is_member, newcomer};
use crate::support::{PATIENCE, host, name, next};

/// The node number 1 with what a store holds.
async fn ann(network: &MemoryNetwork, store: &Store) -> Node {
    let persona = Persona::new(1);
    let own = persona.record.identity();
    let kept = Kept::load(store, &own).unwrap();
    let keep = Keep::in_store(store, own, kept.clone());
    let config = |signer| DirectoryConfig { kept, keep: Some(keep), ..DirectoryConfig::new(signer) };
    persona.start_with(config, network, host(1)).await
}

/// The image of a disk after each event from the mark on: with nothing of what was not synced, all of it, some of it.
fn crashes(disk: &Disk) -> Vec<Vec<u8>> {
    let (mut stable, mut unsynced, mut images, mut begun) =
        (Vec::new(), Vec::<Event>::new(), Vec::new(), false);
    for (point, event) in (0..).zip(disk.log()) {
        match event {
            Event::Mark(_) => begun = true,
            Event::Sync => unsynced.drain(..).for_each(|event| apply(&mut stable, &event)),
            event => unsynced.push(event),
        }
        if !begun {
            continue;
        }
        images.push(stable.clone());
        let mut rng = StdRng::seed_from_u64(point);
        for some in [unsynced.clone(), some_of(&unsynced, &mut rng), some_of(&unsynced, &mut rng)] {
            let mut image = stable.clone();
            some.iter().for_each(|event| apply(&mut image, event));
            images.push(image);
        }
    }
    images
}

/// Bob comes in by a ticket; the power fails at any moment of that.
#[tokio::test(start_paused = true)]
async fn after_a_crash_the_ticket_is_open_and_nobody_in_or_used_and_its_user_in() {
    let network = MemoryNetwork::new();
    let disk = Disk::new(1);
    let node = ann(&network, &disk.store().unwrap()).await;
    let bob = newcomer(&network, 2).await;
    let ticket = node.invite(Invitation::default()).await.unwrap();
    disk.mark(1);
    bob.join(&ticket).await.unwrap();
    let own = node.identity();
    drop(node);
    let images = crashes(&disk);
    let (mut open, mut used) = (Vec::new(), Vec::new());
    for image in images {
        let store = Disk::with_contents(image.clone(), 1).store().unwrap();
        let kept = Kept::load(&store, &own).unwrap();
        let is_in = kept.directory.voucher(&own, &bob.identity()).is_some();
        match kept.tickets.get(&ticket.id).map(|terms| terms.uses_left) {
            Some(1) if !is_in => open.push(image),
            None if is_in => used.push(image),
            left => panic!("uses left: {left:?}, Bob is in: {is_in}"),
        }
    }
    assert!(open.len() > 10 && used.len() > 2, "{} and {}", open.len(), used.len());

    // Whichever it is, one comes in by it in all, and nobody after that.
    bob.shutdown().await;
    let ends = [open.first(), open.last(), used.first(), used.last()];
    for (number, image) in (0..).zip(ends.into_iter().flatten()) {
        let network = MemoryNetwork::new();
        let disk = Disk::with_contents(image.clone(), 2);
        let node = ann(&network, &disk.store().unwrap()).await;
        let was_open = number < 2;
        let carol = newcomer(&network, 3).await;
        assert_eq!(carol.join(&ticket).await.is_ok(), was_open, "end {number}");
        assert_eq!(is_member(&node, bob.identity()), !was_open);
        let eve = newcomer(&network, 4).await;
        assert!(eve.join(&ticket).await.is_err());
        assert_eq!(node.settled().unwrap().members().count(), 1);
    }
}

/// Somebody has the answer and says nothing more; the process ends, and another begins.
#[tokio::test(start_paused = true)]
async fn a_reservation_ends_with_its_process() {
    let network = MemoryNetwork::new();
    let store = Store::in_memory().unwrap();
    let node = ann(&network, &store).await;
    let ticket = node.invite(Invitation::default()).await.unwrap();
    let eve = Persona::new(66);
    let mut stream = dial(&network, 66).await;
    stream.write_all(&Flight::with_ticket(&eve, &ticket).frames()).await.unwrap();
    let mut answer = [0; 1_000];
    stream.read_exact(&mut answer).await.unwrap();
    // It is hers for ten seconds, and nobody else's.
    let bob = newcomer(&network, 2).await;
    assert!(bob.join(&ticket).await.is_err(), "reserved");
    node.shutdown().await;
    drop(node);
    let node = ann(&network, &store).await;
    bob.join(&ticket).await.unwrap();
    assert!(is_member(&node, bob.identity()) && !is_member(&node, eve.record.identity()));
    assert!(newcomer(&network, 4).await.join(&ticket).await.is_err());
}

/// A disk that fails in the very moment of consuming: nobody is in, and the ticket is as it was.
#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_at_any_point_of_redeeming_leaves_one_or_the_other() {
    let operations = |disk: &Disk| disk.operations();
    let mut outcomes = [0; 2];
    for point in 1..24 {
        let network = MemoryNetwork::new();
        let disk = Disk::new(point);
        let node = ann(&network, &disk.store().unwrap()).await;
        let ticket = node.invite(Invitation::default()).await.unwrap();
        let bob = newcomer(&network, 2).await;
        disk.set_fault(Some(disk::Fault::Once(operations(&disk) + point)));
        let joined = bob.join(&ticket).await.is_ok();
        disk.set_fault(None);
        let is_in = is_member(&node, bob.identity());
        assert!(is_in || !joined, "point {point}: whoever came in is in");
        let again = newcomer(&network, 3).await.join(&ticket).await.is_ok();
        assert_eq!(again, !is_in, "point {point}: one in all");
        outcomes[usize::from(is_in)] += 1;
    }
    assert!(outcomes[0] > 3 && outcomes[1] > 3, "{outcomes:?}");
}

/// What Ann would have, had she seen a date that her clock does not show any more.
async fn ann_who_saw(network: &MemoryNetwork, seen: UnixSeconds, kept: Kept) -> Node {
    let kept = Kept { horizon: seen, ..kept };
    let config = |signer| DirectoryConfig { kept, ..DirectoryConfig::new(signer) };
    Persona::new(1).start_with(config, network, host(1)).await
}

/// The ticket, as whoever holds it would change it so as to try.
fn without_end(ticket: &Ticket) -> Ticket {
    Ticket { expires: UnixSeconds::MAX, ..ticket.clone() }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_revives_no_ticket_and_no_voucher() {
    let store = Store::in_memory().unwrap();
    let network = MemoryNetwork::new();
    let node = ann(&network, &store).await;
    let bob = newcomer(&network, 2).await;
    let invitation = Invitation { seconds: 600, membership_seconds: 900, ..Invitation::default() };
    bob.join(&node.invite(invitation.clone()).await.unwrap()).await.unwrap();
    let ticket = node.invite(invitation).await.unwrap();
    let kept = Kept::load(&store, &node.identity()).unwrap();
    let until = kept.directory.voucher(&node.identity(), &bob.identity()).unwrap().grant().expires;
    node.shutdown().await;
    drop(node);
    let second_after = |date: UnixSeconds| date.saturating_add(1);
    // The last date that was seen, and whether the ticket opens and Bob is in by it.
    let dates = [
        (ticket.expires, true, true),
        (second_after(ticket.expires), false, true),
        (until, false, true),
        (second_after(until), false, false),
    ];
    for (seen, opens, is_in) in dates {
        let network = MemoryNetwork::new();
        let node = ann_who_saw(&network, seen, kept.clone()).await;
        assert_eq!(is_member(&node, bob.identity()), is_in, "{seen:?}");
        if !is_in {
            assert_eq!(node.standing(&bob.identity()).unwrap(), Standing::Expired);
        }
        let carol = newcomer(&network, 3).await;
        let joined = carol.join(&without_end(&ticket)).await;
        assert_eq!(joined.is_ok(), opens, "{seen:?}");
        if opens {
            carol.ping(node.identity()).await.unwrap();
        } else {
            assert!(matches!(joined, Err(JoinError::Connect(ConnectError::NoAnswer))));
        }
        node.shutdown().await;
    }
}

/// By the clock of the system, which no test can turn: the last second opens, the one after it does not.
#[tokio::test]
async fn a_ticket_ends_with_its_second() {
    let network = MemoryNetwork::new();
    let store = Store::in_memory().unwrap();
    let node = ann(&network, &store).await;
    let bob = newcomer(&network, 2).await;
    let ticket = loop {
        let begun = Instant::now();
        let ticket = node.invite(Invitation { seconds: 1, uses: 2, ..Invitation::default() }).await.unwrap();
        match bob.join(&without_end(&ticket)).await {
            Ok(_) => break ticket,
            // A machine that is too busy for a handshake within a second gets another try.
            Err(error) => assert!(begun.elapsed() > Duration::from_secs(1), "{error}"),
        }
    };
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let carol = newcomer(&network, 3).await;
    assert!(matches!(carol.join(&ticket).await, Err(JoinError::Expired)), "said before anything is sent");
    let mut stream = dial(&network, 66).await;
    let eve = Persona::new(66);
    stream.write_all(&Flight::with_ticket(&eve, &ticket).frames()).await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, heard(&mut stream)).await.unwrap(), 0);
    assert!(!is_member(&node, eve.record.identity()));
}

/// Whose time is up is out, and the date by which that is so is durable.
#[tokio::test]
async fn the_end_of_a_voucher_is_remembered_in_the_store() {
    let network = MemoryNetwork::new();
    let store = Store::in_memory().unwrap();
    let node = ann(&network, &store).await;
    let bob = newcomer(&network, 2).await;
    let invitation = Invitation { membership_seconds: 2, ..Invitation::default() };
    bob.join(&node.invite(invitation).await.unwrap()).await.unwrap();
    let own = node.identity();
    let until = node.directory().unwrap().voucher(&own, &bob.identity()).unwrap().grant().expires;
    eventually("Bob's time is up", || !is_member(&node, bob.identity())).await;
    eventually("which is stored", || Kept::load(&store, &own).unwrap().horizon > until).await;
}

/// As many flights as there can be unconfirmed sessions, all for one use: one answer.
#[tokio::test(start_paused = true)]
async fn of_a_crowd_that_has_proven_the_secret_one_is_answered() {
    let network = MemoryNetwork::new();
    let node = newcomer(&network, 1).await;
    let ticket = node.invite(Invitation::default()).await.unwrap();
    let mut crowd = Vec::new();
    for number in 0..100_u8 {
        let (network, ticket) = (network.clone(), ticket.clone());
        crowd.push(tokio::spawn(async move {
            let persona = Persona::new(1_000 + u64::from(number));
            let mut stream = dial(&network, 100 + number).await;
            stream.write_all(&Flight::with_ticket(&persona, &ticket).frames()).await.unwrap();
            heard(&mut stream).await
        }));
    }
    let mut answered = 0;
    for one in crowd {
        answered += usize::from(one.await.unwrap() > 0);
    }
    assert_eq!(answered, 1);
    assert_eq!(node.settled().unwrap().members().count(), 0, "nobody has confirmed");
    newcomer(&network, 3).await.join(&ticket).await.unwrap();
}

/// A bound ticket that somebody else found, presented with the binding cut off, again and again: it stays.
#[tokio::test(start_paused = true)]
async fn a_bound_ticket_is_worn_out_by_nobody_else() {
    let network = MemoryNetwork::new();
    let node = newcomer(&network, 1).await;
    let bob = newcomer(&network, 2).await;
    let invitation = Invitation { bound: Some(bob.identity()), ..Invitation::default() };
    let ticket = node.invite(invitation).await.unwrap();
    for number in 0..20 {
        let eve = Persona::new(1_000 + u64::from(number));
        let mut stream = dial(&network, 100 + number).await;
        stream.write_all(&Flight::with_ticket(&eve, &ticket).frames()).await.unwrap();
        assert_eq!(heard(&mut stream).await, 0);
    }
    bob.join(&ticket).await.unwrap();
    let mut inbox = node.receiver(name("notes")).unwrap();
    let to_ann = bob.sender(node.identity(), name("notes"), StreamOptions::default());
    to_ann.send_confirmed("in").await.unwrap();
    assert_eq!(next(&mut inbox).await, "in");
}
