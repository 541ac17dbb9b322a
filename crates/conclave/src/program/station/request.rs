//! What a station does for commands.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::super::account::{cause_lines, kept_causes};
use super::super::actors::{Party, Question};
use super::super::advice;
use super::super::chat::{Saying, fitting};
use super::super::command::now;
use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::ipc::{Caller, MAX_CALL_BYTES, Perform, Request, Say};
use super::super::transfer::Order;
use super::super::unserved::Unserved;
use super::{STRANGERS, Station, noted_causes};

/// Between two pings.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How long a line may take into the mailbox of the other side, dialing included.
const SAY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a list of services may take.
const SERVICES_TIMEOUT: Duration = Duration::from_secs(30);

impl Station {
    async fn ping(
        &self,
        member: &str,
        count: u32,
        events: &mpsc::Sender<Event>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let (identity, called) = self.find(member)?;
        for sequence in 1..=count {
            let pinged = tokio::select! {
                pinged = self.shared.node.ping(identity) => pinged,
                _ = stop.wait_for(|stop| *stop) => return Err(Failure::new(Kind::Interrupted, "stopped pinging")),
            };
            let time = pinged.map_err(|error| advice::unanswered(&called, &error))?;
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            let _ = events.send(Event::Pong { member: called.clone(), sequence, micros }).await;
            if sequence < count {
                tokio::select! {
                    () = tokio::time::sleep(PING_INTERVAL) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            }
        }
        Ok(())
    }

    async fn why(&self, member: Option<&str>, events: &mpsc::Sender<Event>) -> Result<(), Failure> {
        let (whom, noted, called) = match member {
            Some(member) => {
                let (identity, called) = {
                    let roster = self.shared.roster.lock();
                    let identity = roster.find_anybody(member)?;
                    (identity, roster.name_of(&identity))
                };
                (Some(identity), self.shared.node.why(&identity), called)
            }
            None => (None, self.shared.node.stranger_causes(), STRANGERS.to_owned()),
        };
        // What is kept lags behind what is known by a moment, and reaches back before this run.
        let mut all = kept_causes(&self.shared.store, &self.shared.home, whom.as_ref())?;
        all.extend(noted_causes(&noted));
        for event in cause_lines(&called, all, now()?) {
            let _ = events.send(event).await;
        }
        Ok(())
    }

    /// A conversation: lasts until the caller has said everything and each line has had its outcome.
    async fn chat(
        &self,
        member: &str,
        last: usize,
        events: &mpsc::Sender<Event>,
        mut said: Option<mpsc::Receiver<Say>>,
    ) -> Result<(), Failure> {
        let party = self.party(member)?;
        let parlor = &self.shared.parlor;
        let mut window = parlor.open(party.identity, last).await?;
        for line in window.earlier.drain(..) {
            let _ = events.send(line).await;
        }
        let _ = events.send(Event::ChatOpened { member: party.called.clone() }).await;
        let hearing = async {
            while let Some(heard) = window.heard.recv().await {
                let _ = events.send(heard).await;
            }
        };
        // One after the other, so that lines arrive in their order.
        let talking = async {
            let Some(said) = &mut said else { return };
            while let Some(line) = said.recv().await {
                let outcome = self.say(&party, &line.text).await;
                let event = parlor.said(party.identity, &party.called, line, outcome).await;
                let _ = events.send(event).await;
            }
        };
        tokio::select! {
            () = hearing => {}
            () = talking => {}
        }
        while let Ok(heard) = window.heard.try_recv() {
            let _ = events.send(heard).await;
        }
        Ok(())
    }

    async fn say(&self, to: &Party, text: &str) -> Result<(), Failure> {
        fitting(text.len())?;
        let saying = Saying { text: text.to_owned() };
        timeout(SAY_TIMEOUT, self.shared.actors.say(to, saying)).await.unwrap_or_else(|_| {
            Err(Failure::new(Kind::TimedOut, format!("{} did not confirm it in time", to.called))
                .meaning("it may have arrived all the same"))
        })
    }

    async fn call(
        &self,
        of: &Party,
        service: &str,
        question: Question,
        patience: Duration,
    ) -> Result<Event, Failure> {
        let output = self.shared.actors.call(of, service, question, patience).await?;
        let bytes = output.to_string().len();
        if bytes > MAX_CALL_BYTES {
            return Err(Failure::new(
                Kind::Refused,
                format!("the answer of {} has {bytes} bytes", of.called),
            )
            .meaning(format!("this program takes answers of at most {MAX_CALL_BYTES}")));
        }
        Ok(Event::Answer { member: of.called.clone(), service: service.to_owned(), output })
    }

    async fn services(&self, of: &Party) -> Result<Vec<Event>, Failure> {
        timeout(SERVICES_TIMEOUT, self.shared.actors.services(of))
            .await
            .unwrap_or_else(|_| Err(Unserved::TimedOut { maybe_delivered: true }.unlisted(&of.called)))
    }

    fn party(&self, member: &str) -> Result<Party, Failure> {
        let (identity, called) = self.find(member)?;
        Ok(Party { identity, called })
    }
}

impl Perform for Station {
    async fn perform(&self, request: Request, caller: Caller) -> Result<(), Failure> {
        let Caller { events, said, mut stop } = caller;
        // Where no conversation is open, nobody listens, and the caller is taken to have left when it says something.
        let said = matches!(request, Request::Chat { .. }).then_some(said);
        let told = match request {
            Request::Chat { member, last } => return self.chat(&member, last, &events, said).await,
            Request::Addresses => self.announced(),
            Request::AddMember { card, name } => vec![self.add_member(&card, name).await?],
            Request::RemoveMember { name } => {
                let (name, member_id) = self.revoke_member(&name).await?;
                vec![Event::MemberRemoved { name, member_id }]
            }
            Request::Invite(allowance) => vec![self.invite(allowance).await?],
            Request::Join { ticket } => {
                let (issuer, joined) = tokio::select! {
                    joined = self.join(ticket.expose()) => joined?,
                    stopped = stopped(&mut stop) => return Err(stopped),
                };
                let _ = events.send(joined).await;
                if self.shared.is_brief {
                    self.exchange_news(issuer).await;
                }
                Vec::new()
            }
            Request::Introduce { one, other } => vec![self.introduce(&one, &other).await?],
            Request::Revoke { member } => {
                let (name, member_id) = self.revoke(&member).await?;
                vec![Event::Revoked { name, member_id }]
            }
            Request::RevokeDevice { device } => vec![self.revoke_device(&device).await?],
            Request::Readmit { member } => vec![self.readmit(&member).await?],
            Request::WouldRevoke { member, undo } => self.would_revoke(&member, undo)?,
            Request::WithdrawTicket { ticket } => vec![self.withdraw(&ticket).await?],
            Request::Look { at } => self.look(at)?,
            Request::Examine { program } => self.examine(&program).await?,
            Request::Ping { member, count } => return self.ping(&member, count, &events, &mut stop).await,
            Request::Why { member } => return self.why(member.as_deref(), &events).await,
            Request::Send { path, member, patience_seconds } => {
                let (member, called) = self.find(&member)?;
                let patience = Duration::from_secs(patience_seconds);
                let order = Order { path, member, called, patience };
                return self.shared.exchange.send(order, events, stop).await;
            }
            Request::Call { member, service, input, timeout_seconds, whole } => {
                let question = if whole { Question::Whole(input) } else { Question::Body(input) };
                let (of, patience) = (self.party(&member)?, Duration::from_secs(timeout_seconds));
                tokio::select! {
                    answer = self.call(&of, &service, question, patience) => vec![answer?],
                    stopped = stopped(&mut stop) => return Err(stopped),
                }
            }
            Request::Services { member } => {
                let of = self.party(&member)?;
                tokio::select! {
                    services = self.services(&of) => services?,
                    stopped = stopped(&mut stop) => return Err(stopped),
                }
            }
        };
        for event in told {
            let _ = events.send(event).await;
        }
        Ok(())
    }
}

/// Resolves when nobody waits any more.
async fn stopped(stop: &mut watch::Receiver<bool>) -> Failure {
    let _ = stop.wait_for(|stop| *stop).await;
    Failure::new(Kind::Interrupted, "stopped waiting for an answer")
        .meaning("the other side may go on with it")
}
