//! A line that is being typed, and stays whole while others are printed above it.

use std::io::{self, Write};
use std::sync::mpsc::sync_channel;
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::super::super::failure::{Failure, Kind};
use super::super::super::output::Printer;
use super::super::super::transfer::printable;
use super::typed::{QUEUE_TYPED, Typed};

/// The word that ends a conversation.
const QUIT: &str = "/quit";

/// The terminal as it was, and the way to print above the line.
pub(super) struct Editor {
    before: Termios,
    printer: Printer,
}

impl Editor {
    /// Begins to read lines on a thread of its own: the editor waits for keys and cannot be told to stop.
    pub(super) fn open(member: &str) -> Result<(Editor, mpsc::Receiver<Typed>), Failure> {
        let before = tcgetattr(io::stdin()).map_err(|error| unusable(&error))?;
        let prompt = format!("{}> ", printable(member));
        let (sender, typed) = mpsc::channel(QUEUE_TYPED);
        let (ready, opened) = sync_channel(1);
        thread::spawn(move || match begin() {
            Ok((editor, printer)) => {
                let _ = ready.send(Ok(printer));
                read(editor, &prompt, &sender);
            }
            Err(error) => drop(ready.send(Err(unusable(&error)))),
        });
        let printer = opened.recv().map_err(|error| unusable(&error))??;
        Ok((Editor { before, printer }, typed))
    }

    /// Prints above the line that is being typed.
    pub(super) fn printer(&self) -> Printer {
        self.printer.clone()
    }

    /// Gives the terminal back as it was, also when the thread still waits for a key.
    pub(super) fn close(self, ended: bool) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
        if !ended {
            let _ = writeln!(io::stdout());
        }
    }
}

fn begin() -> rustyline::Result<(DefaultEditor, Printer)> {
    // Pasted lines are said line by line, as if they had been typed.
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config)?;
    let printer = editor.create_external_printer()?;
    Ok((editor, Printer::new(printer)))
}

fn read(mut editor: DefaultEditor, prompt: &str, lines: &mpsc::Sender<Typed>) {
    loop {
        match editor.readline(prompt) {
            Ok(line) if line.trim() == QUIT => return,
            Ok(line) => match lines.try_send(Typed::Line(line)) {
                Ok(()) => {}
                // Waiting here would stop the printing as well.
                Err(TrySendError::Full(_)) => {
                    say("not sent: too many lines are on their way; say it again in a moment");
                }
                Err(TrySendError::Closed(_)) => return,
            },
            Err(ReadlineError::Interrupted) => say("Ctrl-D or /quit ends the conversation"),
            Err(ReadlineError::Signal(_)) => {}
            Err(_) => return,
        }
    }
}

/// Between two lines nothing is being typed: this thread prints for itself, and never waits for another one.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::new(Kind::LocalIo, format!("the terminal cannot be used: {error}"))
        .advice("pipe the lines in: `conclave chat MEMBER < FILE`")
}
