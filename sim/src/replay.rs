//! Strangers: they say again what they have recorded, say anything, or say nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::member::host;
use crate::world::World;

/// The number of the host where strangers are.
const STRANGERS: u8 = 200;
/// How long they wait for an answer.
const PATIENCE: Duration = Duration::from_secs(12);

/// Knocks at a node's door.
pub(crate) async fn knock(world: Arc<World>, victim: u8, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let recorded = if rng.random_bool(0.75) { world.air.recorded(&mut rng) } else { None };
    let (name, to, bytes) = match recorded {
        Some((to, mut bytes)) => {
            if rng.random_bool(0.3) {
                bytes.truncate(rng.random_range(0..=bytes.len()));
            }
            ("fault.replay", to, bytes)
        }
        None => {
            let mut bytes = vec![0; rng.random_range(0..3_000)];
            rng.fill_bytes(&mut bytes);
            ("fault.garbage", world.member(victim).address(), bytes)
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
    if name == "fault.garbage" && !heard.is_empty() {
        world.fail("a stranger hears nothing", format!("{} bytes from {to}", heard.len()));
    }
}
