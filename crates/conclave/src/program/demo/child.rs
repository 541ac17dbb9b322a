//! This program, run as another process: its events, its exit code, and its end whatever happens.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::super::event::{Event, Line};
use super::super::failure::{Failure, Kind};

/// How long a process may take to say goodbye.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// How much of what a process said on standard error is shown when it failed.
const LOG_TAIL_LINES: usize = 20;

/// Where the program lies and its processes leave their logs.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    program: PathBuf,
    logs: PathBuf,
}

/// A process of this program. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Kept open: a node started with `--until-stdin-ends` stops when we are gone.
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) events: Vec<Event>,
    log: PathBuf,
}

impl Launcher {
    pub(crate) fn new(logs: &Path) -> Result<Launcher, Failure> {
        let program = std::env::current_exe().map_err(|error| {
            Failure::new(Kind::LocalIo, format!("this program does not find itself: {error}"))
        })?;
        Ok(Launcher { program, logs: logs.to_owned() })
    }

    /// Starts a command in a home, with JSON lines on its standard output.
    pub(crate) fn start(&self, home: &Path, arguments: &[&OsStr]) -> Result<Process, Failure> {
        let failed = |error: std::io::Error| Failure::io("starting", &self.program, &error);
        let who = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let what =
            arguments.first().map(|argument| argument.to_string_lossy().into_owned()).unwrap_or_default();
        let log = self.logs.join(format!("{who}-{what}.log"));
        let mut child = Command::new(&self.program)
            .env_remove("CONCLAVE_LOG")
            .arg("--home")
            .arg(home)
            .arg("--json")
            .arg("--no-input")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).map_err(failed)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take();
        let stdout =
            child.stdout.take().ok_or_else(|| Failure::new(Kind::Broken, "a process without output"))?;
        Ok(Process { child, stdin, lines: BufReader::new(stdout).lines(), log })
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, home: &Path, arguments: &[&OsStr], input: &str) -> Result<Ended, Failure> {
        let mut process = self.start(home, arguments)?;
        process.write(input).await;
        let mut events = Vec::new();
        while let Some(event) = process.next().await? {
            events.push(event);
        }
        process.end(events).await
    }
}

impl Process {
    /// Writes to its standard input, and ends that.
    async fn write(&mut self, input: &str) {
        if let Some(mut stdin) = self.stdin.take() {
            // A process that ended early says why by its exit code.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    }

    /// The next event; `None` when it has closed its output.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        let line = self.lines.next_line().await;
        let Some(line) = line.map_err(|error| Failure::io("reading the output behind", &self.log, &error))?
        else {
            return Ok(None);
        };
        serde_json::from_str::<Line>(&line)
            .map(|line| Some(line.event))
            .map_err(|error| Failure::new(Kind::Broken, format!("a process printed no event: {error}")))
    }

    /// The next event that `wanted` accepts.
    pub(crate) async fn wait_for<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> Result<T, Failure> {
        while let Some(event) = self.next().await? {
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
        Err(complain("a node ended early", &self.log))
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self, events: Vec<Event>) -> Result<Ended, Failure> {
        let status =
            self.child.wait().await.map_err(|error| Failure::io("waiting for", &self.log, &error))?;
        Ok(Ended { code: status.code(), events, log: self.log })
    }

    /// SIGKILL, as a crash or a power cut would.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill().await.map_err(|error| Failure::io("killing the process behind", &self.log, &error))
    }

    /// Asks it to stop as a service manager would, and waits for the rest of its events.
    pub(crate) async fn stop(mut self) -> Result<Ended, Failure> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself a moment ago.
            let _ = kill_process(pid, Signal::TERM);
        }
        let mut events = Vec::new();
        let log = self.log.clone();
        let ending = async {
            while let Some(event) = self.next().await? {
                events.push(event);
            }
            self.end(events).await
        };
        timeout(STOP_TIMEOUT, ending)
            .await
            .unwrap_or_else(|_| Err(complain("a node did not stop when asked", &log)))
    }
}

impl Ended {
    /// The events of a command that must have succeeded.
    pub(crate) fn well(self) -> Result<Vec<Event>, Failure> {
        match self.code {
            Some(0) => Ok(self.events),
            code => Err(complain(&format!("a command ended with code {code:?}"), &self.log)),
        }
    }
}

fn complain(what: &str, log: &Path) -> Failure {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(LOG_TAIL_LINES)..).unwrap_or_default().join("\n    ");
    let failure = Failure::new(Kind::Broken, what);
    if tail.is_empty() { failure } else { failure.meaning(format!("it said:\n    {tail}")) }
}
