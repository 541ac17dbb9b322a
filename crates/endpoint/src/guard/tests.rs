//! The guard, on a virtual clock.

mod bounds;
mod flood;
mod levels;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Guard, GuardConfig, Source};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn guard(now: Instant) -> Guard {
    Guard::new(now, &GuardConfig::default(), &mut StdRng::seed_from_u64(1))
}

/// A host of a network.
fn source(network: u32, host: u32) -> Source {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&network.to_be_bytes());
    let of_network = bytes;
    bytes[4..8].copy_from_slice(&host.to_be_bytes());
    Source { host: bytes, network: of_network }
}
