//! The secrets that challenges are made with.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// The secrets that count now, the first of which is fit to make cookies with.
    pub(crate) fn secrets(&mut self, now: Instant, rng: &mut dyn CryptoRng) -> Secrets {
        if self.age(now).is_none_or(|age| age >= COOKIE_SECRET_LIFETIME) {
            let former = self.drawn(now).first().cloned();
            self.secrets = std::iter::once(CookieSecret::generate(rng)).chain(former).collect();
            self.drawn = Some(now);
        }
        Arc::clone(&self.secrets)
    }

    /// The secrets that count now, for those who come back with a cookie from a time of load.
    pub(crate) fn drawn(&mut self, now: Instant) -> Secrets {
        if self.age(now).is_none_or(|age| age >= 2 * COOKIE_SECRET_LIFETIME) {
            self.secrets = Secrets::default();
        }
        Arc::clone(&self.secrets)
    }

    fn age(&self, now: Instant) -> Option<Duration> {
        self.drawn.map(|drawn| now.saturating_duration_since(drawn))
    }
}
