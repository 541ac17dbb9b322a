//! What must be true at every moment, and what once there is quiet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use membership::{Directory, Merged, Policy, Settled, is_welcome, shared_with};
use node::{ConnectError, Kept, PingError};

use crate::calm;
use crate::life::Life;
use crate::world::{World, lock};

/// Between two looks, when nothing happens.
const LOOK_INTERVAL: Duration = Duration::from_millis(400);
/// Connections that a node has while nobody floods it.
const MAX_PATHS: usize = 200;
/// The same number.
const MAX_PATHS_U64: u64 = 200;
/// Entries of its tables, likewise.
const MAX_ENTRIES: usize = 2_000;
/// What members have to tell each other after a time apart has come by then.
const NEWS_TIME: Duration = Duration::from_secs(70);
/// Rounds in which everybody speaks with everybody: what one hears in the first it tells in the second.
const ROUNDS: usize = 3;
/// By then sessions that nobody uses are closed, and what was given back is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// By then what nobody uses is given up: peers that are away are waited for for an hour, and their relays a little longer.
const LEASES: Duration = Duration::from_secs(2 * 3_600);

/// Looks whenever something has happened, and once in a while, until something is wrong or it is aborted.
pub(crate) async fn watch(world: Arc<World>) {
    while !world.has_failed() {
        tokio::select! {
            biased;
            () = world.trace.happened() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        for number in world.numbers() {
            if let Some(life) = world.life(number) {
                look(&world, number, &life);
            }
        }
    }
}

fn look(world: &World, number: u8, life: &Life) {
    let sessions = life.node.sessions();
    let mut peers = BTreeSet::new();
    for session in &sessions {
        if !peers.insert(session.peer) {
            world.fail(
                "two nodes have one session",
                format!("{number} has two with {:?}", session.peer.identity),
            );
        }
        if !World::is_in(&life.node, &session.peer.identity) {
            world.fail("only members have sessions", format!("{number}: {:?}", session.peer.identity));
        }
    }
    let census = life.node.census();
    let entries = census.exports + census.imports + census.questions + census.waiters;
    if census.paths + census.dials + census.strangers > MAX_PATHS || entries > MAX_ENTRIES {
        world.fail("what a node holds is bounded", format!("{number}: {census:?}"));
    }
    if u64::try_from(census.reassembly_bytes).unwrap_or(u64::MAX) > MAX_PATHS_U64 * life.windows.session {
        world.fail("what a node holds is bounded", format!("{number}: {census:?}"));
    }
    for subject in lock(&world.promises).kept_out(number) {
        if World::is_in(&life.node, &subject) {
            world.fail("whom a node has revoked is out", format!("{number} has {subject:?} in"));
        }
    }
    // From the moment at which a node keeps somebody out, what they then begin to send is not for it.
    for other in world.numbers().filter(|other| *other != number) {
        let is_out = !World::is_in(&life.node, &world.member(other).identity);
        lock(&world.ledger).exclude(number, other, is_out);
    }
}

/// Has everybody speak with everybody, and looks whether all know then what they must.
pub(crate) async fn converge(world: &Arc<World>) {
    tokio::time::sleep(NEWS_TIME).await;
    world.set_calm(true);
    let mut unreachable = BTreeSet::new();
    for round in 0..ROUNDS {
        for (one, other) in pairs(world) {
            let (Some(here), Some(there)) = (world.life(one), world.life(other)) else { continue };
            let know_each_other = World::is_in(&here.node, &world.member(other).identity)
                && World::is_in(&there.node, &world.member(one).identity);
            if !know_each_other {
                continue;
            }
            let result = here.node.ping(world.member(other).identity).await;
            world.trace.note("calm.ping", format_args!("{one} {other} {result:?}"));
            let still = World::is_in(&here.node, &world.member(other).identity)
                && World::is_in(&there.node, &world.member(one).identity);
            if let Err(error) = result
                && still
                && round + 1 == ROUNDS
            {
                // They came to each other by tickets, and no session lasted until they had said where they are.
                if error == PingError::Connect(ConnectError::NoAddress) && world.is_half_joined(one, other) {
                    unreachable.insert((one, other));
                    continue;
                }
                world.fail(
                    "members reach each other when nothing is wrong",
                    format!("{one} {other}: {error}"),
                );
            }
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    if world.has_failed() {
        return;
    }
    let know_each_other = |(one, other): &(u8, u8)| {
        let is_in = |here: u8, there: u8| {
            world.life(here).is_some_and(|life| World::is_in(&life.node, &world.member(there).identity))
        };
        is_in(*one, *other) && is_in(*other, *one)
    };
    let acquainted: Vec<_> = pairs(world)
        .into_iter()
        .filter(|pair| !unreachable.contains(pair) && know_each_other(pair))
        .collect();
    calm::speak(world, &acquainted).await;
    for (one, other) in pairs(world) {
        know_the_same(world, one, other);
    }
    for number in world.numbers() {
        stand_as_computed(world, number);
    }
}

fn pairs(world: &World) -> Vec<(u8, u8)> {
    let all = || world.numbers();
    all().flat_map(|one| all().filter(move |other| *other != one).map(move |other| (one, other))).collect()
}

/// What one shares with the other and is welcome there has come there.
fn know_the_same(world: &World, one: u8, other: u8) {
    let (Some(here), Some(there)) = (world.life(one), world.life(other)) else { return };
    let (me, them) = (world.member(one).identity, world.member(other).identity);
    if !World::is_in(&here.node, &them) || !World::is_in(&there.node, &me) {
        return;
    }
    let (Ok(kept), Ok(settled)) = (Kept::load(&here.store, &me), here.node.settled()) else { return };
    let shared = shared_with(&them, &me, &kept.directory, &settled, &kept.introductions);
    let (Ok(directory), Ok(standing)) = (there.node.directory(), there.node.settled()) else { return };
    let mut all = Directory::clone(&directory);
    for statement in shared {
        let what = format!("{other} never heard from {one} that {statement:?}");
        // What is older than what they know is no news.
        if is_welcome(&statement, &standing) && matches!(all.merge(statement), Ok(Merged::News { .. })) {
            world.fail("what members share they all know in the end", what);
        }
    }
}

/// What a node holds everybody for is what follows from what it knows; and that is what it has stored.
fn stand_as_computed(world: &World, number: u8) {
    let Some(life) = world.life(number) else { return };
    let me = world.member(number).identity;
    let (Ok(directory), Ok(settled)) = (life.node.directory(), life.node.settled()) else { return };
    let kept = match Kept::load(&life.store, &me) {
        Ok(kept) => kept,
        Err(error) => {
            world.fail("what a store holds can be read", format!("{number}: {error}"));
            return;
        }
    };
    if kept.directory != directory {
        world.fail("what shows is what is stored", number.to_string());
    }
    let since_epoch = node::simulation::SimulatedMachine::since_epoch(&*life.machine);
    let date = membership::UnixSeconds::new(since_epoch.as_secs()).unwrap_or_default().max(kept.horizon);
    let fresh = Settled::new(&directory, &Policy::of(me), date);
    for member in &world.members {
        let (shown, computed) = (settled.standing(&member.identity), fresh.standing(&member.identity));
        if shown != computed {
            let what = format!("{number} holds {} for {shown:?}, and it is {computed:?}", member.number);
            world.fail("standing follows from what is known", what);
        }
    }
    world.check_promises(number, &kept);
}

/// Once nobody uses anything any more, nothing is held: soon what everybody has heard that it is over, then all of it.
pub(crate) async fn nothing_is_left(world: &Arc<World>) {
    let know_each_other = |(one, other): &(u8, u8)| {
        world.life(*one).is_some_and(|life| World::is_in(&life.node, &world.member(*other).identity))
    };
    let all_know_all = pairs(world).iter().all(know_each_other);
    tokio::time::sleep(IDLE).await;
    for number in world.numbers().filter(|_| all_know_all) {
        let Some(life) = world.life(number) else { continue };
        let census = life.node.census();
        if census.exports + census.imports + census.questions + census.sessions + census.paths > 0 {
            world.fail("what was given back is not kept", format!("{number} still holds {census:?}"));
        }
    }
    world.trace.count(if all_know_all { "calm.all-know-all" } else { "calm.some-are-out" });
    tokio::time::sleep(LEASES).await;
    for number in world.numbers() {
        let Some(life) = world.life(number) else { continue };
        let census = life.node.census();
        if !census.is_idle() {
            world.fail("nothing is left of what is over", format!("{number} still holds {census:?}"));
        }
    }
}
