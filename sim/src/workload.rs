//! What people do with their nodes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use node::{
    ActorSendError, Address, AskError, IdentityKey, Invitation, SendError, Sender, ServiceError, StreamName,
    StreamOptions,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::actor::{Desk, SERVICE};
use crate::entrance::join;
use crate::ledger::Kind;
use crate::life::{Life, STREAM};
use crate::world::{World, lock};

/// No operation takes longer. A dial may wait for its turn, takes ten seconds at the most, and a silent peer is given up after
/// fifteen; twice, as a message that finds its session ended dials again; and changes wait for those before them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(90);
/// What every message begins with.
const NUMBER_BYTES: usize = 8;
/// No message here is longer.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// A question ends with its deadline.
const ASK_SLACK: Duration = Duration::from_millis(50);

/// One user of one node.
pub(crate) struct User {
    pub(crate) world: Arc<World>,
    pub(crate) me: u8,
    /// Whose messages come in order.
    number: u32,
    pub(crate) rng: StdRng,
    /// Kept from message to message: a stream, and its credit, lasts as long as somebody sends on it.
    senders: BTreeMap<u8, Arc<Sender>>,
}

/// What was found of somebody's desk, in one life of this node.
type Found = Vec<(u8, Address<Desk>)>;

impl User {
    pub(crate) fn new(world: &Arc<World>, me: u8, number: u32) -> Self {
        Self {
            world: Arc::clone(world),
            me,
            number,
            rng: StdRng::seed_from_u64(world.draw()),
            senders: BTreeMap::new(),
        }
    }

    /// Does so many things, one after the other.
    pub(crate) async fn work(mut self, operations: u32) {
        let mut found = Found::new();
        let mut last_life: Option<Arc<Life>> = None;
        for _ in 0..operations {
            if self.world.has_failed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..1_500))).await;
            let Some(life) = self.world.life(self.me) else {
                (last_life, found) = (None, Found::new());
                self.senders.clear();
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            };
            if !last_life.as_ref().is_some_and(|last| Arc::ptr_eq(last, &life)) {
                found.clear();
                self.senders.clear();
            }
            last_life = Some(Arc::clone(&life));
            if self.rng.random_bool(0.1) {
                found.clear();
                self.senders.clear();
            }
            self.do_something(&life, &mut found).await;
        }
    }

    async fn do_something(&mut self, life: &Arc<Life>, found: &mut Found) {
        let other = self.somebody(life);
        match self.rng.random_range(0..100) {
            0..9 => self.send(life, other, Kind::Send).await,
            9..20 => self.send(life, other, Kind::Confirmed).await,
            20..26 => self.send(life, other, Kind::Pieces).await,
            26..32 => self.burst(life, other).await,
            32..34 => self.abandon(life, other).await,
            34..36 => self.call(life, other).await,
            36..44 => self.tell(life, other, found, Kind::Tell).await,
            44..52 => self.tell(life, other, found, Kind::TellConfirmed).await,
            52..66 => self.ask(life, other, found).await,
            66..74 => self.lend(life, other, found).await,
            74..79 => self.invite(life).await,
            79..85 => self.join(life).await,
            85..89 => self.introduce(life, other).await,
            89..92 => self.revoke(life, other).await,
            92..95 => self.readmit(life).await,
            95..97 => self.ping(life, other).await,
            97..98 => {
                self.world.trace.note("op.disconnect", format_args!("{} {other}", self.me));
                life.node.disconnect(self.identity(other));
            }
            _ => self.cancel(life, other).await,
        }
    }

    fn identity(&self, number: u8) -> IdentityKey {
        self.world.member(number).identity
    }

    /// Somebody else, mostly a member.
    fn somebody(&mut self, life: &Life) -> u8 {
        let others: Vec<_> = self.world.numbers().filter(|number| *number != self.me).collect();
        let members: Vec<_> = others
            .iter()
            .copied()
            .filter(|number| World::is_in(&life.node, &self.world.member(*number).identity))
            .collect();
        let among = if members.is_empty() || self.rng.random_bool(0.1) { others } else { members };
        among[self.rng.random_range(0..among.len())]
    }

    /// Waits for an operation, which must end in time, or with the machine.
    pub(crate) async fn outcome<T>(
        &self,
        what: &str,
        life: &Life,
        operation: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = life.machine.died() => {
                self.world.trace.note("op.died", format_args!("{} {what}", self.me));
                None
            }
            done = tokio::time::timeout(OPERATION_TIMEOUT, operation) => {
                if done.is_err() {
                    self.world.fail("an operation ends in time", format!("{} of {}", what, self.me));
                }
                done.ok()
            }
        }
    }

    pub(crate) fn note<T, E: Debug>(&self, what: &str, result: &Result<T, E>) {
        match result {
            Ok(_) => self.world.trace.note(&format!("op.{what}.ok"), self.me),
            Err(error) => {
                let text = format!("{error:?}");
                let name: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
                self.world.trace.count(&format!("outcome.{what}.{name}"));
                self.world.trace.note(&format!("op.{what}.failed"), format_args!("{} {text}", self.me));
            }
        }
    }

    pub(crate) fn sender(&mut self, life: &Life, other: u8) -> Option<Arc<Sender>> {
        if let Some(sender) = self.senders.get(&other) {
            return Some(Arc::clone(sender));
        }
        let name = StreamName::new(STREAM)?;
        let sender = Arc::new(life.node.sender(self.identity(other), name, StreamOptions::default()));
        self.senders.insert(other, Arc::clone(&sender));
        Some(sender)
    }

    /// Begins a message of this user.
    pub(crate) fn begin(&self, kind: Kind, other: u8) -> u64 {
        let number = self.world.next_number();
        self.world.begun(number, kind, self.me, Some(other), self.number);
        number
    }

    async fn send(&mut self, life: &Life, other: u8, kind: Kind) {
        let length = match (kind, self.rng.random_range(0..10)) {
            (Kind::Pieces, _) => self.rng.random_range(50_000..600_000),
            (_, 0..2) => self.rng.random_range(20_000..250_000),
            (_, 2..4) => self.rng.random_range(1_000..20_000),
            _ => self.rng.random_range(8..200),
        };
        let Some(sender) = self.sender(life, other) else { return };
        let number = self.begin(kind, other);
        let bytes = message(number, length);
        let operation = async {
            match kind {
                Kind::Send => sender.send(bytes).await,
                Kind::Confirmed => sender.send_confirmed(bytes).await,
                _ => in_pieces(&sender, bytes).await,
            }
        };
        if let Some(result) = self.outcome(kind.name(), life, operation).await {
            let maybe = result.as_ref().err().is_some_and(SendError::maybe_delivered);
            self.world.ended(number, result.is_ok(), maybe);
            self.note(kind.name(), &result);
            self.maybe_cut(result.is_ok() && kind != Kind::Send, other);
        }
    }

    /// Gives up in the middle: not sent, or as if not waited for.
    async fn cancel(&mut self, life: &Life, other: u8) {
        let Some(sender) = self.sender(life, other) else { return };
        let number = self.begin(Kind::Send, other);
        let patience = Duration::from_micros(self.rng.random_range(0..200_000));
        let bytes = message(number, 5_000);
        let done = tokio::time::timeout(patience, sender.send_confirmed(bytes)).await;
        self.world.trace.note("op.cancel", format_args!("{} {}", self.me, done.is_err()));
        self.world.ended(number, false, true);
    }

    /// Somebody's desk: one that is known, or a new one.
    async fn desk(&mut self, life: &Life, other: u8, found: &mut Found) -> Option<Address<Desk>> {
        if let Some((_, address)) = found.iter().find(|(number, _)| *number == other) {
            return Some(address.clone());
        }
        let looking = life.node.service::<Desk>(self.identity(other), SERVICE);
        let result: Result<Address<Desk>, ServiceError> = self.outcome("service", life, looking).await?;
        self.note("service", &result);
        let address = result.ok()?;
        found.push((other, address.clone()));
        Some(address)
    }

    async fn tell(&mut self, life: &Life, other: u8, found: &mut Found, kind: Kind) {
        let Some(address) = self.desk(life, other, found).await else { return };
        let number = self.world.next_number();
        self.world.begun(number, kind, self.me, Some(other), self.number);
        let operation = async {
            match kind {
                Kind::Tell => address.send(Desk::Tell(number)).await,
                _ => address.send_confirmed(Desk::Tell(number)).await,
            }
        };
        if let Some(result) = self.outcome(kind.name(), life, operation).await {
            let maybe = matches!(&result, Err(ActorSendError::Lost { maybe_delivered: true }));
            self.world.ended(number, result.is_ok(), maybe);
            self.note(kind.name(), &result);
            forget_if_over(found, other, result.is_err());
        }
    }

    async fn ask(&mut self, life: &Life, other: u8, found: &mut Found) {
        let Some(address) = self.desk(life, other, found).await else { return };
        let number = self.world.next_number();
        self.world.begun(number, Kind::Ask, self.me, Some(other), self.number);
        let timeout = Duration::from_millis(self.rng.random_range(100..12_000));
        let ponders = self.rng.random_bool(0.3).then(|| self.rng.random_range(0..15_000_u64));
        let question = |reply| match ponders {
            Some(millis) => Desk::Ponder(number, millis, reply),
            None => Desk::Question(number, reply),
        };
        let began = Instant::now();
        let Some(result) = self.outcome("ask", life, address.ask(question, timeout)).await else { return };
        if began.elapsed() > timeout + ASK_SLACK {
            self.world
                .fail("a question ends with its deadline", format!("{number} after {:?}", began.elapsed()));
        }
        if result.as_ref().is_ok_and(|answer| *answer != number + 1) {
            self.world.fail("an answer is the one to the question", format!("{number}: {result:?}"));
        }
        let maybe = result.as_ref().err().is_some_and(AskError::maybe_delivered);
        self.world.ended(number, result.is_ok(), maybe);
        self.note("ask", &result);
        forget_if_over(found, other, result.is_err());
    }

    /// Passes somebody's address on to another, who asks through it.
    async fn lend(&mut self, life: &Life, other: u8, found: &mut Found) {
        let third = self.somebody(life);
        let Some(address) = self.desk(life, other, found).await else { return };
        let lent = if third == other || self.rng.random_bool(0.2) {
            // One's own: the address comes home.
            life.node.service::<Desk>(self.identity(self.me), SERVICE).await.ok()
        } else {
            self.desk(life, third, found).await
        };
        let Some(lent) = lent else { return };
        let (number, second) = (self.world.next_number(), self.world.next_number());
        self.world.begun(number, Kind::Lend, self.me, Some(other), self.number);
        let timeout = Duration::from_secs(20);
        let asking = address.ask(|reply| Desk::Lend(number, second, lent, reply), timeout);
        let Some(result) = self.outcome("lend", life, asking).await else { return };
        let maybe = result.as_ref().err().is_some_and(AskError::maybe_delivered);
        self.world.ended(number, result.is_ok(), maybe);
        self.note("lend", &result);
        forget_if_over(found, other, result.is_err());
    }

    async fn invite(&mut self, life: &Life) {
        let invitation = Invitation { seconds: self.rng.random_range(20..600), ..Invitation::default() };
        let Some(result) = self.outcome("invite", life, life.node.invite(invitation)).await else { return };
        self.note("invite", &result);
        if let Ok(ticket) = result {
            lock(&self.world.promises).issued(self.me, ticket.clone());
            self.world.leave_ticket(self.me, ticket);
        }
    }

    async fn join(&mut self, life: &Life) {
        let Some((issuer, ticket)) = self.world.find_ticket(&mut self.rng) else { return };
        if issuer != self.me {
            join(&self.world, self.me, life, issuer, &ticket, self).await;
        }
    }

    async fn introduce(&mut self, life: &Life, other: u8) {
        let third = self.somebody(life);
        let (one, other) = (self.identity(other), self.identity(third));
        lock(&self.world.promises).begin_vouching(self.me);
        let introducing = life.node.introduce(one, other);
        let Some(result) = self.outcome("introduce", life, introducing).await else { return };
        lock(&self.world.promises).end_vouching(self.me);
        self.note("introduce", &result);
        if result.is_ok() {
            let mut promises = lock(&self.world.promises);
            promises.introduced(self.me, one, other);
            promises.vouched(self.me, one);
            promises.vouched(self.me, other);
        }
    }

    async fn revoke(&mut self, life: &Life, other: u8) {
        let identity = self.identity(other);
        lock(&self.world.promises).revoking(self.me, identity);
        let Some(result) = self.outcome("revoke", life, life.node.revoke(identity)).await else { return };
        self.note("revoke", &result);
        if result.is_ok() {
            lock(&self.world.promises).revoked(self.me, identity, true);
            lock(&self.world.ledger).exclude(self.me, other, true);
        }
    }

    async fn readmit(&mut self, life: &Life) {
        let others = self.world.numbers().filter(|number| *number != self.me);
        let out: Vec<_> =
            others.filter(|number| !World::is_in(&life.node, &self.world.member(*number).identity)).collect();
        if out.is_empty() {
            return;
        }
        let other = out[self.rng.random_range(0..out.len())];
        let identity = self.identity(other);
        lock(&self.world.promises).revoking(self.me, identity);
        lock(&self.world.ledger).exclude(self.me, other, false);
        let Some(result) = self.outcome("readmit", life, life.node.readmit(identity)).await else { return };
        self.note("readmit", &result);
        if result.is_ok() {
            lock(&self.world.promises).revoked(self.me, identity, false);
        }
    }

    async fn ping(&mut self, life: &Life, other: u8) {
        let identity = self.identity(other);
        if let Some(result) = self.outcome("ping", life, life.node.ping(identity)).await {
            self.note("ping", &result);
        }
    }
}

/// Drops an address that may lead nowhere any more.
fn forget_if_over(found: &mut Found, other: u8, has_failed: bool) {
    if has_failed {
        found.retain(|(number, _)| *number != other);
    }
}

pub(crate) async fn in_pieces(sender: &Sender, mut bytes: Bytes) -> Result<(), SendError> {
    let total = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut outgoing = sender.begin(total).await?;
    while !bytes.is_empty() {
        outgoing.write(bytes.split_to(bytes.len().min(70_000))).await?;
    }
    outgoing.finish().await
}

/// The message of a number: the number, its length, and bytes that follow from the number.
pub(crate) fn message(number: u64, length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length.max(NUMBER_BYTES));
    bytes.extend(number.to_le_bytes());
    bytes.extend(u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
    let pattern = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    bytes.extend(pattern.iter().copied().cycle().take(length.saturating_sub(bytes.len())));
    bytes.truncate(length.max(NUMBER_BYTES));
    bytes.into()
}

/// The number of what came, if it is what was sent: the whole message, or a beginning of it.
pub(crate) fn number_of(bytes: &[u8], is_whole: bool) -> Option<u64> {
    let number = u64::from_le_bytes(*bytes.first_chunk()?);
    let told = bytes.get(NUMBER_BYTES..).and_then(|rest| rest.first_chunk()).copied();
    let length = told.map_or(Some(bytes.len()), |told| usize::try_from(u64::from_le_bytes(told)).ok())?;
    let is_right = message(number, length.min(MAX_MESSAGE_BYTES)).starts_with(bytes);
    (is_right && (!is_whole || bytes.len() == length)).then_some(number)
}
