//! Fresh keys: when they are due, and what the messages about them bring.

use std::time::Instant;

use rand_core::CryptoRng;
use secure_channel::{NextKeys, PREVIOUS_GRACE};

use super::Rx;
use crate::error::PeerFault;

impl Rx {
    /// Asks the peer for fresh keys, unless that is under way. [`Tx::needs_rekey`](crate::Tx::needs_rekey)
    /// says when enough was sent; time is watched here.
    pub fn rekey(&mut self, rng: &mut dyn CryptoRng) {
        // Without fresh randomness the present keys go on; the next deadline tries again.
        if self.rekey.is_idle()
            && let Ok(request) = self.rekey.request(rng)
        {
            self.feedback.news.rekey.get_or_insert_default().request = Some(request);
        }
    }

    pub(super) fn rekey_request(&mut self, rng: &mut dyn CryptoRng, message: &[u8]) -> Result<(), PeerFault> {
        let answer = self.rekey.handle_request(rng, message).map_err(|_| PeerFault::BadRekey)?;
        let Some(answer) = answer else { return Ok(()) };
        if let Some(keys) = answer.keys {
            self.install(keys)?;
        }
        self.feedback.news.rekey.get_or_insert_default().response = Some(answer.response);
        Ok(())
    }

    pub(super) fn rekey_response(&mut self, now: Instant, message: &[u8]) -> Result<(), PeerFault> {
        let keys = self.rekey.handle_response(message).map_err(|_| PeerFault::BadRekey)?;
        if let Some(keys) = keys {
            self.install(keys)?;
            self.keyed_at = now;
            // The peer goes on with the old keys until it sees the new ones.
            self.feedback.confirm = true;
        }
        Ok(())
    }

    fn install(&mut self, keys: NextKeys) -> Result<(), PeerFault> {
        if self.feedback.install.is_some() {
            // Two moves before we could have sealed anything under the first: no peer of ours does that.
            return Err(PeerFault::BadRekey);
        }
        self.opener.install(keys.opening).map_err(|_| PeerFault::BadRekey)?;
        self.feedback.install = Some(keys.sealing);
        Ok(())
    }

    /// A packet has opened under newer keys than those before.
    pub(super) fn keys_moved(&mut self, now: Instant, generation: Option<u64>) {
        self.moved_at = Some(now);
        if let Some(generation) = generation {
            self.keyed_at = now;
            let answered = !self.rekey.is_idle();
            self.rekey.handle_followed(generation);
            self.feedback.follow = Some(generation);
            // So that the peer can erase the old keys of the other direction, too.
            self.feedback.confirm |= answered && self.rekey.is_idle();
        }
    }

    pub(super) fn keys_timeout(&mut self, now: Instant, rng: &mut dyn CryptoRng) {
        if self.moved_at.is_some_and(|moved_at| now >= moved_at + PREVIOUS_GRACE) {
            self.moved_at = None;
            self.opener.forget_previous();
        }
        if now.saturating_duration_since(self.keyed_at) >= self.limits.rekey_after {
            self.keyed_at = now;
            self.rekey(rng);
        }
    }

    pub(super) fn keys_deadline(&self) -> Option<Instant> {
        let forget = self.moved_at.map(|moved_at| moved_at + PREVIOUS_GRACE);
        let rekey = self.keyed_at.checked_add(self.limits.rekey_after);
        [forget, rekey].into_iter().flatten().min()
    }
}
