//! A ticket redeemed in every suite that can.

use membership::Ticket;
use node::{ConnectError, Invitation, JoinError, MemoryNetwork, Node, Suite};
use selfsync_codec::{Config, Decoder};

use crate::join::{Persona, is_member};
use crate::support::host;

async fn speaking(suites: &[Suite], network: &MemoryNetwork, number: u8) -> Node {
    let suites = suites.to_vec();
    Persona::new(number.into()).start_as(|builder| builder.suites(suites), network, host(number)).await
}

/// The suites of the first packets that `number` sent, in order.
fn dialed(network: &MemoryNetwork, number: u8) -> Vec<u16> {
    let recordings = network.recordings();
    let dials = recordings.iter().filter(|recording| recording.from.ip() == host(number).ip());
    dials
        .filter_map(|dial| {
            let mut bytes = bytes::BytesMut::from(&dial.bytes[..]);
            let first = Decoder::new(Config::reliable(4_096)).next_frame(&mut bytes).unwrap()?;
            (first[0] == 0x01).then(|| u16::from_le_bytes([first[2], first[3]]))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_redeemed_in_each_suite_and_a_wrong_secret_consumes_nothing() {
    let ours = [Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk, Suite::NoiseIkPsk2];
    for (theirs, by_ticket, by_name) in [
        (&[Suite::X3dhHybrid][..], 0x0001, 0x0001),
        (&[Suite::X3dh], 0x0002, 0x0002),
        (&[Suite::NoiseIkPsk2, Suite::NoiseIk], 0x0102, 0x0101),
        (&[Suite::NoiseIk, Suite::NoiseIkPsk2], 0x0102, 0x0101),
    ] {
        let network = MemoryNetwork::new();
        network.set_recording(true);
        let (ann, bob) = (speaking(&ours, &network, 1).await, speaking(theirs, &network, 2).await);
        let ticket = ann.invite(Invitation::default()).await.unwrap();
        let guessed = Ticket { secret: x3dh_handshake::Psk::from_bytes([7; 32]), ..ticket.clone() };
        let refused = bob.join(&guessed).await.unwrap_err();
        assert!(matches!(refused, JoinError::Connect(ConnectError::NoAnswer)), "{theirs:?}: {refused}");
        assert!(!is_member(&ann, bob.identity()));
        let answered = network.recordings().iter().any(|recording| {
            recording.from == host(1) && recording.to.ip() == host(2).ip() && !recording.bytes.is_empty()
        });
        assert!(!answered, "{theirs:?}: a wrong secret is answered with silence");

        bob.join(&ticket).await.unwrap();
        assert!(is_member(&ann, bob.identity()) && is_member(&bob, ann.identity()));
        let dials = dialed(&network, 2);
        assert!(!dials.is_empty() && dials.contains(&by_ticket), "{theirs:?}: {dials:x?}");
        bob.disconnect(ann.identity());
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        bob.ping(ann.identity()).await.unwrap();
        assert_eq!(dialed(&network, 2).last(), Some(&by_name), "{theirs:?}: a member needs no ticket");
        let eve = speaking(theirs, &network, 3).await;
        assert!(eve.join(&ticket).await.is_err(), "{theirs:?}: it is consumed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_suite_for_tickets_cannot_join_and_says_nothing() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (ann, bob) = (
        speaking(&[Suite::NoiseIk, Suite::NoiseIkPsk2], &network, 1).await,
        speaking(&[Suite::NoiseIk], &network, 2).await,
    );
    let ticket = ann.invite(Invitation::default()).await.unwrap();
    assert!(bob.join(&ticket).await.is_err());
    assert!(!is_member(&ann, bob.identity()) && !is_member(&bob, ann.identity()));
    assert!(dialed(&network, 2).iter().all(|suite| *suite == 0x0101), "as if it had used the ticket already");
}
