//! M1 to M19: what the code of the earlier system did.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use node::{CloseReason, ConnectError, Event, Invitation, JoinError, MemoryNetwork, StreamOptions, Ticket};
use tokio::io::AsyncWriteExt;

use super::attacker::{Flight, ann_and_bob, dial, frame, heard, recorded, say};
use crate::join::{Persona, eventually, is_member, newcomer};
use crate::support::{host, name, next, noise};

fn holds(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(start_paused = true)]
async fn m1_nothing_is_ever_said_in_clear() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    bob.join(&ticket).await.unwrap();
    let mut heard = ann.receiver(name("notes")).unwrap();
    let secret = b"a secret that is long enough to be found".as_slice();
    bob.sender(ann.identity(), name("notes"), StreamOptions::default()).send_confirmed(secret).await.unwrap();
    assert_eq!(next(&mut heard).await, secret);
    let wire: Vec<u8> = network.recordings().into_iter().flat_map(|it| it.bytes).collect();
    assert!(wire.len() > 3_000);
    for persona in [Persona::new(1), Persona::new(2)] {
        for public in
            [persona.record.identity().0, persona.record.static_key().0, *persona.door.dangerous_bytes()]
        {
            assert!(!holds(&wire, &public[..16]), "no identity, no static key, no door");
        }
    }
    for known in [&ticket.id.0[..], &ticket.secret.dangerous_bytes()[..16], secret, b"notes", b"conclave"] {
        assert!(!holds(&wire, known));
    }
    let counted = wire.iter().fold([0_usize; 256], |mut counts, byte| {
        counts[usize::from(*byte)] += 1;
        counts
    });
    assert!(counted.iter().all(|count| *count < wire.len() / 8), "it looks like noise");
}

#[tokio::test(start_paused = true)]
async fn m2_a_recorded_session_has_no_effect_again_on_the_same_node_or_another() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (ann, bob) = ann_and_bob(&network).await;
    let mut inbox = ann.receiver(name("notes")).unwrap();
    bob.sender(ann.identity(), name("notes"), StreamOptions::default()).send_confirmed("once").await.unwrap();
    assert_eq!(next(&mut inbox).await, "once");
    let sessions = recorded(&network, host(1));
    network.set_recording(false);
    let carol = newcomer(&network, 3).await;
    for session in &sessions {
        assert_eq!(say(&network, 66, session).await, 0);
        let mut stream = network.connect(host(66), host(3)).await.unwrap();
        stream.write_all(session).await.ok();
        assert_eq!(heard(&mut stream).await, 0);
    }
    assert!(tokio::time::timeout(Duration::from_secs(1), inbox.recv()).await.is_err());
    assert!(carol.sessions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn m3_a_forged_first_packet_does_not_divert_what_is_for_its_victim() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    let mut inbox = bob.receiver(name("notes")).unwrap();
    let to_bob = ann.sender(bob.identity(), name("notes"), StreamOptions::default());
    let mallory = Persona::new(66);
    for number in 60..70 {
        let credential = Persona::new(2).record.to_credential();
        let mut stream = dial(&network, number).await;
        stream.write_all(&Flight { credential, ..Flight::of(&mallory) }.frames()).await.unwrap();
        to_bob.send_confirmed(vec![number]).await.unwrap();
        assert_eq!(next(&mut inbox).await, vec![number]);
        assert_eq!(heard(&mut stream).await, 0);
    }
    assert!(ann.sessions().iter().all(|session| session.peer.device == Persona::new(2).record.static_key()));
}

#[tokio::test(start_paused = true)]
async fn m4_noise_behind_a_right_header_is_not_answered() {
    let network = MemoryNetwork::new();
    let (ann, _bob) = ann_and_bob(&network).await;
    let mallory = Persona::new(66);
    let (_, flight) = Flight::of(&mallory).start();
    let first = flight.packets().next().unwrap().to_vec();
    let known = ann.sessions().len();
    for seed in 0..20 {
        let mut packet = first.clone();
        let at = packet.len() - 80;
        packet[at..].copy_from_slice(&noise(80, seed));
        assert_eq!(say(&network, 66, &frame(&packet)).await, 0);
    }
    assert!(ann.sessions().len() <= known);
}

#[tokio::test(start_paused = true)]
async fn m5_a_ticket_that_is_refused_is_answered_with_nothing() {
    let network = MemoryNetwork::new();
    let ann = newcomer(&network, 1).await;
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    let eve = Persona::new(66);
    let unknown = Ticket { id: x3dh_handshake::TicketId([9; 16]), ..ticket.clone() };
    let wrong_secret = Ticket { secret: x3dh_handshake::Psk::from_bytes([9; 32]), ..ticket.clone() };
    for refused in [unknown, wrong_secret] {
        assert_eq!(say(&network, 66, &Flight::with_ticket(&eve, &refused).frames()).await, 0);
    }
    // The right one is answered: the test would notice if all were refused.
    let mut stream = dial(&network, 67).await;
    stream.write_all(&Flight::with_ticket(&eve, &ticket).frames()).await.unwrap();
    assert!(heard(&mut stream).await > 1_000);
    assert!(!is_member(&ann, eve.record.identity()), "it was not confirmed");
}

#[tokio::test(start_paused = true)]
async fn m6_nobody_is_taken_for_another_by_what_they_claim() {
    let network = MemoryNetwork::new();
    let (ann, _bob) = ann_and_bob(&network).await;
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    let mallory = Persona::new(66);
    let credential = Persona::new(2).record.to_credential();
    let mut events = ann.events();
    for ticket in [None, Some((ticket.id, ticket.secret.clone()))] {
        let flight = Flight { credential, ticket, ..Flight::of(&mallory) };
        assert_eq!(
            say(&network, 66, &flight.frames()).await,
            0,
            "a claimed identity with a key of one's own"
        );
    }
    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        assert!(!matches!(event, Event::PeerUp { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn m7_a_refused_connection_is_one_typed_error() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    drop(ann);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = bob.connect(Persona::new(1).record.identity()).await.unwrap_err();
    assert_eq!(error, ConnectError::Refused);
}

#[tokio::test(start_paused = true)]
async fn m8_what_is_sent_while_there_is_no_session_yet_has_its_outcome() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(100));
    let (ann, bob) = ann_and_bob(&network).await;
    let mut inbox = ann.receiver(name("notes")).unwrap();
    bob.disconnect(ann.identity());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let to_ann = bob.sender(ann.identity(), name("notes"), StreamOptions::default());
    let sent =
        tokio::join!(to_ann.send_confirmed("1"), to_ann.send_confirmed("2"), to_ann.send_confirmed("3"));
    assert!(matches!(sent, (Ok(()), Ok(()), Ok(()))));
    for expected in ["1", "2", "3"] {
        assert_eq!(next(&mut inbox).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn m9_three_sends_at_once_share_one_dial_and_keep_their_order() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    let mut inbox = ann.receiver(name("notes")).unwrap();
    bob.disconnect(ann.identity());
    tokio::time::sleep(Duration::from_secs(5)).await;
    network.set_recording(true);
    let to_ann = bob.sender(ann.identity(), name("notes"), StreamOptions::default());
    let (one, two, three) = tokio::join!(to_ann.send("1"), to_ann.send("2"), to_ann.send("3"));
    one.and(two).and(three).unwrap();
    for expected in ["1", "2", "3"] {
        assert_eq!(next(&mut inbox).await, expected);
    }
    assert_eq!(recorded(&network, host(1)).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn m10_a_peer_that_never_answers_is_no_success() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    ann.shutdown().await;
    drop(ann);
    let mut silent = network.listen(host(1)).unwrap();
    let keep = tokio::spawn(async move {
        let mut streams = Vec::new();
        loop {
            streams.push(silent.accept().await);
        }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    let start = tokio::time::Instant::now();
    let to_ann = bob.sender(Persona::new(1).record.identity(), name("notes"), StreamOptions::default());
    assert!(to_ann.send("hello").await.is_err());
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    keep.abort();
}

#[tokio::test(start_paused = true)]
async fn m11_of_simultaneous_dials_one_session_is_left() {
    let network = MemoryNetwork::new();
    network.set_latency(Duration::from_millis(30));
    let (ann, bob) = ann_and_bob(&network).await;
    eventually("Ann is told where Bob is", || {
        ann.members().get(&bob.identity()).is_some_and(|member| member.door().is_some())
    })
    .await;
    for _ in 0..5 {
        bob.disconnect(ann.identity());
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (one, other) = tokio::join!(ann.ping(bob.identity()), bob.ping(ann.identity()));
        one.unwrap();
        other.unwrap();
        assert_eq!((ann.sessions().len(), bob.sessions().len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn m12_a_message_of_any_size_is_cut_to_measure_or_refused_before_it_leaves() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    let mut inbox = ann.receiver(name("notes")).unwrap();
    let to_ann = bob.sender(ann.identity(), name("notes"), StreamOptions::default());
    let large = noise(200_000, 1);
    to_ann.send(large.clone()).await.unwrap();
    assert_eq!(next(&mut inbox).await, large);
    to_ann.send(noise(2_000_000, 1)).await.unwrap();
    assert_eq!(next(&mut inbox).await.len(), 2_000_000);
    assert!(to_ann.send(noise(2_000_001, 1)).await.is_err(), "beyond the class of peers");
}

#[tokio::test(start_paused = true)]
async fn m13_a_stranger_has_a_few_kilobytes_whatever_it_announces() {
    let network = MemoryNetwork::new();
    let _ann = newcomer(&network, 1).await;
    let mut stream = dial(&network, 66).await;
    let start = tokio::time::Instant::now();
    let mut taken = 0;
    // The beginning of a frame as long as frames can be announced, and then all that is taken.
    stream.write_all(&[0xfe, 0xfd, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
    let piece = noise(1_024, 1);
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&piece)).await {
        taken += piece.len();
        assert!(taken < 1 << 20, "at most what the carrier itself holds");
    }
    assert!(start.elapsed() < Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn m14_what_is_disconnected_is_closed_on_the_wire() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    let mut events = ann.events();
    bob.disconnect(ann.identity());
    let closed = async {
        loop {
            if let Some(Event::PeerDown { cause, .. }) = events.next().await {
                return cause;
            }
        }
    };
    let cause = tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap();
    assert_eq!(cause, node::EndCause::ClosedByPeer(CloseReason::Application));
    assert!(ann.sessions().is_empty() && bob.sessions().is_empty());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(network.cut(host(2).ip()), 0, "no connection is left");
}

#[tokio::test(start_paused = true)]
async fn m15_what_the_answer_says_is_heard() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    let mut events = ann.events();
    bob.shutdown().await;
    drop(bob);
    // The same device in another process: its answer says so under the seal.
    let config = |signer| node::DirectoryConfig {
        kept: node::Kept { directory: ann.directory().unwrap(), ..node::Kept::default() },
        ..node::DirectoryConfig::new(signer)
    };
    let again = Persona::new(2).start_with(config, &network, host(2)).await;
    again
        .vouch_for(ann.directory().unwrap().announcement(&ann.identity()).unwrap().facts().card.clone(), None)
        .await
        .unwrap();
    eventually("Ann can dial Bob", || {
        ann.members().get(&again.identity()).is_some_and(|it| it.door().is_some())
    })
    .await;
    ann.ping(again.identity()).await.unwrap();
    let mut restarted = false;
    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        restarted |= matches!(event, Event::PeerRestarted { .. });
    }
    assert!(restarted);
}

#[tokio::test(start_paused = true)]
async fn m16_a_session_in_which_any_bit_is_wrong_delivers_nothing_more() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let ann = newcomer(&network, 1).await;
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    let bob = Persona::new(2);
    let good = Flight::with_ticket(&bob, &ticket).frames();
    for at in (8..good.len()).step_by(41) {
        let mut spoiled = good.clone();
        spoiled[at] ^= 0x10;
        assert_eq!(say(&network, 66, &spoiled).await, 0, "byte {at}");
    }
    assert_eq!(ann.settled().unwrap().members().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn m17_each_peer_has_its_own_clock() {
    let network = MemoryNetwork::new();
    let (ann, bob) = ann_and_bob(&network).await;
    let carol = newcomer(&network, 3).await;
    carol.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        bob.ping(ann.identity()).await.unwrap();
    }
    let with: Vec<_> = ann.sessions().into_iter().map(|session| session.peer.identity).collect();
    assert_eq!(with, vec![bob.identity()], "who is idle goes, who is not stays");
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A newcomer, a refusal and a revocation, with everything that is logged and shown of them, and the ticket.
async fn shown() -> (String, Ticket) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let network = MemoryNetwork::new();
    let (ann, bob) = (newcomer(&network, 1).await, newcomer(&network, 2).await);
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    bob.join(&ticket).await.unwrap();
    assert!(newcomer(&network, 3).await.join(&ticket).await.is_err());
    ann.revoke(bob.identity()).await.unwrap();
    let mut shown = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    shown += &format!("{ticket:?} {ann:?} {:?} {:?}", ann.directory(), ann.members());
    shown += &format!("{:?} {:?}", Persona::new(1).identity, Persona::new(1).key);
    (shown, ticket)
}

#[tokio::test(start_paused = true)]
async fn m18_no_secret_is_logged_or_shown() {
    let mut seen = None;
    for _ in 0..20 {
        // Other tests log nothing at the same time, and what decides that is shared by all threads.
        let (shown, ticket) = shown().await;
        if shown.contains("peer up") {
            seen = Some((shown, ticket));
            break;
        }
    }
    let (shown, ticket) = seen.expect("something is logged");
    let lower = shown.to_lowercase();
    for persona in [Persona::new(1), Persona::new(2)] {
        let secrets = [
            *persona.door.dangerous_bytes(),
            *persona.key.secret().dangerous_bytes(),
            persona.identity.dangerous_file_bytes()[2..34].try_into().unwrap(),
            *ticket.secret.dangerous_bytes(),
        ];
        for secret in secrets {
            let hex: String = secret[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let listed = format!("{:?}", &secret[..4]);
            assert!(!lower.contains(&hex) && !lower.contains(listed.trim_matches(['[', ']'])));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn m19_of_a_thousand_who_race_for_a_ticket_one_comes_in() {
    let network = MemoryNetwork::new();
    let ann = newcomer(&network, 1).await;
    let ticket = Arc::new(ann.invite(Invitation::default()).await.unwrap());
    let mut races = Vec::new();
    for number in 0..1_000_u16 {
        let at = SocketAddr::from((Ipv4Addr::from(0x0a01_0000 + u32::from(number)), 4433));
        let node = Persona::new(1_000 + u64::from(number)).start(&network, at).await;
        let ticket = Arc::clone(&ticket);
        races.push(tokio::spawn(async move {
            match node.join(&ticket).await {
                Ok(_) => true,
                Err(JoinError::Connect(_)) => false,
                Err(other) => panic!("{other}"),
            }
        }));
    }
    let mut winners = 0;
    for race in races {
        winners += usize::from(race.await.unwrap());
    }
    assert_eq!(winners, 1);
    assert_eq!(ann.settled().unwrap().members().count(), 1);
}
