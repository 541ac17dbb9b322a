//! Telling members what is new, and hearing it from them.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use endpoint::{MAX_METERED_MEMBERS, Meter, PeerId, Rate, Target};
use link::{StreamName, StreamOptions};
use membership::{
    IdentityKey, MAX_NEWS_BYTES, News, Statement, StatementId, UnixSeconds, is_welcome, shared_with,
};
use rand::Rng;

use super::change::Fresh;
use super::lines::Words;
use super::{Change, Keeper};
use crate::clock;
use crate::core::Core;
use crate::error::DirectoryError;
use crate::receivers::{Incoming, Receiver};
use crate::sender::Sender;
use crate::sync::lock;

/// The stream on which members tell each other news.
const STREAM: &str = "conclave.news";
/// The longest time between two looks at the dates. Clocks are set, and machines sleep.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// For the pieces of a message that comes in several.
const PIECES_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn stream_name() -> Option<StreamName> {
    StreamName::new(STREAM)
}

impl Keeper {
    /// What this node shares with a member.
    fn shared_with(&self, member: &IdentityKey) -> Vec<Statement> {
        let state = lock(&self.state);
        let me = self.record.identity();
        shared_with(member, &me, &state.kept.directory, &state.settled, &state.kept.introductions)
    }

    /// What is to be told, in messages.
    fn messages(&self, member: &IdentityKey, words: Words) -> Vec<News> {
        match words {
            Words::Have => News::have(&self.shared_with(member)).collect(),
            Words::Want(names) => vec![News::Want(names)],
            Words::Statements(names) => {
                let mut shared = self.shared_with(member);
                shared.retain(|statement| names.contains(&statement.id()));
                News::telling(shared)
            }
        }
    }

    /// The names among these of statements that this node has not.
    fn lacks(&self, names: Vec<StatementId>) -> Vec<StatementId> {
        let known = Arc::clone(&lock(&self.state).known);
        names.into_iter().filter(|name| !known.contains(name)).collect()
    }
}

impl Core {
    /// A session begins: its peer hears what this node has for it.
    pub(crate) fn greet_with_news(self: &Arc<Self>, peer: PeerId) {
        self.tell(peer, Words::Have);
    }

    /// Everybody who is connected hears what is new for them; others do when they next connect.
    pub(super) fn tell_everybody(self: &Arc<Self>, fresh: &Fresh) {
        let Some(keeper) = &self.keeper else { return };
        for session in self.all_sessions() {
            let peer = session.peer();
            let introduced = |subject: &IdentityKey| fresh.introductions.contains(&(*subject, peer.identity));
            let is_news = |statement: &Statement| {
                let about = match statement {
                    Statement::Voucher(voucher) => voucher.subject(),
                    other => other.issuer(),
                };
                fresh.statements.contains(&statement.id()) || introduced(&about)
            };
            let mut news = keeper.shared_with(&peer.identity);
            news.retain(is_news);
            if !news.is_empty() {
                self.tell(peer, Words::Statements(news.iter().map(Statement::id).collect()));
            }
        }
    }

    /// Tells a peer something, in the background and in order, for as long as there is a session with it.
    fn tell(self: &Arc<Self>, peer: PeerId, words: Words) {
        let (Some(name), Some(keeper)) = (stream_name(), &self.keeper) else { return };
        if !keeper.lines.push(peer, words) {
            // Whoever is telling it comes to this, too.
            return;
        }
        let sender = Sender::new(Arc::clone(self), Target::Device(peer), name, StreamOptions::default());
        let core = Arc::downgrade(self);
        self.machine.spawn(async move {
            let is_connected = || core.upgrade().is_some_and(|core| core.has_session_with(&peer));
            let next = || {
                let core = core.upgrade()?;
                let keeper = core.keeper.as_ref()?;
                let words = keeper.lines.next(&peer)?;
                // What waits behind may be for a session that begins just now, so the line is gone through to its end.
                let is_heard = core.has_session_with(&peer);
                Some(if is_heard { keeper.messages(&peer.identity, words) } else { Vec::new() })
            };
            while let Some(messages) = next() {
                for message in messages {
                    // Nobody is dialed for news: whoever is gone hears all of it when they next connect.
                    if !is_connected() || sender.send(message.to_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
    }

    async fn hear_bytes(self: &Arc<Self>, from: IdentityKey, bytes: &[u8]) {
        match News::from_bytes(bytes) {
            Ok(news) => {
                if let Err(error) = self.hear(from, news).await {
                    tracing::warn!(?from, %error, "news from a member cannot be taken in");
                }
            }
            // A newer version, perhaps.
            Err(error) => tracing::warn!(?from, %error, "a member tells what cannot be read"),
        }
    }

    /// Takes in what a member has told.
    async fn hear(self: &Arc<Self>, from: IdentityKey, news: News) -> Result<(), DirectoryError> {
        let keeper = self.keeper()?;
        match news {
            News::Have(names) => {
                let lacking = keeper.lacks(names);
                if !lacking.is_empty() {
                    self.tell_member(from, &|| Words::Want(lacking.clone()));
                }
                Ok(())
            }
            News::Want(names) => {
                let names: BTreeSet<_> = names.into_iter().collect();
                self.tell_member(from, &|| Words::Statements(names.clone()));
                Ok(())
            }
            News::Statements(statements) => {
                let (about_oneself, about_others): (Vec<_>, Vec<_>) =
                    statements.into_iter().partition(|it| matches!(it, Statement::Announcement(_)));
                // Whoever is vouched for here is a member when their announcement is looked at.
                self.take_in(about_others).await?;
                self.take_in(about_oneself).await
            }
        }
    }

    async fn take_in(self: &Arc<Self>, mut statements: Vec<Statement>) -> Result<(), DirectoryError> {
        let settled = self.keeper()?.settled();
        statements.retain(|statement| is_welcome(statement, &settled));
        if statements.is_empty() {
            return Ok(());
        }
        self.change(statements.into_iter().map(Change::Statement).collect()).await
    }

    /// Opens no more behind doors whose time is over.
    fn close_doors(&self, keeper: &Keeper, date: UnixSeconds) {
        let Some(doors) = lock(&keeper.state).kept.doors.clone() else { return };
        if doors.still_open(date).count() < self.keys.load().responder.previous_doors.len() {
            self.open_doors(&doors, date);
        }
    }

    fn tell_member(self: &Arc<Self>, member: IdentityKey, words: &dyn Fn() -> Words) {
        for session in self.all_sessions() {
            if session.peer().identity == member {
                self.tell(session.peer(), words());
            }
        }
    }
}

/// Messages of news of one member that are taken in: each may have to be made durable. An honest one tells all it knows in
/// far fewer, and after that only what is new.
const NEWS_RATE: Rate = Rate::per_second(16, 256);

/// Hears what members tell, until the node ends.
pub(crate) async fn listen(core: Arc<Core>, mut receiver: Receiver) {
    let limit = u64::try_from(MAX_NEWS_BYTES).unwrap_or(u64::MAX);
    let machine = core.machine.clone();
    let seed = {
        let mut generator = core.randomness.generator();
        [generator.next_u64(), generator.next_u64()]
    };
    let mut pace = Meter::new(NEWS_RATE, MAX_METERED_MEMBERS, seed);
    while let Some(incoming) = receiver.recv().await {
        let is_whole = incoming.body.is_whole();
        let Incoming { from, body } = incoming;
        if !pace.take(clock::now(), from) {
            tracing::warn!(?from, "a member tells more news than anybody has: some are passed over");
            continue;
        }
        let core = Arc::clone(&core);
        let hearing = async move {
            let Ok(Ok(bytes)) = tokio::time::timeout(PIECES_TIMEOUT, body.collect(limit)).await else {
                return;
            };
            core.hear_bytes(from, &bytes).await;
        };
        if is_whole {
            hearing.await;
        } else {
            // Whoever sends the pieces slowly keeps nobody else from being heard. One message at a time is under way in a
            // stream, so there are no more of these than sessions.
            machine.spawn(hearing);
        }
    }
}

/// Looks at the dates: who is in by vouchers that end, and which tickets have.
pub(crate) async fn keep(core: Arc<Core>) {
    let mut stopped = pin!(core.timers.stopped());
    let mut look_at = clock::now() + LOOK_INTERVAL;
    loop {
        let Some(keeper) = &core.keeper else { return };
        let now = core.machine.now();
        let until_next = keeper.settled().next_change().map(|next| {
            Duration::from_secs(next.seconds().saturating_sub(now.date.seconds()).clamp(1, 3_600))
        });
        let wake = until_next.map_or(look_at, |pause| look_at.min(now.instant + pause));
        tokio::select! {
            biased;
            () = &mut stopped => return,
            () = keeper.settled_anew.notified() => continue,
            () = clock::sleep_until(wake) => look_at = clock::now() + LOOK_INTERVAL,
        }
        let date = core.machine.date();
        if keeper.is_to_be_settled(date) {
            core.show(date);
            if let Err(error) = core.store_date(keeper).await {
                tracing::warn!(%error, "the date by which somebody's time is up cannot be stored");
            }
        }
        core.close_doors(keeper, date);
        if keeper.owes_door_now(date)
            && let Err(error) = core.change(Vec::new()).await
        {
            tracing::warn!(%error, "the door cannot be replaced");
        }
        core.expire_tickets().await;
        if let Err(error) = core.announce_self().await {
            tracing::debug!(%error, "nothing new to say of this node");
        }
    }
}
