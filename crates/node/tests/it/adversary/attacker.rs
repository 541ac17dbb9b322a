//! Somebody who speaks by hand.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use membership::{Credential, Ticket};
use node::{Invitation, MemoryNetwork, MemoryStream, Node, Suite};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x3dh_handshake::{
    BootId, Capabilities, FirstFlight, Initiator, InitiatorConfig, Limits, Psk, Tag, TicketId,
};

use crate::join::{Persona, newcomer};
use crate::support::host;

/// Ann at host 1 and Bob at host 2, who came in by a ticket of hers.
pub(crate) async fn ann_and_bob(network: &MemoryNetwork) -> (Node, Node) {
    let (ann, bob) = (newcomer(network, 1).await, newcomer(network, 2).await);
    bob.join(&ann.invite(Invitation::default()).await.unwrap()).await.unwrap();
    (ann, bob)
}

/// A first flight to Ann, in the name of whoever's credential it is.
pub(crate) struct Flight<'a> {
    pub(crate) from: &'a Persona,
    pub(crate) credential: Credential,
    pub(crate) ticket: Option<(TicketId, Psk)>,
    pub(crate) counter: u64,
}

impl<'a> Flight<'a> {
    pub(crate) fn of(from: &'a Persona) -> Self {
        Self { from, credential: from.record.to_credential(), ticket: None, counter: u64::MAX / 2 }
    }

    pub(crate) fn with_ticket(from: &'a Persona, ticket: &Ticket) -> Self {
        Self { ticket: Some((ticket.id, ticket.secret.clone())), ..Self::of(from) }
    }

    pub(crate) fn start(&self) -> (Initiator, FirstFlight) {
        let ann = Persona::new(1);
        let config = InitiatorConfig {
            suite: Suite::X3dhHybrid,
            static_secret: self.from.key.secret(),
            credential: &self.credential,
            responder_identity: &ann.record.identity(),
            responder_static: &ann.record.static_key(),
            door: &ann.door,
            ticket: self.ticket.as_ref().map(|(id, secret)| (*id, secret)),
            counter: self.counter,
            boot: BootId([1; 16]),
            capabilities: Capabilities::BOTH_AEADS,
            limits: Limits { session_window_kib: 1_000, stream_window_kib: 1_000 },
            tag: Tag(7),
        };
        Initiator::start(&config, &mut StdRng::seed_from_u64(5)).unwrap()
    }

    /// The packets, in frames.
    pub(crate) fn frames(&self) -> Vec<u8> {
        self.start().1.packets().flat_map(frame).collect()
    }
}

pub(crate) fn frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    selfsync_codec::encode(packet, &mut frame);
    frame.to_vec()
}

pub(crate) async fn dial(network: &MemoryNetwork, number: u8) -> MemoryStream {
    network.connect(host(number), host(1)).await.unwrap()
}

/// Says something to Ann from some host, and counts what comes back until she closes.
pub(crate) async fn say(network: &MemoryNetwork, number: u8, what: &[u8]) -> usize {
    let mut stream = dial(network, number).await;
    stream.write_all(what).await.ok();
    heard(&mut stream).await
}

/// Counts what comes until the end, or for a minute.
pub(crate) async fn heard(stream: &mut MemoryStream) -> usize {
    let mut answer = Vec::new();
    let all = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(60), all).await.ok();
    answer.len()
}

/// What was said on the wire so far to a host, by each who dialed it.
pub(crate) fn recorded(network: &MemoryNetwork, to: SocketAddr) -> Vec<Vec<u8>> {
    network.recordings().into_iter().filter(|it| it.to == to).map(|it| it.bytes).collect()
}
