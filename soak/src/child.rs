//! A process of the run, spoken with in lines.

use std::io::Write as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines, Stdin};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::line::{Order, Reply};
use crate::plan::ORDER_DEADLINE;

/// The conductor's end. The process is killed when this is dropped.
pub(crate) struct Child {
    process: tokio::process::Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    name: String,
}

impl Child {
    /// Starts this program again with these arguments; what it complains of goes to `complaints`.
    pub(crate) async fn start(
        name: &str,
        arguments: &[String],
        environment: &[(&str, &str)],
        complaints: &Path,
    ) -> Result<(Self, String)> {
        let complaints = std::fs::File::options().create(true).append(true).open(complaints)?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let input = process.stdin.take().context("no standard input")?;
        let output = BufReader::new(process.stdout.take().context("no standard output")?).lines();
        let mut child = Self { process, input, output, name: name.to_owned() };
        match child.hear().await? {
            Reply::Ready { address } => Ok((child, address)),
            other => bail!("{name} begins with {other:?}"),
        }
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().with_context(|| format!("{} is gone", self.name))
    }

    /// Gives an order, and waits for the reply.
    pub(crate) async fn order(&mut self, order: &Order) -> Result<Reply> {
        self.say(order).await?;
        self.hear().await.with_context(|| format!("after {order:?}"))
    }

    /// Gives an order that is answered with [`Reply::Done`].
    pub(crate) async fn have(&mut self, order: &Order) -> Result<()> {
        match self.order(order).await? {
            Reply::Done => Ok(()),
            other => bail!("{}: {order:?} is answered with {other:?}", self.name),
        }
    }

    /// Gives an order; the reply is to be [heard](Self::hear) later.
    pub(crate) async fn say(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.input.write_all(&line).await.with_context(|| format!("{} hears nothing", self.name))
    }

    /// The next reply.
    pub(crate) async fn hear(&mut self) -> Result<Reply> {
        let line = timeout(ORDER_DEADLINE, self.output.next_line())
            .await
            .with_context(|| format!("{} says nothing for {} s", self.name, ORDER_DEADLINE.as_secs()))??;
        let line = line.with_context(|| format!("{} has ended by itself", self.name))?;
        serde_json::from_str(&line).with_context(|| format!("{} says {line}", self.name))
    }

    /// Kills it, wherever it is.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.process.kill().await.with_context(|| format!("{} cannot be killed", self.name))
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> Result<ExitStatus> {
        drop(self.input);
        let status = timeout(ORDER_DEADLINE, self.process.wait()).await;
        Ok(status.with_context(|| format!("{} does not end", self.name))??)
    }
}

/// The process's own end.
pub(crate) struct Ear {
    input: Lines<BufReader<Stdin>>,
}

impl Ear {
    pub(crate) fn new() -> Self {
        Self { input: BufReader::new(tokio::io::stdin()).lines() }
    }

    /// The next order; `None` when the conductor is gone.
    pub(crate) async fn hear(&mut self) -> Result<Option<Order>> {
        Ok(self.input.next_line().await?.map(|line| serde_json::from_str(&line)).transpose()?)
    }

    /// Says something.
    pub(crate) fn say(&self, reply: &Reply) -> Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        let mut output = std::io::stdout().lock();
        output.write_all(&line)?;
        Ok(output.flush()?)
    }
}
