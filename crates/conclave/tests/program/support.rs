//! Homes, commands that run to their end, and nodes that run until they are dropped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// No single thing that a test waits for takes longer, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of a process that a test has not looked at yet; beyond them the process waits.
const QUEUE_LINES: usize = 10_000;

/// Where one person's home, received files and logs are.
pub(crate) struct Person {
    pub(crate) root: TempDir,
    pub(crate) home: PathBuf,
    pub(crate) received: PathBuf,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Person {
    /// Somebody without a home yet.
    pub(crate) fn homeless() -> Person {
        let root = tempfile::Builder::new().prefix("cv-").tempdir().unwrap();
        let (home, received) = (root.path().join("home"), root.path().join("received"));
        Person { root, home, received }
    }

    /// Somebody with an identity.
    pub(crate) fn named(name: &str) -> Person {
        let person = Person::homeless();
        person.run(&["init", "--no-passphrase", "--name", name]).well();
        person
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
        command
            .env_remove("CONCLAVE_HOME")
            .env_remove("CONCLAVE_LOG")
            .arg("--home")
            .arg(&self.home)
            .args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end, with that on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts a command that prints JSON lines.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let mut command = self.command(&["--json"]);
        Process::spawn(command.args(arguments))
    }

    /// The same with another folder for temporary files.
    pub(crate) fn start_in(&self, temporary: &Path, arguments: &[&str]) -> Process {
        let mut command = self.command(&["--json"]);
        Process::spawn(command.args(arguments).env("TMPDIR", temporary))
    }

    /// Starts the node on a free port; returns it with its address.
    pub(crate) fn up(&self, more: &[&str]) -> (Process, String) {
        let mut process =
            self.start(&[&["up", "--until-stdin-ends", "--listen", "127.0.0.1:0"], more].concat());
        let address = process.wait_for("listening")["address"].as_str().unwrap().to_owned();
        (process, address)
    }

    /// Starts a node that receives files.
    pub(crate) fn up_receiving(&self, more: &[&str]) -> (Process, String) {
        let folder = self.received.to_str().unwrap().to_owned();
        self.up(&[&["--receive", folder.as_str()], more].concat())
    }

    pub(crate) fn card(&self, address: &str) -> String {
        let ended = self.run(&["id", "--addresses", address]);
        ended.well();
        ended.stdout
    }

    pub(crate) fn add(&self, card: &str) {
        self.run_with(&["member", "add", "-"], card).well();
    }

    /// A file of random bytes.
    pub(crate) fn file(&self, name: &str, bytes: usize) -> PathBuf {
        let path = self.root.path().join(name);
        let mut content = vec![0; bytes];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut content);
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// Two people who have each other's cards; the second is reached at `address`, the first nowhere.
pub(crate) fn acquainted(address: &str) -> (Person, Person) {
    let (alice, bob) = (Person::named("alice"), Person::named("bob"));
    alice.add(&bob.card(address));
    bob.add(&alice.run(&["id"]).stdout);
    (alice, bob)
}

impl Ended {
    /// It must have succeeded.
    #[track_caller]
    pub(crate) fn well(&self) {
        assert_eq!(self.code, Some(0), "{self:#?}");
    }

    /// It must have failed with this code, saying all of this on standard error, without panicking.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, saying: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for text in saying {
            assert!(self.stderr.contains(text), "`{text}` is missing in {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }

    /// The lines of `--json`, each with its version.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(event).collect()
    }
}

fn event(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(event["version"], 1, "{line}");
    event
}

/// A running process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    pub(crate) seen: Vec<Value>,
}

impl Process {
    fn spawn(command: &mut Command) -> Process {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = sync_channel(QUEUE_LINES);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Process { child, lines, seen: Vec::new() }
    }

    /// The next event of that name.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, name: &str) -> Value {
        self.wait_until(|event| event["event"] == name)
    }

    /// The next event that is wanted.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let event = event(&line);
                    self.seen.push(event.clone());
                    if wanted(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("nothing came; so far: {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended; so far: {:#?}", self.seen),
            }
        }
    }

    /// Waits for its end and takes the rest of its events.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end; so far: {:#?}", self.seen);
            std::thread::sleep(Duration::from_millis(10));
        };
        self.seen.extend(self.lines.iter().map(|line| event(&line)));
        status
    }

    /// SIGTERM, SIGINT, …
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until it does something of its own at a signal, which before would just end it.
    #[track_caller]
    pub(crate) fn wait_until_it_minds(&self, signal: rustix::process::Signal) {
        let bit = 1_u64 << (signal.as_raw() - 1);
        let deadline = Instant::now() + PATIENCE;
        while self.caught_signals().is_some_and(|caught| caught & bit == 0) {
            assert!(Instant::now() < deadline, "it does not mind {signal:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A bit for each, where the system tells; elsewhere it is given a moment.
    fn caught_signals(&self) -> Option<u64> {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())) else {
            std::thread::sleep(Duration::from_secs(2));
            return None;
        };
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        Some(u64::from_str_radix(caught.trim(), 16).unwrap())
    }

    /// SIGKILL, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Writes to its standard input.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Closes its standard input.
    pub(crate) fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names of the files in a folder, hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path) {
    assert!(std::fs::read(one).unwrap() == std::fs::read(other).unwrap(), "{one:?} and {other:?} differ");
}

/// The text of a path.
pub(crate) fn text(path: &Path) -> &str {
    OsStr::to_str(path.as_os_str()).unwrap()
}
