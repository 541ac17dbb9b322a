//! Credit: a sender goes as far as its receiver has granted, no further, and goes on as soon as there is more.

use std::sync::Arc;
use std::time::Duration;

use node::{Sender, StreamName, StreamOptions};

use crate::air::Weather;
use crate::calm::{TIMEOUT, send, send_with};
use crate::ledger::Kind;
use crate::life::{Life, STREAM};
use crate::workload::message;
use crate::world::World;

/// Messages that are small enough to share packets: such a one is accepted when its credit is spent.
const MESSAGE_BYTES: usize = 12_000;
/// What each costs.
const MESSAGE_COST_BYTES: u64 = 12_064;
/// What the receiver has taken and not yet given back, and what it takes of what it is held from.
const SLACK_BYTES: u64 = 4 * MESSAGE_COST_BYTES;
/// A sender that is not accepted for so long has no credit, while nothing is wrong.
const STUCK: Duration = Duration::from_secs(5);
/// A message of four chunks, and a connection on which they come more than a second apart: there is room for all of them in
/// the connection at once.
const SLOW_BYTES: usize = 240_000;
const SLOW_BYTES_PER_SECOND: u64 = 40_000;
/// Keys are replaced after an hour; this is longer than two of these.
const LONGER_THAN_KEYS: Duration = Duration::from_secs(2 * 3_600 + 600);
/// A session that is used so often is not idle.
const USE_INTERVAL: Duration = Duration::from_secs(14);
/// Transfers begun and given up, one after the other: together they are more than the smallest window.
const ABANDONED: usize = 8;
/// The length of each, and what is written of it.
const ABANDONED_BYTES: (u64, usize) = (150_000, 70_000);

/// Fills the window of a receiver that takes nothing, and lets it go on: with what was granted at first, and with what was
/// granted since.
pub(crate) async fn press(world: &Arc<World>, life: &Life, (one, other): (u8, u8)) {
    // One sender all the time: a stream, and its credit, lasts as long as somebody sends on it.
    let Some(sender) = sender(world, life, other) else { return };
    for _ in 0..2 {
        // There is a session, and what went before is consumed.
        send_with(world, &sender, (one, other), (Kind::Confirmed, 50_000)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        fill(world, &sender, (one, other)).await;
    }
    send_with(world, &sender, (one, other), (Kind::Confirmed, 50_000)).await;
}

async fn fill(world: &Arc<World>, sender: &Sender, (one, other): (u8, u8)) {
    let Some(there) = world.life(other) else { return };
    let window = there.windows.stream.min(there.windows.session);
    world.set_held(other, true);
    let (mut accepted, mut numbers) = (0, Vec::new());
    let is_stopped = loop {
        let number = world.next_number();
        world.begun(number, Kind::Send, one, Some(other), u32::MAX - u32::from(one));
        let sending = sender.send(message(number, MESSAGE_BYTES));
        let Ok(result) = tokio::time::timeout(STUCK, sending).await else {
            world.ended(number, false, true);
            break true;
        };
        world.ended(number, result.is_ok(), true);
        if let Err(error) = result {
            world.fail("what is sent is accepted when nothing is wrong", error.to_string());
            break true;
        }
        accepted += MESSAGE_COST_BYTES;
        numbers.push(number);
        if accepted > 2 * window {
            break false;
        }
    };
    world.trace.note("calm.pressed", format_args!("{one} {other} {accepted} of {window}"));
    // Credit is given back when half a window is consumed: between one half and all of it is left.
    if !is_stopped || accepted > window + SLACK_BYTES || accepted + SLACK_BYTES < window / 2 {
        let what = format!("{one} was accepted {accepted} bytes by {other}, whose window has {window}");
        world.fail("a sender goes as far as its credit, and no further", what);
    }
    world.set_held(other, false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.must_have_come(&numbers);
}

/// Breaks the connection at the moment at which something is confirmed that comes slowly: it has arrived, whole.
pub(crate) async fn cut_at_confirmation(world: &Arc<World>, life: &Life, (one, other): (u8, u8)) {
    let Some(sender) = sender(world, life, other) else { return };
    send_with(world, &sender, (one, other), (Kind::Confirmed, 100)).await;
    world.set_calm(false);
    world.air.set_weather(Weather { bytes_per_second: Some(SLOW_BYTES_PER_SECOND), ..Weather::CALM });
    let number = send_with(world, &sender, (one, other), (Kind::Confirmed, SLOW_BYTES)).await;
    world.cut_between("calm.cut-at-confirmation", one, other);
    world.air.set_weather(Weather::CALM);
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.must_have_come(&[number]);
    world.set_calm(true);
}

/// Gives up many transfers: what they cost comes back, and what is sent afterwards arrives.
pub(crate) async fn abandon(world: &Arc<World>, life: &Life, (one, other): (u8, u8)) {
    let Some(sender) = sender(world, life, other) else { return };
    let (length, written) = ABANDONED_BYTES;
    for _ in 0..ABANDONED {
        let number = world.next_number();
        world.begun(number, Kind::Pieces, one, Some(other), u32::MAX - u32::from(one));
        let bytes = message(number, written);
        let giving_up = async {
            let mut outgoing = sender.begin(length).await?;
            outgoing.write(bytes).await
        };
        let begun = tokio::time::timeout(TIMEOUT, giving_up).await;
        world.ended(number, false, true);
        if !matches!(begun, Ok(Ok(()))) {
            world.fail("what is given up costs nothing", format!("{one} to {other}: {begun:?}"));
            return;
        }
    }
    world.trace.note("calm.abandoned", format_args!("{one} {other}"));
    send(world, life, (one, other), (Kind::Confirmed, 150_000)).await;
}

/// Uses a session for longer than its keys serve.
pub(crate) async fn outlive_keys(world: &Arc<World>, life: &Life, pair: (u8, u8)) {
    let began = tokio::time::Instant::now();
    while began.elapsed() < LONGER_THAN_KEYS && !world.has_failed() {
        send(world, life, pair, (Kind::Confirmed, 1_000)).await;
        tokio::time::sleep(USE_INTERVAL).await;
    }
    world.trace.note("calm.outlived", format_args!("{pair:?}"));
}

fn sender(world: &World, life: &Life, other: u8) -> Option<Sender> {
    let name = StreamName::new(STREAM)?;
    Some(life.node.sender(world.member(other).identity, name, StreamOptions::default()))
}
