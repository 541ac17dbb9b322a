//! Conclave's actors: typed messages between actors of two nodes, over the same sessions.

use std::time::Duration;

use anyhow::{Result, ensure};
use node::{Address, Allow, Blob, IdentityKey, Inbox, Message, Node, ReplyTo, Schema};
use serde::{Deserialize, Serialize};

use super::conclave::{Level, NOTES, People, accepting};
use super::tally::Tally;
use crate::measure::random;
use crate::mode::SMALL_MESSAGE_BYTES;
use crate::system::{Session, Setting, System};

/// When an ask would be given up.
const DEADLINE: Duration = Duration::from_secs(120);

/// 64 bytes in eight numbers: what serde has something to do with.
type Words = [u64; 8];

/// What the worker takes.
#[derive(Serialize, Deserialize)]
enum Task {
    /// One of many; the first number says of which session.
    Take(Words),
    /// One of many that are large.
    TakeLarge(u64, Blob),
    /// Answer with the same.
    Echo(Words, ReplyTo<Words>),
    /// Answer how many of this session were taken.
    Count(u64, ReplyTo<u64>),
}

impl Message for Task {
    const SCHEMA: Schema = Schema::new("peers.task/1");
}

/// The system.
pub struct Actors;

impl System for Actors {
    const NAME: &'static str = "conclave-actors";
    const LABEL: &'static str = "Conclave typed actors";
    const BATCHING: &'static str = "`send`, and as the session below it; a message is an enum of eight integers that serde writes and reads, a large one has a `Blob`";
    const NOTES: &'static [&'static str] = NOTES;
    type Host = Node;
    type Dialer = People<Typed>;

    fn dialer(sessions: usize) -> Result<People<Typed>> {
        Ok(People::new(sessions))
    }

    async fn host(setting: Setting) -> Result<(Node, String)> {
        let (node, invitation) = accepting(&setting).await?;
        node.serve("worker", Allow::Members, work)?;
        Ok((node, invitation))
    }
}

async fn work(mut inbox: Inbox<Task>) {
    let mut taken = Tally::default();
    while let Some(task) = inbox.recv().await {
        match task {
            Task::Take([session, ..]) | Task::TakeLarge(session, _) => taken.add(session),
            Task::Echo(words, reply) => reply.send(words),
            Task::Count(session, reply) => reply.send(taken.of(session)),
        }
    }
}

/// The dialing end.
pub struct Typed {
    node: Node,
    host: IdentityKey,
    worker: Address<Task>,
    session: u64,
    taken: u64,
}

impl Level for Typed {
    async fn open(node: Node, host: IdentityKey) -> Result<Self> {
        let worker = node.service(host, "worker").await?;
        Ok(Self { node, host, worker, session: rand::random(), taken: 0 })
    }
}

impl Session for Typed {
    async fn ask(&mut self) -> Result<()> {
        let words: Words = self.worker.ask(|reply| Task::Echo([7; 8], reply), DEADLINE).await?;
        ensure!(words == [7; 8], "another answer");
        Ok(())
    }

    async fn flood(&mut self, bytes: usize, count: usize) -> Result<()> {
        if bytes == SMALL_MESSAGE_BYTES {
            let mut words = [1; 8];
            words[0] = self.session;
            for _ in 0..count {
                self.worker.send(Task::Take(words)).await?;
            }
        } else {
            let message = Blob::from(random(bytes));
            for _ in 0..count {
                self.worker.send(Task::TakeLarge(self.session, message.clone())).await?;
            }
        }
        self.taken += u64::try_from(count)?;
        let session = self.session;
        let taken: u64 = self.worker.ask(|reply| Task::Count(session, reply), DEADLINE).await?;
        ensure!(taken == self.taken, "messages are missing");
        Ok(())
    }

    async fn close(self) -> Result<()> {
        self.node.disconnect(self.host);
        Ok(())
    }
}
