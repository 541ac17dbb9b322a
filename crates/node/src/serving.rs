//! The services that are running.

use std::sync::Arc;

use tokio::sync::watch;

/// How many services of a node are running.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    count: Arc<watch::Sender<usize>>,
}

/// One of them, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Service(Serving);

impl Serving {
    pub(crate) fn new() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)) }
    }

    pub(crate) fn begin(&self) -> Service {
        self.count.send_modify(|count| *count += 1);
        Service(self.clone())
    }

    /// Waits until none is running.
    pub(crate) async fn ended(&self) {
        // The sender is here, so the wait cannot fail.
        self.count.subscribe().wait_for(|count| *count == 0).await.ok();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.count.send_modify(|count| *count -= 1);
    }
}
