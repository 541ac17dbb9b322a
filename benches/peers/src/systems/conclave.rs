//! Conclave's sessions: raw messages between two nodes, over the hybrid handshake.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::marker::PhantomData;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use benches::Person;
use bytes::Bytes;
use node::{Card, IdentityKey, Limits, Node, Rate, Receiver, Run, Sender, StreamName, StreamOptions};

use super::tally::Tally;
use crate::measure::random;
use crate::mode::SMALL_MESSAGE_BYTES;
use crate::system::{Dialer, Session, Setting, System};

/// What both levels say of themselves.
pub const NOTES: &[&str] = &[
    "its guards against floods are wide open, since all connections come from one address, and idle sessions stay open \
     (`Limits`: `host_rate`, `network_rate`, `member_rate`, `max_strangers_per_source`, `handshake_budget_percent`, \
     `idle_close`, `idle_close_initiator`); nothing else is changed",
    "two devices have one session: in `connect`, `idle` and `growth` there is a dialing node for each, started before \
     the measurement",
];
/// No session closes while it is measured.
const LONG: Duration = Duration::from_secs(3600);
/// As many as come.
const ANY: Rate = Rate { burst: 1_000_000, interval: Duration::from_nanos(1_000) };
/// A small message.
const SMALL: &[u8] = &[7; SMALL_MESSAGE_BYTES];
/// What says that the other end shall count what it took.
const COUNT: &[u8] = b"count";

/// The system.
pub struct Sessions;

impl System for Sessions {
    const NAME: &'static str = "conclave";
    const LABEL: &'static str = "Conclave session";
    const BATCHING: &'static str = "`send_all` and `recv_run`; the session packs messages into packets while its socket \
         is busy, and nothing is set";
    const NOTES: &'static [&'static str] = NOTES;
    type Host = (Node, tokio::task::JoinHandle<()>);
    type Dialer = People<Raw>;

    fn dialer(sessions: usize) -> Result<People<Raw>> {
        Ok(People::new(sessions))
    }

    async fn host(setting: Setting) -> Result<(Self::Host, String)> {
        let (node, invitation) = accepting(&setting).await?;
        let (takes, echoes) = (node.receiver(name("take")?)?, node.receiver(name("echo")?)?);
        let served = tokio::spawn(serve(node.clone(), takes, echoes));
        Ok(((node, served), invitation))
    }
}

/// A node that accepts those who were introduced, and its card.
pub async fn accepting(setting: &Setting) -> Result<(Node, String)> {
    let cards: Vec<Card> = setting.introductions.iter().map(|line| line.parse()).collect::<Result<_, _>>()?;
    let mut person = Person::new();
    let node = person.start(true, &cards, limits()).await;
    let address = node.local_addresses().first().context("it listens nowhere")?;
    Ok((node.clone(), person.card(Some(*address)).to_text()?))
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.idle_close = LONG;
    limits.idle_close_initiator = LONG;
    limits.max_strangers_per_source = limits.max_strangers;
    limits.host_rate = ANY;
    limits.network_rate = ANY;
    limits.member_rate = ANY;
    limits.handshake_budget_percent = 100;
    limits
}

fn name(text: &str) -> Result<StreamName> {
    StreamName::new(text).with_context(|| text.to_owned())
}

async fn serve(node: Node, takes: Receiver, echoes: Receiver) {
    let served = tokio::try_join!(take(&node, takes), echo(&node, echoes));
    served.map_or_else(|error| eprintln!("the accepting node ended: {error:#}"), |_| ());
}

/// Takes messages, and says how many they were to who asks. Small ones are looked at in the buffer that they were read
/// into, as by the others.
async fn take(node: &Node, mut messages: Receiver) -> Result<()> {
    let mut taken = Tally::default();
    while let Some(run) = messages.recv_run().await {
        match run {
            Run::Small(small) => {
                for message in small.iter() {
                    if message == COUNT {
                        answer(node, small.from(), taken.of(small.from())).await?;
                    } else {
                        taken.add(small.from());
                    }
                }
            }
            Run::Large(mut incoming) => {
                while let Some(piece) = incoming.body.next().await {
                    piece?;
                }
                taken.add(incoming.from);
            }
            _ => {}
        }
    }
    Ok(())
}

async fn answer(node: &Node, to: IdentityKey, taken: u64) -> Result<()> {
    let answer = node.sender(to, name("answer")?, StreamOptions::default());
    // Who has hung up needs no answer.
    let _ = answer.send(Bytes::copy_from_slice(&taken.to_le_bytes())).await;
    Ok(())
}

async fn echo(node: &Node, mut messages: Receiver) -> Result<()> {
    let mut senders: HashMap<IdentityKey, Sender> = HashMap::new();
    while let Some(mut incoming) = messages.recv().await {
        let sender = match senders.entry(incoming.from) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert(node.sender(incoming.from, name("answer")?, StreamOptions::default()))
            }
        };
        let message = incoming.body.next().await.context("an empty message")??;
        let _ = sender.send(message).await;
    }
    Ok(())
}

/// The dialing nodes, one for each session.
pub struct People<S> {
    people: Vec<Person>,
    nodes: Vec<(Node, IdentityKey)>,
    level: PhantomData<S>,
}

impl<S> People<S> {
    /// So many.
    pub fn new(count: usize) -> Self {
        let people = (0..count).map(|_| Person::new()).collect();
        Self { people, nodes: Vec::new(), level: PhantomData }
    }
}

/// What stands on a node.
pub trait Level: Session + Sized {
    /// Its session with the accepting node.
    fn open(node: Node, host: IdentityKey) -> impl Future<Output = Result<Self>> + Send;
}

impl<S: Level> Dialer for People<S> {
    type Session = S;

    fn introductions(&self) -> Vec<String> {
        self.people.iter().filter_map(|person| person.card(None).to_text().ok()).collect()
    }

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let card: Card = invitation.parse()?;
        for person in &mut self.people {
            let node = person.start(false, std::slice::from_ref(&card), limits()).await;
            self.nodes.push((node, card.identity()));
        }
        Ok(())
    }

    async fn connect(&mut self, number: usize) -> Result<S> {
        let (node, host) = self.nodes.get(number).context("too many sessions")?;
        S::open(node.clone(), *host).await
    }
}

/// The dialing end of a session.
pub struct Raw {
    node: Node,
    host: IdentityKey,
    takes: Sender,
    echoes: Sender,
    answers: Receiver,
    message: Bytes,
    taken: u64,
}

impl Level for Raw {
    async fn open(node: Node, host: IdentityKey) -> Result<Self> {
        let sender = |stream| anyhow::Ok(node.sender(host, name(stream)?, StreamOptions::default()));
        let (takes, echoes) = (sender("take")?, sender("echo")?);
        let answers = node.receiver(name("answer")?)?;
        let message = random(SMALL_MESSAGE_BYTES).into();
        Ok(Self { node, host, takes, echoes, answers, message, taken: 0 })
    }
}

impl Raw {
    async fn answer(&mut self) -> Result<Bytes> {
        let mut answer = self.answers.recv().await.context("no answer")?;
        Ok(answer.body.next().await.context("an empty answer")??)
    }
}

impl Session for Raw {
    async fn ask(&mut self) -> Result<()> {
        self.echoes.send(self.message.clone()).await?;
        ensure!(self.answer().await? == self.message, "another answer");
        Ok(())
    }

    async fn flood(&mut self, bytes: usize, count: usize) -> Result<()> {
        // As the others, which have a buffer to write into, and from a slice, as they: counting references would be the
        // harness's cost.
        match bytes {
            SMALL_MESSAGE_BYTES => self.takes.send_all(std::iter::repeat_n(SMALL, count)).await?,
            _ => self.takes.send_all(std::iter::repeat_n(Bytes::from(random(bytes)), count)).await?,
        }
        self.takes.send(Bytes::from_static(COUNT)).await?;
        self.taken += u64::try_from(count)?;
        ensure!(self.answer().await? == self.taken.to_le_bytes()[..], "messages are missing");
        Ok(())
    }

    async fn close(self) -> Result<()> {
        self.node.disconnect(self.host);
        Ok(())
    }
}
