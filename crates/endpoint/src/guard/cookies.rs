//! The secrets that challenges are made with.

use std::sync::Arc;
use std::time::Instant;

use rand_core::CryptoRng;
use x3dh_handshake::CookieSecret;
use x3dh_handshake::cookie::COOKIE_SECRET_LIFETIME;

/// The secret of now and the one before it, the newest first.
pub(crate) type Secrets = Arc<[CookieSecret]>;

/// Draws a secret when one is needed, and another when it is old.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    secrets: Secrets,
    drawn: Option<Instant>,
}

impl Cookies {
    /// The secrets that count now.
    pub(crate) fn secrets(&mut self, now: Instant, rng: &mut dyn CryptoRng) -> Secrets {
        let age = self.drawn.map(|drawn| now.saturating_duration_since(drawn));
        if age.is_none_or(|age| age >= COOKIE_SECRET_LIFETIME) {
            let former = self.secrets.first().filter(|_| age.is_some_and(|age| age < 2 * COOKIE_SECRET_LIFETIME));
            self.secrets = std::iter::once(CookieSecret::generate(rng)).chain(former.cloned()).collect();
            self.drawn = Some(now);
        }
        Arc::clone(&self.secrets)
    }

    /// The secrets that were drawn, for those who come back with a cookie of a time of load.
    pub(crate) fn drawn(&self) -> Secrets {
        Arc::clone(&self.secrets)
    }
}
