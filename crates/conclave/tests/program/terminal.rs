//! A conversation at a terminal, which the test holds the other end of.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::json;

use crate::played::PlayedNode;
use crate::support::{PATIENCE, Person};

const NOCTTY: i32 = rustix::fs::OFlags::NOCTTY.bits() as i32;

pub(crate) struct Terminal {
    child: Child,
    keys: File,
    far: File,
    output: Receiver<Vec<u8>>,
    seen: String,
    all: String,
}

impl Terminal {
    fn start(person: &Person, arguments: &[&str]) -> Terminal {
        Terminal::open(person.command(arguments))
    }

    /// The same with the terminal as the one of its session, at which passphrases are asked for.
    pub(crate) fn start_session(person: &Person, arguments: &[&str]) -> Terminal {
        let command = person.command(arguments);
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg("--wait").arg(command.get_program()).args(command.get_args());
        session.env_remove("CONCLAVE_HOME").env_remove("CONCLAVE_LOG");
        Terminal::open(session)
    }

    fn open(mut command: Command) -> Terminal {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let path = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
        let far = File::options().read(true).write(true).custom_flags(NOCTTY).open(path).unwrap();
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let end = || far.try_clone().unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let keys = File::from(near);
        let mut reader = keys.try_clone().unwrap();
        let (sender, output) = sync_channel(1_000);
        std::thread::spawn(move || {
            let mut piece = [0; 1024];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { child, keys, far, output, seen: String::new(), all: String::new() }
    }

    /// Waits until the terminal has shown this, after what it was asked for before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(piece) => self.take(&piece),
                Err(error) => panic!("{error}: `{text}` is missing in {:?}", self.seen),
            }
        }
    }

    /// Answers a question whose answer is not shown. What is typed before the terminal is silent would be.
    pub(crate) fn answer(&mut self, prompt: &str, keys: &str) {
        self.wait_for(prompt);
        self.wait_for_the_editor();
        self.press(keys);
    }

    fn take(&mut self, piece: &[u8]) {
        let text = String::from_utf8_lossy(piece);
        self.seen.push_str(&text);
        self.all.push_str(&text);
    }

    /// All that the terminal has shown.
    pub(crate) fn everything(&mut self) -> &str {
        while let Ok(piece) = self.output.try_recv() {
            self.take(&piece);
        }
        &self.all
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether the terminal makes lines by itself, as it does for a shell.
    pub(crate) fn is_as_before(&self) -> bool {
        tcgetattr(&self.far).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits until keys go to the editor again. Between two lines, Ctrl-C is a signal.
    pub(crate) fn wait_for_the_editor(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.is_as_before() {
            assert!(Instant::now() < deadline, "the editor does not come back");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_line_being_typed_survives_lines_that_come_in() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    let mut terminal = Terminal::start(&alice, &["chat", "bob"]);
    let mut command = node.command();
    command.open_chat();
    terminal.wait_for("bob> ");
    terminal.wait_for_the_editor();
    terminal.press("hel");
    terminal.wait_for("hel");
    command.tell(json!({"event": "heard", "member": "bob", "text": "in\u{1b}[31m between"}));
    terminal.wait_for("<bob> in\u{fffd}[31m between");
    terminal.wait_for("bob> hel");
    terminal.press("lo\r");
    assert_eq!(command.confirm()["say"], "hello");
    terminal.wait_for("delivered: hello");
    terminal.wait_for_the_editor();

    terminal.press("\u{3}");
    terminal.wait_for("Ctrl-D or /quit ends");
    terminal.press("lost\r");
    let line = command.hear().unwrap();
    command.tell(json!({"event": "undelivered", "member": "bob", "number": line["number"], "text": "lost",
        "failure": {"kind": "no_answer", "what": "silence"}}));
    terminal.wait_for("not delivered: lost");
    terminal.wait_for("arrow key");
    // The arrow upwards.
    terminal.press("\u{1b}[A\r");
    assert_eq!(command.confirm()["say"], "lost");
    terminal.press("/quit\r");
    assert_eq!(command.hear(), None);
    command.done();
    assert_eq!(terminal.end(), Some(0));
    assert!(terminal.is_as_before());
}

#[test]
fn the_terminal_comes_back_whatever_ends_the_conversation() {
    let alice = Person::named("alice");
    let node = PlayedNode::of(&alice);
    for (keys, code) in [("\u{4}", 0), ("", 6)] {
        let mut terminal = Terminal::start(&alice, &["chat", "bob"]);
        let mut command = node.command();
        command.open_chat();
        terminal.wait_for("bob> ");
        if keys.is_empty() {
            drop(command);
            terminal.wait_for("went away");
        } else {
            terminal.press(keys);
            assert_eq!(command.hear(), None);
            command.done();
        }
        assert_eq!(terminal.end(), Some(code));
        assert!(terminal.is_as_before());
    }
}
