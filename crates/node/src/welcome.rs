//! A connection of somebody else's, from its acceptance to the end of its session.

use std::net::SocketAddr;
use std::sync::Arc;

use endpoint::{HandshakeCause, Inbound, PathCause, PathId, SessionId, Step};

use crate::anonymous::{Host, Visit};
use crate::carrier::Carrier;
use crate::clock;
use crate::core::Core;
use crate::establish::{Halves, establish};
use crate::gate::Pass;
use crate::greeting::{Failure, Greeting, facts, net_address};
use crate::mailbox::{Mailbox, Word};
use crate::session::{Driver, Parts};
use crate::watch::Turn;

/// Holds the handshake of an accepted connection, and drives its session.
///
/// Whatever is wrong with the first packets, the far end sees the same: nothing comes back, and the connection is
/// reset when the deadline of its handshake has passed.
pub(crate) fn welcome(
    core: Arc<Core>,
    carrier: Carrier,
    address: SocketAddr,
    pass: Pass,
) -> impl Future<Output = ()> {
    // The handshake is a future of its own, and takes what it needs along: the session that follows keeps no room for it.
    let opening = Box::pin(open(core, carrier, address, pass));
    async {
        match opening.await {
            Some(Next::Session(driver)) => driver.run().await,
            Some(Next::Call(host)) => Box::pin(host.run()).await,
            None => {}
        }
    }
}

/// What a handshake leads to.
enum Next {
    Session(Box<Driver>),
    /// Of somebody without a name, who is led past everything that members have.
    Call(Box<Host>),
}

/// How the wait for a handshake ended.
enum Outcome {
    Session(Box<(SessionId, Halves)>),
    Call(Box<Inbound>, Visit),
    Failed(Failure),
    /// The deadline passed, or the node shuts down.
    Closed,
    /// Another connection needs the place.
    Evicted,
}

async fn open(core: Arc<Core>, carrier: Carrier, address: SocketAddr, pass: Pass) -> Option<Next> {
    let facts = facts(&carrier, net_address(address)?);
    let began = clock::now();
    let (path, mailbox, inbound, deadline) = core
        .control(|control, now| {
            let accepted = control.endpoint.accept(now, facts.clone())?;
            let inbound = Inbound::new(&facts, accepted.deadline);
            Ok::<_, endpoint::Error>((
                accepted.path,
                control.add_path(accepted.path),
                inbound,
                accepted.deadline,
            ))
        })
        .ok()?;
    let mut greeting = Greeting::new(carrier);
    let place = (path, &*mailbox, &pass);
    let mut outcome = tokio::select! {
        biased;
        outcome = shake_hands(&core, Box::new(inbound), place, &mut greeting) => match outcome {
            Ok(Shaken::Session(session)) => Outcome::Session(session),
            Ok(Shaken::Call(inbound, visit)) => Outcome::Call(inbound, visit),
            Err(failure) => Outcome::Failed(failure),
        },
        () = mailbox.closed() => Outcome::Closed,
        () = pass.evicted() => Outcome::Evicted,
    };
    if let Outcome::Failed(failure) = outcome {
        tracing::debug!(%address, ?failure, "stranger refused");
        core.failed(path, failure);
        if let Failure::Handshake(cause) = failure {
            core.refused(address.ip(), &cause);
            pass.refused();
            // Silence until the deadline: neither the time nor the manner of the end tells what was wrong.
            outcome = tokio::select! {
                biased;
                () = mailbox.closed() => Outcome::Closed,
                () = pass.evicted() => Outcome::Evicted,
            };
        }
    }
    match outcome {
        Outcome::Session(made) => {
            let (id, Halves { session, rx, writer }) = *made;
            let (carrier, reader) = greeting.into_parts();
            let pass = Some(pass);
            let parts = Parts { session, id, path, carrier, reader, writer, rx, pass };
            return Some(Next::Session(Driver::new(core, parts)));
        }
        Outcome::Call(inbound, visit) => {
            if core.control(|control, _| control.release(path)) {
                let host = Host { core, inbound, greeting, pass, visit, accepted: began, deadline };
                return Some(Next::Call(Box::new(host)));
            }
        }
        Outcome::Evicted => core.path_lost(path, PathCause::Local),
        Outcome::Failed(_) | Outcome::Closed => {}
    }
    greeting.abort();
    None
}

/// How far hands were shaken.
enum Shaken {
    Session(Box<(SessionId, Halves)>),
    Call(Box<Inbound>, Visit),
}

async fn shake_hands(
    core: &Arc<Core>,
    mut inbound: Box<Inbound>,
    (path, mailbox, pass): (PathId, &Mailbox, &Pass),
    greeting: &mut Greeting,
) -> Result<Shaken, Failure> {
    let local = Failure::Handshake(HandshakeCause::Local);
    let proof = loop {
        let packet = greeting.receive().await?;
        match take_in(core, &mut inbound, &packet).await {
            Step::Wait | Step::Later => {}
            Step::Challenge => greeting.send(&[&challenge(core, &mut inbound, &packet)?]).await?,
            Step::Proven(proof) => break proof,
            Step::Failed(cause) => return Err(Failure::Handshake(cause)),
            Step::Called => {
                let no_place = Failure::Handshake(HandshakeCause::NoPlaceForAnonymous);
                return core.desk.enter().map(|visit| Shaken::Call(inbound, visit)).ok_or(no_place);
            }
            Step::Established(_) | Step::CallEstablished(_) => return Err(local),
        }
    };
    pass.proven();
    {
        let mut rng = core.randomness.generator();
        let refused = core.control(|control, now| control.endpoint.admit(now, path, *proof, &mut rng));
        if let Some(cause) = refused {
            return Err(Failure::Handshake(cause));
        }
    }
    let Word::Answer(admission) = mailbox.next().await else { return Err(local) };
    let established = core.work(|| {
        let mut rng = core.randomness.generator();
        inbound.answer(&admission, &core.keys.load(), &mut rng).map_err(Failure::Handshake)
    })?;
    let halves = establish(core, *established).map_err(Failure::Handshake)?;
    core.control(|control, _| {
        // It can be found by its name from here on; nobody is told the name before it is confirmed.
        control.set_session(path, &halves.session, Some(admission.session));
    });
    let reply = inbound.poll_transmit().map(<[u8]>::to_vec).unwrap_or_default();
    greeting.send(&[&reply]).await?;
    Ok(Shaken::Session(Box::new((admission.session, halves))))
}

/// Takes a packet in, when its turn has come if it is worth one.
async fn take_in(core: &Core, inbound: &mut Inbound, packet: &[u8]) -> Step {
    let mut turn = Turn::take(core);
    loop {
        let keys = core.keys.load_full();
        let mut admittance = core.admittance();
        admittance.demand = turn.demand(&mut core.randomness.on_demand());
        match turn.work(|| inbound.handle_packet(core.machine.now(), packet, (&keys, &admittance))) {
            Step::Later => turn.comes().await,
            step => return step,
        }
    }
}

fn challenge(core: &Core, inbound: &mut Inbound, first: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut rng = core.randomness.generator();
    let demand = core.demand(&mut rng);
    core.work(|| inbound.challenge(first, &core.keys.load(), &demand, &mut rng))
        .map_err(Failure::Handshake)?;
    core.challenged();
    Ok(inbound.poll_transmit().map(<[u8]>::to_vec).unwrap_or_default())
}
