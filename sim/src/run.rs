//! One run: acquaintance, work and trouble, calm, the end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic;
use std::sync::{Arc, Once};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::air::Weather;
use crate::entrance::acquaint;
use crate::invariant;
use crate::life::End;
use crate::trouble::{clear_away, trouble};
use crate::workload::User;
use crate::world::{World, lock};

/// In this time every machine is on again after the last trouble.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// From which everything followed.
    pub seed: u64,
    /// How many nodes there were.
    pub nodes: u8,
    /// Messages that were begun, and that came.
    pub messages: (usize, usize),
    /// Packets that were sealed, each with a key of its own.
    pub packets: usize,
    /// Virtual seconds.
    pub seconds: u64,
    /// Over everything that happened.
    pub hash: String,
    /// How often which.
    pub counts: BTreeMap<String, u64>,
}

/// A run in which something was not as it must be.
#[derive(Debug, Clone)]
pub struct Failure {
    /// From which everything followed.
    pub seed: u64,
    /// What must be true.
    pub invariant: String,
    /// What was found.
    pub what: String,
    /// Over everything that happened until then.
    pub hash: String,
    /// The last things that happened.
    pub last: Vec<String>,
}

thread_local! {
    /// Panics of this thread: tokio catches those in tasks, and a run is over with the first.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// Runs everything that follows from a seed; prints all that happens, if that is wanted.
///
/// # Errors
/// There is no runtime to be had.
pub fn run(seed: u64, prints: bool) -> Result<std::result::Result<Summary, Box<Failure>>> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            before(info);
        }));
    });
    PANICS.set(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
        let nodes = [3, 3, 3, 4, 4, 5, 6, 8][rng.random_range(0..8)];
        let world = World::new(seed, nodes, prints).context("no member can be made")?;
        everything(&world, &mut rng).await;
        if PANICS.get() > 0 {
            world.fail("nothing panics", "see above".to_owned());
        }
        let outcome = outcome(seed, nodes, &world);
        for member in &world.members {
            lock(&member.state).life = None;
        }
        Ok(outcome)
    })
}

fn outcome(seed: u64, nodes: u8, world: &World) -> std::result::Result<Summary, Box<Failure>> {
    let hash = world.trace.hash();
    match world.failure() {
        Some((invariant, what)) => {
            let last = world.trace.last();
            Err(Box::new(Failure { seed, invariant: invariant.to_owned(), what, hash, last }))
        }
        None => Ok(Summary {
            seed,
            nodes,
            messages: lock(&world.ledger).counts(),
            packets: world.keys.count(),
            seconds: world.trace.seconds(),
            hash,
            counts: world.trace.counts(),
        }),
    }
}

/// One step after the other, for as long as everything is as it must be.
async fn everything(world: &Arc<World>, rng: &mut StdRng) {
    for number in world.numbers() {
        world.start(number).await;
    }
    acquaint(world, rng).await;
    if world.has_failed() {
        return;
    }
    let watching = tokio::spawn(invariant::watch(Arc::clone(world)));
    let clearing = tokio::spawn(clear_away(Arc::clone(world)));
    work_in_trouble(world, rng).await;
    if world.has_failed() || !recovered(world).await {
        return;
    }
    invariant::converge(world).await;
    watching.abort();
    clearing.abort();
    if world.has_failed() {
        return;
    }
    invariant::nothing_is_left(world).await;
    world.set_calm(false);
    for number in world.numbers() {
        if world.has_failed() {
            return;
        }
        world.end(number, End::Shutdown).await;
    }
    let checked = lock(&world.ledger).check();
    if let Err(what) = checked {
        world.fail("an operation has one outcome, and it is true", what);
    }
}

async fn work_in_trouble(world: &Arc<World>, rng: &mut StdRng) {
    world.set_troubled(true);
    if rng.random_bool(0.6) {
        world.air.set_weather(Weather::any(rng));
    }
    let users_of_each = if world.members.len() > 4 { 1 } else { 2 };
    let mut users = Vec::new();
    for number in world.numbers() {
        for _ in 0..users_of_each {
            let name = u32::try_from(users.len()).unwrap_or(u32::MAX) + 1;
            let user = User::new(world, number, name);
            users.push(tokio::spawn(user.work(rng.random_range(12..28))));
        }
    }
    let troubling = tokio::spawn(trouble(Arc::clone(world), rng.random_range(8..24)));
    for user in users {
        // It panicked: that is counted.
        user.await.ok();
    }
    troubling.await.ok();
    world.set_troubled(false);
    world.air.set_weather(Weather::CALM);
    for one in &world.members {
        for other in &world.members {
            world.network.set_way_open(one.host(), other.host(), true);
        }
    }
}

/// Waits until every machine is on.
async fn recovered(world: &Arc<World>) -> bool {
    let all_on = async {
        while !world.has_failed() && world.numbers().any(|number| world.life(number).is_none()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(RECOVERY_TIMEOUT, all_on).await.is_err() {
        world.fail("every node starts again", String::new());
    }
    for number in world.numbers() {
        world.member(number).clock.steady();
        if let Some(life) = world.life(number) {
            life.person.set_fault(None);
            life.other.set_fault(None);
        }
    }
    !world.has_failed()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |prefix: &str| -> u64 {
            self.counts.iter().filter(|(kind, _)| kind.starts_with(prefix)).map(|(_, count)| count).sum()
        };
        let failed: u64 =
            self.counts.iter().filter(|(kind, _)| kind.ends_with(".failed")).map(|(_, count)| count).sum();
        let (begun, came) = self.messages;
        write!(
            f,
            "seed {:<6} {} nodes {:>5} s, {:>4} operations ({failed} failed), {begun} messages ({came} came), {} faults, {} packets, {}",
            self.seed,
            self.nodes,
            self.seconds,
            sum("op."),
            sum("fault."),
            self.packets,
            self.hash
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.last {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {} FAILED: {}: {} ({})", self.seed, self.invariant, self.what, self.hash)
    }
}
