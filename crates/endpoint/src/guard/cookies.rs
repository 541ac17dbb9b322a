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
    /// When each was drawn: a secret counts for two lifetimes, and cookies are made with it in the first.
    drawn: [Option<Instant>; 2],
}

impl Cookies {
    /// The secrets that count now, the first of which is fit to make cookies with.
    pub(crate) fn secrets(&mut self, now: Instant, rng: &mut dyn CryptoRng) -> Secrets {
        self.forget(now);
        if age(now, self.drawn[0]).is_none_or(|age| age >= COOKIE_SECRET_LIFETIME) {
            let former = self.secrets.first().cloned();
            self.drawn = [Some(now), self.drawn[0]];
            self.secrets = std::iter::once(CookieSecret::generate(rng)).chain(former).collect();
        }
        Arc::clone(&self.secrets)
    }

    /// The secrets that count now, for those who come back with a cookie from a time of load.
    pub(crate) fn drawn(&mut self, now: Instant) -> Secrets {
        self.forget(now);
        Arc::clone(&self.secrets)
    }

    /// Forgets what has had its time.
    fn forget(&mut self, now: Instant) {
        let counts =
            |drawn: &Option<Instant>| age(now, *drawn).is_some_and(|age| age < 2 * COOKIE_SECRET_LIFETIME);
        // The newest stands first: the first that is too old ends those that count.
        let counting = self.drawn.iter().take_while(|drawn| counts(drawn)).count();
        if counting < self.secrets.len() {
            self.secrets = self.secrets.iter().take(counting).cloned().collect();
            self.drawn.iter_mut().skip(counting).for_each(|drawn| *drawn = None);
        }
    }
}

fn age(now: Instant, drawn: Option<Instant>) -> Option<Duration> {
    drawn.map(|drawn| now.saturating_duration_since(drawn))
}
