//! Strangers: they say again what they have recorded, say anything, or say nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::air::Recorded;
use crate::member::host;
use crate::world::{World, lock};

/// The number of the host where strangers are.
pub(crate) const STRANGERS: u8 = 200;
/// A reply to a member has an encapsulated key in it. One to a caller without a name is shorter, and whoever repeats such a
/// call gets one: it is bound to nobody.
const LEAST_REPLY_BYTES: usize = 1_000;
/// How long they wait for an answer.
const PATIENCE: Duration = Duration::from_secs(12);

/// Knocks at a node's door.
pub(crate) async fn knock(world: Arc<World>, victim: u8, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let recorded = if rng.random_bool(0.75) { world.air.recorded(&mut rng) } else { None };
    let (name, to, bytes, answered) = match recorded {
        Some(Recorded { to, mut bytes, answered }) => {
            if rng.random_bool(0.3) {
                bytes.truncate(rng.random_range(0..=bytes.len()));
            }
            ("fault.replay", to, bytes, answered)
        }
        None => {
            let mut bytes = vec![0; rng.random_range(0..3_000)];
            rng.fill_bytes(&mut bytes);
            ("fault.garbage", world.member(victim).address(), bytes, None)
        }
    };
    world.trace.note(name, format_args!("{to} {} bytes", bytes.len()));
    let from = SocketAddr::new(host(STRANGERS), 0);
    let connecting = tokio::time::timeout(PATIENCE, world.network.connect(from, to)).await;
    let Ok(Ok(mut stream)) = connecting else { return };
    if stream.write_all(&bytes).await.is_err() {
        return;
    }
    let mut heard = Vec::new();
    // Broken, silent or closed: it is over then.
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.ok();
    world.trace.note("stranger.heard", format_args!("{} bytes", heard.len()));
    // Whoever has answered a first packet, and has not been restarted since, never answers it again.
    let ended = world
        .numbers()
        .find(|number| world.member(*number).address() == to)
        .map(|number| lock(&world.ledger).ended_since(number, answered));
    if answered.is_some() && ended == Some(false) && heard.len() >= LEAST_REPLY_BYTES {
        world.fail("a first packet is answered once", format!("{} bytes from {to}", heard.len()));
    }
    if name == "fault.garbage" && !heard.is_empty() {
        world.fail("a stranger hears nothing", format!("{} bytes from {to}", heard.len()));
    }
}
