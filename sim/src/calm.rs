//! What works when nothing is wrong: everything.

use std::sync::Arc;
use std::time::Duration;

use node::{Sender, StreamName, StreamOptions};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::actor::{Desk, SERVICE};
use crate::flow;
use crate::ledger::Kind;
use crate::life::{Life, STREAM};
use crate::workload::{in_pieces, message};
use crate::world::World;

/// What members whom others have introduced may send at once.
const LARGE_BYTES: usize = 1_500_000;
/// So many of these are more than the window of a stream and of a session: they come only if credit is given back.
const LARGE_COUNT: u32 = 5;
/// One run in so many moves that much.
const LARGE_IN: u32 = 4;
/// For any one thing that has to work.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
/// One run in so many has a session that lives longer than its keys.
const LONG_IN: u32 = 8;
/// So often more goes through a window that is small than it holds.
const SMALL_WINDOW_TIMES: u64 = 3;
/// Windows up to this many bytes are small.
const MAX_SMALL_WINDOW_BYTES: u64 = 1 << 20;

/// Has all who know each other send and ask once more, which has to work.
pub(crate) async fn speak(world: &Arc<World>, pairs: &[(u8, u8)]) {
    let mut rng = StdRng::seed_from_u64(world.draw());
    let mut is_large = rng.random_range(0..LARGE_IN) == 0;
    let pressed = rng.random_range(0..pairs.len().max(1));
    for (index, &(one, other)) in pairs.iter().enumerate() {
        let (Some(life), Some(there)) = (world.life(one), world.life(other)) else { continue };
        let window = there.windows.session;
        drop(there);
        if index == pressed {
            flow::cut_at_confirmation(world, &life, (one, other)).await;
            flow::press(world, &life, (one, other)).await;
            flow::abandon(world, &life, (one, other)).await;
            if rng.random_range(0..LONG_IN) == 0 {
                flow::outlive_keys(world, &life, (one, other)).await;
            }
        }
        if window <= MAX_SMALL_WINDOW_BYTES {
            let mut left = SMALL_WINDOW_TIMES * window;
            while left > 0 && !world.has_failed() {
                let length = rng.random_range(20_000..200_000);
                let kind = [Kind::Pieces, Kind::Confirmed][rng.random_range(0..2)];
                send(world, &life, (one, other), (kind, length)).await;
                left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
            }
        }
        if std::mem::take(&mut is_large) {
            for _ in 0..LARGE_COUNT {
                send(world, &life, (one, other), (Kind::Pieces, LARGE_BYTES)).await;
            }
        }
        let length = rng.random_range(60_000..200_000);
        send(world, &life, (one, other), (Kind::Confirmed, length)).await;
        ask(world, &life, (one, other)).await;
    }
}

/// Sends something that has to arrive, on a stream of its own.
pub(crate) async fn send(world: &World, life: &Life, pair: (u8, u8), what: (Kind, usize)) {
    let Some(name) = StreamName::new(STREAM) else { return };
    let sender = life.node.sender(world.member(pair.1).identity, name, StreamOptions::default());
    send_with(world, &sender, pair, what).await;
}

/// Sends something that has to arrive; gives back its number.
pub(crate) async fn send_with(
    world: &World,
    sender: &Sender,
    (one, other): (u8, u8),
    (kind, length): (Kind, usize),
) -> u64 {
    let number = world.next_number();
    // Nobody's messages but this sender's are in order with it.
    world.begun(number, kind, one, Some(other), u32::MAX - u32::from(one));
    let bytes = message(number, length);
    let sending = async {
        match kind {
            Kind::Pieces => in_pieces(sender, bytes).await,
            _ => sender.send_confirmed(bytes).await,
        }
    };
    let result = tokio::time::timeout(TIMEOUT, sending).await;
    let is_ok = matches!(result, Ok(Ok(())));
    world.trace.note("calm.send", format_args!("{one} {other} {length} {is_ok}"));
    world.ended(number, is_ok, true);
    if !is_ok {
        let what = format!("{length} bytes from {one} to {other}: {result:?}");
        world.fail("what is sent arrives when nothing is wrong", what);
    }
    number
}

async fn ask(world: &World, life: &Life, (one, other): (u8, u8)) {
    let number = world.next_number();
    world.begun(number, Kind::Ask, one, Some(other), 0);
    let asking = async {
        let desk = life.node.service::<Desk>(world.member(other).identity, SERVICE).await.ok()?;
        desk.ask(|reply| Desk::Question(number, reply), TIMEOUT).await.ok()
    };
    let answer = tokio::time::timeout(TIMEOUT, asking).await;
    let is_ok = answer == Ok(Some(number + 1));
    world.trace.note("calm.ask", format_args!("{one} {other} {is_ok}"));
    world.ended(number, is_ok, true);
    if !is_ok {
        world.fail(
            "what is asked is answered when nothing is wrong",
            format!("{one} asks {other}: {answer:?}"),
        );
    }
}
