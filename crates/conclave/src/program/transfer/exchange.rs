//! Where the talk about files comes in and goes out, and which transfer it belongs to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use membership::IdentityKey;
use node::{Incoming, Node, Sender, StreamName, StreamOptions};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::message::{CONTENT_STREAM, MAX_TALK_BYTES, Refusal, TALK_STREAM, Talk, TransferId, Word};
use super::receiving::Reception;
use super::sending::{self, Order};

/// Words on their way to one transfer; an honest peer never has so many under way.
pub(super) const QUEUE_WORDS: usize = 8;

/// Answers to offers that come to nothing, on their way at once.
const MAX_ANSWERS_UNDER_WAY: usize = 64;

/// How often a busy side says that it is.
const WORKING_INTERVAL: Duration = Duration::from_secs(5);

/// How long a word may take to leave before it is given up.
const SAY_TIMEOUT: Duration = Duration::from_secs(15);

/// Both sides of file transfer on one node.
pub(crate) struct Exchange {
    node: Node,
    outgoing: Mutex<HashMap<(IdentityKey, TransferId), mpsc::Sender<Word>>>,
    reception: Option<Arc<Reception>>,
    answers: Arc<Semaphore>,
}

impl Exchange {
    /// Begins to listen for talk about files; without a reception, offers are refused.
    pub(crate) fn start(node: Node, reception: Option<Arc<Reception>>) -> Result<Arc<Exchange>, Failure> {
        let receiver = node
            .receiver(stream(TALK_STREAM)?)
            .map_err(|error| Failure::new(Kind::Broken, error.to_string()))?;
        let exchange = Arc::new(Exchange {
            node,
            outgoing: Mutex::default(),
            reception,
            answers: Arc::new(Semaphore::new(MAX_ANSWERS_UNDER_WAY)),
        });
        tokio::spawn(listen(Arc::downgrade(&exchange), receiver));
        Ok(exchange)
    }

    /// Sends a file; returns when it is whole at the other end, or why not.
    pub(crate) async fn send(
        &self,
        order: Order,
        events: mpsc::Sender<Event>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        sending::send(self, order, events, stop).await
    }

    /// Where files go, if any are received.
    pub(crate) fn receives_into(&self) -> Option<&std::path::Path> {
        self.reception.as_ref().map(|reception| reception.folder())
    }

    /// Stops every transfer that is arriving, and tells the other sides.
    pub(crate) async fn stop(&self) {
        if let Some(reception) = &self.reception {
            reception.stop().await;
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// The words that a member says about a transfer of ours, until the route is dropped.
    pub(super) fn route(&self, member: IdentityKey, transfer: TransferId) -> Route<'_> {
        let (sender, words) = mpsc::channel(QUEUE_WORDS);
        self.outgoing().insert((member, transfer), sender);
        Route { exchange: self, key: (member, transfer), words }
    }

    fn outgoing(&self) -> std::sync::MutexGuard<'_, HashMap<(IdentityKey, TransferId), mpsc::Sender<Word>>> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn heard(&self, incoming: Incoming) {
        let from = incoming.from;
        let limit = u64::try_from(MAX_TALK_BYTES).unwrap_or(u64::MAX);
        // Talk is small and there as a whole; a message in pieces is none, and must not keep others waiting.
        let Ok(Ok(bytes)) = timeout(Duration::ZERO, incoming.body.collect(limit)).await else { return };
        let Some(talk) = Talk::decode(&bytes) else {
            tracing::debug!(member = ?from, "not talk about a file");
            return;
        };
        let ours = self.outgoing().get(&(from, talk.transfer)).cloned();
        let answer = match (ours, &self.reception) {
            (Some(ours), _) => {
                // A full queue is not that of an honest peer: what does not fit is lost to it alone.
                let _ = ours.try_send(talk.word);
                None
            }
            (None, Some(reception)) => reception.heard(&self.node, from, &talk),
            (None, None) if matches!(talk.word, Word::Offer { .. }) => {
                Some(Word::Refuse { reason: Refusal::NotReceiving })
            }
            (None, None) => None,
        };
        if let Some(word) = answer {
            self.answer(from, talk.transfer, word);
        }
    }

    /// Says one word to somebody whose transfer does not exist here. A flood of offers is not answered in full.
    fn answer(&self, member: IdentityKey, transfer: TransferId, word: Word) {
        let Ok(place) = Arc::clone(&self.answers).try_acquire_owned() else { return };
        let Ok(voice) = Voice::new(&self.node, member, transfer) else { return };
        tokio::spawn(async move {
            voice.say(word).await;
            drop(place);
        });
    }
}

async fn listen(exchange: std::sync::Weak<Exchange>, mut receiver: node::Receiver) {
    while let Some(incoming) = receiver.recv().await {
        let Some(exchange) = exchange.upgrade() else { return };
        exchange.heard(incoming).await;
    }
}

/// The words for one transfer of ours.
pub(super) struct Route<'a> {
    exchange: &'a Exchange,
    key: (IdentityKey, TransferId),
    pub(super) words: mpsc::Receiver<Word>,
}

impl Drop for Route<'_> {
    fn drop(&mut self) {
        self.exchange.outgoing().remove(&self.key);
    }
}

/// Says things about one transfer to one member.
#[derive(Clone)]
pub(super) struct Voice {
    sender: Arc<Sender>,
    transfer: TransferId,
}

impl Voice {
    pub(super) fn new(node: &Node, member: IdentityKey, transfer: TransferId) -> Result<Voice, Failure> {
        let sender = node.sender(member, stream(TALK_STREAM)?, StreamOptions::default());
        Ok(Voice { sender: Arc::new(sender), transfer })
    }

    /// Says a word and waits until the other side has it.
    pub(super) async fn say_confirmed(&self, word: Word) -> Result<(), node::SendError> {
        self.sender.send_confirmed(Talk::new(self.transfer, word).encode()).await
    }

    /// Says a word; whether it arrives is for the other side to notice.
    pub(super) async fn say(&self, word: Word) {
        let said = timeout(SAY_TIMEOUT, self.sender.send(Talk::new(self.transfer, word).encode())).await;
        if !matches!(said, Ok(Ok(()))) {
            tracing::debug!(transfer = ?self.transfer, "a word about a file was lost");
        }
    }
}

/// Waits for work on a blocking thread, and says every few seconds that it is going on.
pub(super) async fn while_working<T>(
    voice: &Voice,
    mut work: tokio::task::JoinHandle<T>,
) -> Result<T, tokio::task::JoinError> {
    loop {
        match timeout(WORKING_INTERVAL, &mut work).await {
            Ok(done) => return done,
            Err(_) => voice.say(Word::Working).await,
        }
    }
}

/// The stream of one transfer's segments: its own, so that transfers wait for their own disk only.
pub(super) fn content_stream(transfer: TransferId) -> Result<StreamName, Failure> {
    stream(&format!("{CONTENT_STREAM}{}", String::from(transfer)))
}

fn stream(name: &str) -> Result<StreamName, Failure> {
    StreamName::new(name).ok_or_else(|| Failure::new(Kind::Broken, format!("{name} is no name of a stream")))
}
