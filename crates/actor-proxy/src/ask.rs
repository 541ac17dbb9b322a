//! Questions and their answers.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::actors::Core;
use crate::address::Address;
use crate::deadlines::Timer;
use crate::error::AskError;
use crate::reply::{Answer, Expire, Question, ReplyTo};
use crate::schema::{Message, Payload};

impl<M: Message> Address<M> {
    /// Asks, and waits for the answer, at most `timeout`.
    ///
    /// ```ignore
    /// let sum: u64 = till.ask(Till::Sum, Duration::from_secs(1)).await?;
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
        let reply: Arc<Question<R>> = Arc::clone(&asked.question);
        let mut sending = pin!(self.send(question(ReplyTo::new(reply))));
        let mut sent = false;
        let answer = std::future::poll_fn(|context| {
            if let Poll::Ready(outcome) = asked.question.poll(context) {
                return Poll::Ready(outcome);
            }
            if sent {
                return Poll::Pending;
            }
            match sending.as_mut().poll(context) {
                Poll::Ready(Ok(())) => {
                    sent = true;
                    // It may have been answered meanwhile, with nobody to wake.
                    asked.question.poll(context)
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

/// A question under way. Dropping it is not waiting any more.
pub(crate) struct Asked<R: Payload> {
    core: Arc<Core>,
    pub(crate) question: Arc<Question<R>>,
    timer: Timer,
}

impl<R: Payload> Asked<R> {
    pub(crate) fn begin(core: &Arc<Core>, timeout: Duration) -> Self {
        let question = Question::new();
        let expire = Arc::downgrade(&question) as std::sync::Weak<dyn Expire>;
        let timer = core.arm_question(timeout, expire);
        Self { core: Arc::clone(core), question, timer }
    }
}

impl<R: Payload> Drop for Asked<R> {
    fn drop(&mut self) {
        self.core.deadlines.disarm(self.timer);
        self.question.close();
    }
}
