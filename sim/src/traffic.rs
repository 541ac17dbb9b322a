//! Traffic that uses up what a session may hold: bursts beyond the windows, transfers that are given up, and callers
//! without a name.

use std::time::Duration;

use membership::NetAddress;
use node::SendError;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::ledger::Kind;
use crate::life::{ANONYMOUS_SERVICE, Life};
use crate::workload::{User, message};

/// Windows up to this many bytes are used up on purpose; larger ones only where nothing is wrong.
const MAX_BURST_WINDOW_BYTES: u64 = 1 << 20;
/// What a burst has at least where the window is larger.
const BURST_BYTES: u64 = 300_000;
/// Messages of one burst.
const MAX_BURST: u32 = 60;

impl User {
    /// Messages one behind the other, more than the far side keeps; that the last has arrived is waited for.
    pub(crate) async fn burst(&mut self, life: &Life, other: u8) {
        let Some(sender) = self.sender(life, other) else { return };
        let window = self.world.life(other).map_or(u64::MAX, |there| there.windows.stream);
        let share = self.rng.random_range(5..20);
        let total =
            if window <= MAX_BURST_WINDOW_BYTES { window.saturating_mul(share) / 10 } else { BURST_BYTES };
        let (mut sent, mut count) = (0, 0);
        let is_small = self.rng.random_bool(0.3);
        loop {
            let length = any_length(&mut self.rng, is_small);
            (sent, count) = (sent + u64::try_from(length).unwrap_or(u64::MAX / 2), count + 1);
            let is_last = sent >= total || count == MAX_BURST;
            let kind = if is_last { Kind::Confirmed } else { Kind::Send };
            let number = self.begin(kind, other);
            let bytes = message(number, length);
            let operation =
                async { if is_last { sender.send_confirmed(bytes).await } else { sender.send(bytes).await } };
            let Some(result) = self.outcome("burst", life, operation).await else { return };
            let maybe = result.as_ref().err().is_some_and(SendError::maybe_delivered);
            self.world.ended(number, result.is_ok(), maybe);
            if is_last || result.is_err() {
                self.note("burst", &result);
                return self.maybe_cut(result.is_ok(), other);
            }
        }
    }

    /// Begins a transfer, and gives it up somewhere in the middle.
    pub(crate) async fn abandon(&mut self, life: &Life, other: u8) {
        let Some(sender) = self.sender(life, other) else { return };
        let length = self.rng.random_range(70_000..400_000);
        let written = self.rng.random_range(0..length);
        let number = self.begin(Kind::Pieces, other);
        let mut bytes = message(number, length).split_to(written);
        let operation = async {
            let mut outgoing = sender.begin(u64::try_from(length).unwrap_or(u64::MAX)).await?;
            while !bytes.is_empty() {
                outgoing.write(bytes.split_to(bytes.len().min(50_000))).await?;
            }
            Ok::<_, SendError>(())
        };
        let given_up = self.outcome("abandon", life, operation).await;
        let Some(result) = given_up else { return };
        self.world.trace.note("op.abandon", format_args!("{} {}", self.me, result.is_ok()));
        self.world.ended(number, false, true);
    }

    /// Calls somebody's public service without a name.
    pub(crate) async fn call(&mut self, life: &Life, other: u8) {
        let address = NetAddress::new(self.world.member(other).address().to_string()).ok();
        let there = self.world.life(other);
        let (Some(there), Some(address)) = (there, address) else { return };
        let Some(contact) = there.node.anonymous_contact(address) else { return };
        drop(there);
        let mut request = vec![0; self.rng.random_range(0..5_000)];
        self.rng.fill(request.as_mut_slice());
        let expected: Vec<u8> = request.iter().rev().copied().collect();
        let calling = life.node.call_anonymously(&contact, ANONYMOUS_SERVICE, request);
        let Some(result) = self.outcome("call", life, calling).await else { return };
        self.note("call", &result);
        if result.is_ok_and(|reply| reply != expected) {
            self.world.fail("a reply is the one to the call", format!("{} to {other}", self.me));
        }
    }

    /// Breaks the connections to somebody at the moment at which something is known to have arrived there.
    pub(crate) fn maybe_cut(&mut self, has_arrived: bool, other: u8) {
        if has_arrived && self.world.is_troubled() && self.rng.random_bool(0.2) {
            self.world.cut_between("fault.cut-after-confirmation", self.me, other);
        }
    }
}

fn any_length(rng: &mut StdRng, is_small: bool) -> usize {
    match rng.random_range(0..3) {
        0 => rng.random_range(8..400),
        1 => rng.random_range(4_000..16_000),
        _ if is_small => rng.random_range(1_000..4_000),
        _ => rng.random_range(16_500..70_000),
    }
}

/// Before a consumer that is slow goes on.
pub(crate) fn any_pause(rng: &mut StdRng) -> Duration {
    let most = if rng.random_bool(0.5) { 50 } else { 3_000 };
    Duration::from_millis(rng.random_range(0..most))
}
