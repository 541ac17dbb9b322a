//! Questions and their answers.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::address::Address;
use crate::deadlines::Timer;
use crate::error::{AskError, SendError};
use crate::reply::{Answer, Question, ReplyTo};
use crate::schema::{Message, Payload};
use crate::shared::Core;

impl<M: Message> Address<M> {
    /// Asks, and waits for the answer, at most `timeout`.
    ///
    /// ```
    /// # use actor_proxy::{Address, AskError, Message, ReplyTo, Schema};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # enum Till { Sum(ReplyTo<u64>) }
    /// # impl Message for Till { const SCHEMA: Schema = Schema::new("shop.till/1"); }
    /// async fn sum(till: &Address<Till>) -> Result<u64, AskError> {
    ///     till.ask(Till::Sum, std::time::Duration::from_secs(1)).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AskError`]: exactly one, at the latest at the deadline.
    pub async fn ask<R: Payload>(
        &self,
        question: impl FnOnce(ReplyTo<R>) -> M,
        timeout: Duration,
    ) -> Result<R, AskError> {
        let asked = Asked::begin(self.core(), timeout);
        let message = question(ReplyTo::new(asked.question()));
        asked.answer(self.send(message)).await
    }
}

/// A question under way. Dropping it is not waiting any more.
pub(crate) struct Asked<R: Payload> {
    core: Arc<Core>,
    question: Arc<Question<R>>,
    timer: Timer,
}

impl<R: Payload> Asked<R> {
    pub(crate) fn begin(core: &Arc<Core>, timeout: Duration) -> Self {
        let question = Question::new();
        let expire = Arc::downgrade(&question);
        let timer = core.arm_question(timeout, expire);
        Self { core: Arc::clone(core), question, timer }
    }

    pub(crate) fn question(&self) -> Arc<Question<R>> {
        Arc::clone(&self.question)
    }

    /// Sends the message that carries the question, and waits for its answer. Whichever comes first decides: an answer, the
    /// failure to send, the deadline.
    pub(crate) async fn answer(
        self,
        sending: impl Future<Output = Result<(), SendError>>,
    ) -> Result<R, AskError> {
        let mut sending = pin!(sending);
        let mut sent = false;
        let answer = std::future::poll_fn(|context| {
            if let Poll::Ready(outcome) = self.question.poll(context) {
                return Poll::Ready(outcome);
            }
            if sent {
                return Poll::Pending;
            }
            match sending.as_mut().poll(context) {
                Poll::Ready(Ok(())) => {
                    sent = true;
                    // It may have been answered meanwhile, with nobody to wake.
                    self.question.poll(context)
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await?;
        match answer {
            Answer::Here(value) => Ok(value),
            Answer::Parcel(parcel) => parcel.open().map_err(AskError::BadReply),
        }
    }
}

impl<R: Payload> Drop for Asked<R> {
    fn drop(&mut self) {
        self.core.deadlines.disarm(self.timer);
        self.question.close();
    }
}
