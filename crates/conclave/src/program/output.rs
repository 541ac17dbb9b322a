//! The two outputs: data on standard output, talk and progress on standard error.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustyline::ExternalPrinter;

use super::event::{Direction, Event, FileLine, Place};
use super::failure::Failure;

const BAR: &str = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Voice {
    Quiet,
    Normal,
    Verbose,
}

/// Prints above a line that somebody is typing.
#[derive(Clone)]
pub(crate) struct Printer(Arc<Mutex<dyn ExternalPrinter + Send>>);

impl Printer {
    pub(crate) fn new(printer: impl ExternalPrinter + Send + 'static) -> Printer {
        Printer(Arc::new(Mutex::new(printer)))
    }

    fn print(&self, line: &str) -> io::Result<()> {
        let mut printer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printer.print(format!("{line}\n")).map_err(io::Error::other)
    }
}

/// Where everything a command says comes out.
pub(crate) struct Output {
    json: bool,
    voice: Voice,
    color: bool,
    bars: MultiProgress,
    running: HashMap<FileLine, ProgressBar>,
    /// Whoever read our standard output is gone.
    closed: bool,
    spoken: bool,
    /// Where both outputs go while somebody is typing.
    printer: Option<Printer>,
}

impl Output {
    pub(crate) fn new(json: bool, voice: Voice) -> Output {
        let terminal = io::stderr().is_terminal();
        let draw = terminal && !json && voice > Voice::Quiet;
        let target = if draw { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Output {
            json,
            voice,
            color: terminal && wants_color(),
            bars: MultiProgress::with_draw_target(target),
            running: HashMap::new(),
            closed: false,
            spoken: false,
            printer: None,
        }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// From now on prints above the line that is being typed.
    pub(crate) fn print_through(&mut self, printer: Printer) {
        self.printer = Some(printer);
    }

    /// Prints as ever again.
    pub(crate) fn print_directly(&mut self) {
        self.printer = None;
    }

    /// Whether nobody reads standard output any more: a command that only produces data can stop.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether nothing was shown yet.
    pub(crate) fn is_silent(&self) -> bool {
        !self.spoken
    }

    /// Shows `text`, or the event as a line of `--json`.
    pub(crate) fn data(&mut self, text: &str, event: &Event) {
        if self.json { self.write_data(&event.to_json()) } else { self.write_data(text) }
    }

    /// Shows an event in the form that was asked for.
    pub(crate) fn show(&mut self, event: &Event) {
        self.spoken = true;
        self.draw(event);
        if self.json {
            if *event != Event::Done {
                self.write_data(&event.to_json());
            }
            return;
        }
        match event.place() {
            Place::Data => self.write_data(&event.text()),
            Place::Talk if self.voice > Voice::Quiet => self.write_talk(&event.text()),
            Place::Warning => {
                let label = self.paint("warning:", "33;1");
                self.write_talk(&format!("{label} {}", event.text()));
            }
            Place::Talk | Place::Nowhere => {}
        }
    }

    /// Says something on standard error, unless quiet.
    pub(crate) fn talk(&self, text: &str) {
        if self.voice > Voice::Quiet && !self.json {
            self.write_talk(text);
        }
    }

    /// The last word of a command that failed. Also as a line of `--json`, for programs.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        for bar in self.running.drain().map(|(_, bar)| bar) {
            bar.abandon();
        }
        if self.json {
            self.write_data(&Event::Failed(failure.clone()).to_json());
        }
        let label = self.paint("error:", "31;1");
        self.write_talk(&format!("{label} {failure}"));
    }

    /// Moves the progress bar of a file, and says nothing else.
    pub(crate) fn draw(&mut self, event: &Event) {
        match event {
            Event::FileStarted { file, offset } => self.bar(file).set_position(*offset),
            Event::Progress { file, done } => self.bar(file).set_position(*done),
            Event::FileDone { file, .. } | Event::FileStopped { file, .. } => {
                if let Some(bar) = self.running.remove(file) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
            }
            _ => {}
        }
    }

    fn bar(&mut self, file: &FileLine) -> &ProgressBar {
        self.running.entry(file.clone()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(file.bytes));
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style);
            }
            let arrow = if file.direction == Direction::Sending { '↑' } else { '↓' };
            bar.set_message(format!("{arrow} {}", super::transfer::printable(&file.name)));
            bar
        })
    }

    fn write_data(&mut self, line: &str) {
        if self.closed {
            return;
        }
        let written = self.bars.suspend(|| {
            if let Some(printer) = &self.printer {
                return printer.print(line);
            }
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        });
        // Rust ignores SIGPIPE, so a reader that left shows as an error here.
        self.closed = written.is_err();
    }

    fn write_talk(&self, text: &str) {
        // Talk that was sent elsewhere goes there, whatever happens on the terminal.
        if let Some(printer) = self.printer.as_ref().filter(|_| io::stderr().is_terminal()) {
            let _ = printer.print(text);
            return;
        }
        // Nothing is left to tell it to when standard error is closed.
        self.bars.suspend(|| drop(writeln!(io::stderr().lock(), "{text}")));
    }

    fn paint(&self, text: &str, style: &str) -> String {
        if self.color { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// https://no-color.org: any value that is not empty turns colors off.
pub(crate) fn wants_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
}
