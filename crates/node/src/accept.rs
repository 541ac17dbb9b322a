//! The loop that accepts connections, and survives the lack of everything it needs for them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::carrier::Carrier;
use crate::transport::Listener;

/// First and longest pause after a failure that is not of one connection only: too many open files, no memory.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until the task is aborted. `admit` must not block.
pub(crate) async fn accept(mut listener: Listener, mut admit: impl FnMut(Carrier, SocketAddr)) {
    let mut trouble = Trouble::default();
    loop {
        match listener.accept().await {
            Ok((carrier, address)) => {
                if trouble.end() {
                    tracing::info!("accepting connections again");
                }
                admit(carrier, address);
            }
            // The far end gave up before we got to it; the kernel reports that here.
            Err(error) if of_one_connection(&error) => {
                tracing::debug!(%error, "a connection ended before it began")
            }
            Err(error) => {
                if trouble.begins() {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                }
                tokio::time::sleep(trouble.pause()).await;
            }
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, InvalidInput, NetworkDown,
        NetworkUnreachable, NotConnected, PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        // `InvalidInput` is how some kernels answer socket options on a connection that is gone already.
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | InvalidInput
            | NetworkDown
            | NetworkUnreachable
            | NotConnected
            | PermissionDenied
            | TimedOut
    )
}

/// A time during which nothing can be accepted: it is logged once, however often we try.
#[derive(Default)]
struct Trouble {
    last_pause: Option<Duration>,
}

impl Trouble {
    fn begins(&self) -> bool {
        self.last_pause.is_none()
    }

    fn pause(&mut self) -> Duration {
        let pause = self.last_pause.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        self.last_pause = Some(pause);
        pause
    }

    fn end(&mut self) -> bool {
        self.last_pause.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_begins_once_and_its_pauses_are_bounded() {
        let mut trouble = Trouble::default();
        assert!(!trouble.end());
        assert!(trouble.begins());
        assert_eq!(trouble.pause(), FIRST_PAUSE);
        assert!(!trouble.begins());
        assert_eq!((0..100).map(|_| trouble.pause()).max(), Some(LONGEST_PAUSE));
        assert!(trouble.end());
        assert!(trouble.begins());
    }
}
