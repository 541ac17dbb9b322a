//! What goes wrong: the network, the disks, the clocks, the power, and strangers.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::air::Weather;
use crate::disk::{Disk, Fault};
use crate::life::{End, Life};
use crate::replay;
use crate::world::{World, lock};

/// Makes so much trouble, one thing after the other; what lasts is over when this returns.
pub(crate) async fn trouble(world: Arc<World>, count: u32) {
    let mut rng = StdRng::seed_from_u64(world.draw());
    let mut lasting = Vec::new();
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..2_500))).await;
        if world.has_failed() {
            return;
        }
        let victim = rng.random_range(0..world.members.len());
        let Some(victim) = world.members.get(victim).map(|member| member.number) else { return };
        let most = [800, 5_000, 25_000][rng.random_range(0..3)];
        let lasts = Duration::from_millis(rng.random_range(50..most));
        match rng.random_range(0..100) {
            0..14 => cut(&world, victim, &mut rng),
            14..26 => lasting.push(tokio::spawn(block(Arc::clone(&world), victim, lasts, rng.random()))),
            26..36 => lasting.push(tokio::spawn(part(Arc::clone(&world), lasts, rng.random()))),
            36..48 => {
                let weather = Weather::any(&mut rng);
                world.trace.note("fault.weather", format_args!("{weather:?}"));
                world.air.set_weather(weather);
            }
            48..58 => disturb_clock(&world, victim, &mut rng),
            58..72 => lasting.push(tokio::spawn(break_disk(Arc::clone(&world), victim, lasts, rng.random()))),
            72..82 => lasting.push(tokio::spawn(restart(Arc::clone(&world), victim, End::PowerCut, lasts))),
            82..88 => lasting.push(tokio::spawn(restart(Arc::clone(&world), victim, End::Shutdown, lasts))),
            _ => lasting.push(tokio::spawn(replay::knock(Arc::clone(&world), victim, rng.random()))),
        }
    }
    for task in lasting {
        // Aborted only with the run.
        task.await.ok();
    }
}

fn other_than(world: &World, victim: u8, rng: &mut StdRng) -> u8 {
    let others: Vec<_> = world.numbers().filter(|number| *number != victim).collect();
    others[rng.random_range(0..others.len())]
}

fn cut(world: &World, victim: u8, rng: &mut StdRng) {
    let host = world.member(victim).host();
    let count = if rng.random_bool(0.5) {
        world.network.cut(host)
    } else {
        world.network.cut_between(host, world.member(other_than(world, victim, rng)).host())
    };
    world.trace.note("fault.cut", format_args!("{victim} {count}"));
}

/// One way between two hosts, or both.
async fn block(world: Arc<World>, victim: u8, lasts: Duration, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let other = other_than(&world, victim, &mut rng);
    let (one, other) = (world.member(victim).host(), world.member(other).host());
    let both = rng.random_bool(0.3);
    let set = |open| {
        world.network.set_way_open(one, other, open);
        if both {
            world.network.set_way_open(other, one, open);
        }
    };
    world.trace.note(
        if both { "fault.block" } else { "fault.block-one-way" },
        format_args!("{one} {other} {lasts:?}"),
    );
    set(false);
    tokio::time::sleep(lasts).await;
    set(true);
}

/// Two sides that do not hear each other, or of which one does not hear the other.
async fn part(world: Arc<World>, lasts: Duration, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (one, other): (Vec<u8>, Vec<u8>) = world.numbers().partition(|_| rng.random_bool(0.5));
    let both = rng.random_bool(0.7);
    world.trace.note(
        if both { "fault.partition" } else { "fault.partition-one-way" },
        format_args!("{one:?} {other:?} {lasts:?}"),
    );
    let set = |open| {
        for one in &one {
            for other in &other {
                let (one, other) = (world.member(*one).host(), world.member(*other).host());
                world.network.set_way_open(one, other, open);
                if both {
                    world.network.set_way_open(other, one, open);
                }
            }
        }
    };
    set(false);
    tokio::time::sleep(lasts).await;
    set(true);
}

fn disturb_clock(world: &World, victim: u8, rng: &mut StdRng) {
    let (skew, drift) = world.member(victim).clock.disturb(rng);
    let name = if drift == 0 { "fault.clock" } else { "fault.clock-drift" };
    world.trace.note(name, format_args!("{victim} {skew} ms {drift} ppm"));
}

async fn break_disk(world: Arc<World>, victim: u8, lasts: Duration, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let Some(life) = world.life(victim) else { return };
    let (name, fault) = match rng.random_range(0..4) {
        0 => ("fault.disk-once", Fault::Once(rng.random_range(0..40))),
        1 => ("fault.disk-sync", Fault::Syncs),
        2 => ("fault.disk-full", Fault::Full),
        _ => ("fault.disk-power", Fault::Power(rng.random_range(0..40))),
    };
    let disk: &Disk = if rng.random_bool(0.8) { &life.person } else { &life.other };
    world.trace.note(name, victim);
    disk.set_fault(Some(fault));
    tokio::time::sleep(lasts).await;
    disk.set_fault(None);
}

async fn restart(world: Arc<World>, victim: u8, how: End, lasts: Duration) {
    {
        let mut state = lock(&world.member(victim).state);
        if state.busy || state.life.is_none() {
            return;
        }
        state.busy = how == End::Shutdown;
        if how == End::PowerCut
            && let Some(life) = &state.life
        {
            let machine = Arc::clone(&life.machine);
            drop(state);
            world.trace.note("fault.power-cut", victim);
            // Whoever clears away turns it on again.
            world.take_power(victim, &machine);
            return;
        }
    }
    world.trace.note("fault.shutdown", victim);
    world.end(victim, how).await;
    tokio::time::sleep(lasts).await;
    world.start(victim).await;
}

/// Clears away what machines leave that have lost their power, and turns them on again.
pub(crate) async fn clear_away(world: Arc<World>) {
    let mut rng = StdRng::seed_from_u64(world.draw());
    loop {
        world.deaths.notified().await;
        for number in world.numbers() {
            let dead = {
                let mut state = lock(&world.member(number).state);
                let is_dead = |life: &Arc<Life>| !life.machine.has_power();
                let dead = !state.busy && state.life.as_ref().is_some_and(is_dead);
                state.busy |= dead;
                dead
            };
            if dead {
                let (world, off) = (Arc::clone(&world), Duration::from_millis(rng.random_range(10..15_000)));
                tokio::spawn(async move {
                    // What it had begun is dropped first.
                    tokio::task::yield_now().await;
                    world.end(number, End::PowerCut).await;
                    tokio::time::sleep(off).await;
                    world.start(number).await;
                });
            }
        }
    }
}
