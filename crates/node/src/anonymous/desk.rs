//! Which services are open to callers without a name, and who has a place.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use actor_proxy::ServiceName;
use bytes::Bytes;
use tokio::sync::watch;

use super::channel::Sizes;
use super::wire::{AnonymousRefusal, MAX_REQUEST_HEADER_BYTES, REPLY_HEADER_BYTES};
use super::{AnonymousLimits, AnonymousReport};
use crate::error::AnonymousServeError;
use crate::sync::lock;

/// What a caller with a small path puts into one packet.
const SMALL_PACKET_BYTES: usize = 512;
/// For credit, acknowledgements and fresh keys with each call.
const SPARE_PACKETS: u64 = 16;

/// A reply under way.
pub(super) type Replying = Pin<Box<dyn Future<Output = Bytes> + Send>>;
/// Answers requests.
pub(super) type Handler = Arc<dyn Fn(Bytes) -> Replying + Send + Sync>;

/// Every service for callers without a name, and the places of its callers.
///
/// There are as many places as all services together take callers, so that who has one and has not said yet what it wants
/// is counted as well.
pub(crate) struct Desk {
    state: Mutex<State>,
    closing: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    services: BTreeMap<ServiceName, Service>,
    report: AnonymousReport,
}

struct Service {
    limits: AnonymousLimits,
    handler: Handler,
    callers: Arc<()>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { state: Mutex::default(), closing: watch::Sender::new(false) }
    }
}

impl Desk {
    pub(super) fn open(
        &self,
        name: ServiceName,
        limits: AnonymousLimits,
        handler: Handler,
    ) -> Result<(), AnonymousServeError> {
        let mut state = lock(&self.state);
        if state.services.contains_key(&name) {
            return Err(AnonymousServeError::NameTaken);
        }
        state.services.insert(name, Service { limits, handler, callers: Arc::new(()) });
        Ok(())
    }

    pub(super) fn close_service(&self, name: &ServiceName) -> bool {
        lock(&self.state).services.remove(name).is_some()
    }

    /// A place for a caller, if there is one.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Visit> {
        let mut state = lock(&self.state);
        let places = state.services.values().fold(0_usize, |all, one| all.saturating_add(one.limits.callers));
        if state.report.present >= places {
            state.report.refused += 1;
            return None;
        }
        state.report.present += 1;
        Some(Visit { desk: Arc::clone(self) })
    }

    /// The node ends, and every session of such callers.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Resolves when the node ends.
    pub(super) async fn closing(&self) {
        // An error is the end of the sender, which is in `self`.
        self.closing.subscribe().wait_for(|closing| *closing).await.ok();
    }

    pub(super) fn report(&self) -> AnonymousReport {
        lock(&self.state).report
    }

    pub(super) fn count(&self, what: impl FnOnce(&mut AnonymousReport)) {
        what(&mut lock(&self.state).report);
    }

    /// What any service takes at the most, for callers who have not said yet which they want.
    pub(super) fn sizes(&self) -> Sizes {
        let state = lock(&self.state);
        let largest = |of: fn(&AnonymousLimits) -> usize| {
            state.services.values().map(|service| of(&service.limits)).max().unwrap_or(0)
        };
        Sizes {
            received_bytes: largest(|limits| limits.max_request_bytes)
                .saturating_add(MAX_REQUEST_HEADER_BYTES),
            sent_bytes: largest(|limits| limits.max_reply_bytes).saturating_add(REPLY_HEADER_BYTES),
            packets: state.services.values().map(|service| packets(&service.limits)).max().unwrap_or(0),
        }
    }

    /// A place at one service.
    pub(super) fn ask_for(&self, name: &ServiceName) -> Result<Seat, AnonymousRefusal> {
        let state = lock(&self.state);
        let service = state.services.get(name).ok_or(AnonymousRefusal::NoSuchService)?;
        // One of the references is the service's own.
        if Arc::strong_count(&service.callers) > service.limits.callers {
            return Err(AnonymousRefusal::Busy);
        }
        Ok(Seat {
            name: name.clone(),
            limits: service.limits,
            handler: Arc::clone(&service.handler),
            _place: Arc::clone(&service.callers),
        })
    }
}

/// Packets that the calls of one caller need, however small it makes them: requests, and acknowledgements of replies.
fn packets(limits: &AnonymousLimits) -> u64 {
    let bytes = limits.max_request_bytes.saturating_add(limits.max_reply_bytes);
    let of_one = u64::try_from(bytes / SMALL_PACKET_BYTES).unwrap_or(u64::MAX).saturating_add(SPARE_PACKETS);
    of_one.saturating_mul(u64::from(limits.calls_per_caller).saturating_add(1))
}

/// A place of one caller, given back when dropped.
pub(crate) struct Visit {
    desk: Arc<Desk>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.desk.count(|report| report.present -= 1);
    }
}

/// A place of one caller at one service, given back when dropped.
pub(super) struct Seat {
    pub(super) name: ServiceName,
    pub(super) limits: AnonymousLimits,
    pub(super) handler: Handler,
    _place: Arc<()>,
}
