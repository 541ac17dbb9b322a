//! `conclave chat`

mod editor;
mod typed;

use clap::Args;
use editor::Editor;
use tokio::sync::mpsc;
use typed::{Source, Typed};

use super::super::chat::fitting;
use super::super::event::Event;
use super::super::failure::Failure;
use super::super::ipc::{QUEUE_SAID, Request, Say};
use super::errand::Errand;
use super::{Context, Who, interrupted, signals};

/// The most lines of earlier conversations that are shown.
const MAX_LAST: u64 = 1_000;

/// Talk with a member: what you type is sent line by line, and what they say appears
///
/// They see it when `conclave up` or `conclave chat` runs there, and it is kept on both sides. Each line is confirmed
/// when it has arrived, or you are told why it has not. End with Ctrl-D or /quit.
///
/// If standard input is no terminal, or with --json, each line of it is sent, and each thing that happens is told on a
/// line; it ends when the input does and each line has had its outcome.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
    /// How many lines of earlier conversations to begin with
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=MAX_LAST))]
    last: u64,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let source = Source::choose(context)?;
    let mut signals = signals()?;
    let last = usize::try_from(arguments.last).unwrap_or(usize::MAX);
    let errand = context.begin(Request::Chat { member: arguments.who.member, last }).await?;
    let mut talk = Talk::new(errand, source, context);
    let ended = tokio::select! {
        ended = talk.run() => Some(ended),
        () = signals.next() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            // What was said is under way, and its outcome worth a moment; somebody in a hurry asks a second time.
            talk.typed = None;
            talk.errand.stop();
            tokio::select! {
                rest = talk.run() => rest.and(Err(interrupted())),
                () = signals.next() => Err(interrupted()),
            }
        }
    };
    talk.leave();
    ended.and(talk.verdict())
}

/// One conversation, seen from the terminal.
struct Talk<'a> {
    errand: Errand,
    source: Source,
    context: &'a mut Context,
    /// What the member is called here, once the conversation is open.
    called: String,
    editor: Option<Editor>,
    /// Where lines come from, while there may be more.
    typed: Option<mpsc::Receiver<Typed>>,
    /// The input has ended.
    all_typed: bool,
    lines: u64,
    /// Lines without an outcome yet.
    open: usize,
    /// How many lines were not delivered, and why the last was not.
    missed: Option<(u64, Failure)>,
}

impl<'a> Talk<'a> {
    fn new(errand: Errand, source: Source, context: &'a mut Context) -> Talk<'a> {
        Talk {
            errand,
            source,
            context,
            called: String::new(),
            editor: None,
            typed: None,
            all_typed: false,
            lines: 0,
            open: 0,
            missed: None,
        }
    }

    /// Runs until everything was said and has had its outcome. Cancel-safe.
    async fn run(&mut self) -> Result<(), Failure> {
        loop {
            // No more is taken than has room on the way, so that neither end waits for the other to read.
            let may_say = self.open < QUEUE_SAID;
            tokio::select! {
                event = self.errand.next() => match event {
                    Some(event) => self.told(event)?,
                    None => return self.errand.outcome(),
                },
                typed = next(&mut self.typed), if may_say => match typed {
                    Some(typed) => self.say(typed).await,
                    None => {
                        (self.typed, self.all_typed) = (None, true);
                        self.errand.finish();
                    }
                },
            }
            if self.context.output.is_closed() {
                self.typed = None;
                self.errand.stop();
            }
        }
    }

    fn told(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Undelivered { number, text, failure, .. } => {
                self.open = self.open.saturating_sub(1);
                self.undelivered(number, text, failure);
            }
            // Only now, so that neither lines of earlier conversations nor a failure come in between, and nothing is
            // read that is not said any more.
            Event::ChatOpened { member } if self.errand.listens() => {
                if self.source == Source::Terminal || self.context.output.is_json() {
                    self.context.output.show(&Event::ChatOpened { member: member.clone() });
                }
                self.typed = Some(match self.source {
                    Source::Lines => typed::read_lines(),
                    Source::Terminal => {
                        let (editor, typed) = Editor::open(&member)?;
                        self.context.output.print_through(editor.printer());
                        self.editor = Some(editor);
                        typed
                    }
                });
                self.called = member;
            }
            event => {
                if matches!(event, Event::Delivered { .. }) {
                    self.open = self.open.saturating_sub(1);
                }
                self.context.output.show(&event);
            }
        }
        Ok(())
    }

    async fn say(&mut self, typed: Typed) {
        self.lines += 1;
        let number = self.lines;
        let refused = match typed {
            // An empty line says nothing, but counts: a script finds its lines by their numbers.
            Typed::Line(text) if text.trim().is_empty() => return,
            Typed::Line(text) => match fitting(text.len()) {
                Ok(()) => {
                    self.open += 1;
                    return self.errand.say(Say { number, text }).await;
                }
                Err(failure) => (text, failure),
            },
            Typed::Refused { beginning, failure } => (beginning, failure),
        };
        let (text, failure) = refused;
        self.undelivered(number, text, failure);
    }

    fn undelivered(&mut self, number: u64, text: String, failure: Failure) {
        let count = self.missed.take().map_or(0, |(count, _)| count) + 1;
        self.missed = Some((count, failure.clone()));
        let failure = match self.source {
            Source::Terminal => failure.advice("the arrow key upwards brings the line back"),
            Source::Lines => failure,
        };
        let member = self.called.clone();
        self.context.output.show(&Event::Undelivered { member, number, text, failure });
    }

    /// Gives the terminal back.
    fn leave(&mut self) {
        self.context.output.print_directly();
        if let Some(editor) = self.editor.take() {
            editor.close(self.all_typed);
        }
    }

    /// Somebody at a terminal has seen what was not delivered; a script learns it from the exit code.
    fn verdict(&self) -> Result<(), Failure> {
        match &self.missed {
            Some((count, failure)) if self.source == Source::Lines => {
                let what = format!("{count} of {} lines were not delivered: {}", self.lines, failure.what);
                // What it means and what to do was told with each line.
                Err(Failure::new(failure.kind, what))
            }
            _ => Ok(()),
        }
    }
}

async fn next(typed: &mut Option<mpsc::Receiver<Typed>>) -> Option<Typed> {
    match typed {
        Some(typed) => typed.recv().await,
        None => std::future::pending().await,
    }
}
