//! A connection of ours, from the dial to the end of its session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use endpoint::{
    AttemptId, DialCause, Error as EndpointError, HandshakeCause, Order, Outbound, PathFacts, PathId, PeerId,
    Step,
};
use membership::{Members, NetAddress};
use x3dh_handshake::Established;

use crate::carrier::Carrier;
use crate::clock;
use crate::core::Core;
use crate::establish::{Halves, establish};
use crate::greeting::{Failure, Greeting, facts};
use crate::mailbox::{Mailbox, Word};
use crate::session::{Driver, Parts};

/// Addresses of one name that are tried.
const MAX_RESOLVED_ADDRESSES: usize = 4;
/// Of [`endpoint::PUZZLE_CHUNK`] numbers each: ten milliseconds, or twenty.
const CHUNKS_IN_A_TURN: usize = 24;

/// Opens a path, holds its handshake, and drives its session.
pub(crate) async fn dial(core: Arc<Core>, attempt: AttemptId, peer: PeerId, address: NetAddress) {
    // The handshake is a future of its own, so that the session that follows does not keep its room.
    if let Some(driver) = Box::pin(open(core, attempt, peer, address)).await {
        driver.run().await;
    }
}

async fn open(core: Arc<Core>, attempt: AttemptId, peer: PeerId, address: NetAddress) -> Option<Box<Driver>> {
    let carrier = match connect(&core, &address).await {
        Ok(carrier) => carrier,
        Err(error) => {
            tracing::debug!(peer = ?peer.identity, %address, %error, "cannot connect");
            core.dial_failed(attempt, dial_cause(&error));
            return None;
        }
    };
    let facts = facts(&carrier, address);
    let (path, mailbox) = announce(&core, attempt, &facts).await?;
    let mut greeting = Greeting::new(carrier);
    let outcome = tokio::select! {
        biased;
        outcome = shake_hands(&core, path, &facts, &mailbox, &mut greeting) => outcome,
        () = mailbox.closed() => return None,
    };
    match outcome {
        Ok((id, Halves { session, rx, writer })) => {
            let (carrier, reader) = greeting.into_parts();
            Some(Driver::new(core, Parts { session, id, path, carrier, reader, writer, rx, pass: None }))
        }
        Err(failure) => {
            tracing::debug!(peer = ?peer.identity, address = %facts.remote, ?failure, "handshake failed");
            core.failed(path, failure);
            None
        }
    }
}

pub(crate) async fn connect(core: &Core, address: &NetAddress) -> io::Result<Carrier> {
    if let Ok(address) = address.as_str().parse::<SocketAddr>() {
        return core.transport.dial(address).await;
    }
    let mut last = io::Error::from(io::ErrorKind::InvalidInput);
    for address in tokio::net::lookup_host(address.as_str()).await?.take(MAX_RESOLVED_ADDRESSES) {
        match core.transport.dial(address).await {
            Ok(carrier) => return Ok(carrier),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn dial_cause(error: &io::Error) -> DialCause {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, ConnectionReset, HostUnreachable, InvalidInput, NetworkDown,
        NetworkUnreachable, TimedOut,
    };
    match error.kind() {
        ConnectionRefused | ConnectionReset => DialCause::Refused,
        HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => DialCause::Unreachable,
        TimedOut => DialCause::TimedOut,
        InvalidInput => DialCause::BadAddress,
        // What a resolver says about a name that does not exist has no kind.
        _ if error.raw_os_error().is_none() => DialCause::BadAddress,
        _ => DialCause::Local,
    }
}

/// Tells the control plane of an open path.
async fn announce(core: &Arc<Core>, attempt: AttemptId, facts: &PathFacts) -> Option<(PathId, Arc<Mailbox>)> {
    loop {
        let counter = match core.counter.next(&core.machine).await {
            Ok(counter) => counter,
            Err(error) => {
                tracing::warn!(%error, "cannot dial: the handshake counter cannot be stored");
                core.dial_failed(attempt, DialCause::Local);
                return None;
            }
        };
        let mut rng = core.randomness.generator();
        let opened = core.control(|control, now| {
            let path = control.endpoint.path_opened(now, attempt, facts.clone(), counter, &mut rng)?;
            // From here on the control plane speaks of the path and not of the attempt.
            control.dials.remove(&attempt);
            Ok((path, control.add_path(path)))
        });
        match opened {
            Ok(opened) => return Some(opened),
            Err(EndpointError::CounterUsed) => {}
            // Nobody wants the path any more.
            Err(_) => return None,
        }
    }
}

async fn shake_hands(
    core: &Arc<Core>,
    path: PathId,
    facts: &PathFacts,
    mailbox: &Mailbox,
    greeting: &mut Greeting,
) -> Result<(endpoint::SessionId, Halves), Failure> {
    let established = exchange(core, facts, mailbox, greeting).await?;
    let boot = established.peer.boot;
    let halves = establish(core, *established).map_err(Failure::Handshake)?;
    core.control(|control, now| {
        control.set_session(path, &halves.session, None);
        control.endpoint.established(now, path, boot);
    });
    match mailbox.next().await {
        Word::Live(session) => Ok((session, halves)),
        _ => Err(Failure::Handshake(HandshakeCause::Local)),
    }
}

/// From the control plane's word to the peer's answer.
async fn exchange(
    core: &Arc<Core>,
    facts: &PathFacts,
    mailbox: &Mailbox,
    greeting: &mut Greeting,
) -> Result<Box<Established>, Failure> {
    let Word::Begin(order) = mailbox.next().await else {
        return Err(Failure::Handshake(HandshakeCause::Local));
    };
    let members = core.members();
    first_words(core, facts, &order, &members, greeting).await
}

/// From our first packet to the peer's answer.
pub(crate) async fn first_words(
    core: &Core,
    facts: &PathFacts,
    order: &Order,
    members: &Members,
    greeting: &mut Greeting,
) -> Result<Box<Established>, Failure> {
    let outbound = {
        let mut rng = core.randomness.generator();
        let keys = core.keys.load();
        let with = (&**keys, members);
        Outbound::start(clock::now(), order, facts, with, &mut rng).map_err(Failure::Handshake)?
    };
    match speak(core, Box::new(outbound), greeting).await? {
        Step::Established(established) => Ok(established),
        _ => Err(Failure::Handshake(HandshakeCause::Local)),
    }
}

/// Says what an [`Outbound`] has to say, and hears what it has to hear, until it is answered.
pub(crate) async fn speak(
    core: &Core,
    mut outbound: Box<Outbound>,
    greeting: &mut Greeting,
) -> Result<Step, Failure> {
    loop {
        outbound = solve(core, outbound).await?;
        let mut flight = Vec::new();
        while let Some(packet) = outbound.poll_transmit() {
            flight.push(packet.to_vec());
        }
        let packets: Vec<&[u8]> = flight.iter().map(Vec::as_slice).collect();
        greeting.send(&packets).await?;
        let packet = greeting.receive().await?;
        match outbound.handle_packet(clock::now(), &packet) {
            Step::Wait => {}
            Step::Failed(cause) => return Err(Failure::Handshake(cause)),
            step => return Ok(step),
        }
    }
}

/// Does the work that a challenge asks for, on a thread that may be busy. All dials of a node take turns at it: whoever is
/// called by many hostile members works on one core at the most. Dropped, it works on for the rest of a turn.
async fn solve(core: &Core, mut outbound: Box<Outbound>) -> Result<Box<Outbound>, Failure> {
    let local = |_| Failure::Handshake(HandshakeCause::Local);
    while outbound.is_working() {
        let turn = Arc::clone(&core.puzzles).acquire_owned().await.map_err(|_| local(()))?;
        let work = move || {
            for _ in 0..CHUNKS_IN_A_TURN {
                outbound.work();
            }
            drop(turn);
            outbound
        };
        outbound = core.machine.blocking(work).await.map_err(|_| local(()))?;
    }
    Ok(outbound)
}
