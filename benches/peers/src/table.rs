//! The tables and what stands under them.

use std::fmt::Write as _;

use crate::figure::{self, Figure};
use crate::mode::{Load, Mode};
use crate::options::Options;
use crate::runner::Outcomes;
use crate::systems::{Entry, YARDSTICK};

/// Everything that is said under a table, once each, with its number.
#[derive(Default)]
struct Footnotes(Vec<String>);

impl Footnotes {
    fn number(&mut self, note: &str) -> usize {
        let known = self.0.iter().position(|known| known == note);
        known.map_or_else(
            || {
                self.0.push(note.to_owned());
                self.0.len()
            },
            |at| at + 1,
        )
    }
}

/// One row for each system, one column for each figure.
pub fn of_modes(options: &Options, outcomes: &Outcomes) -> String {
    let figures: Vec<_> = figure::ALL.iter().filter(|figure| options.modes.contains(&figure.mode)).collect();
    if figures.is_empty() {
        return String::new();
    }
    let mut notes = Footnotes::default();
    let mut text = String::from("| |");
    figures.iter().for_each(|figure| _ = write!(text, " {} |", figure.label));
    text += "\n|---|";
    figures.iter().for_each(|_| text += "--:|");
    text += "\n";
    for entry in &options.systems {
        let numbers: Vec<_> = entry.notes.iter().map(|note| format!("[{}]", notes.number(note))).collect();
        _ = write!(text, "| {} {} |", entry.label, numbers.join(" "));
        for figure in &figures {
            _ = write!(text, " {} |", cell(options, entry, figure, outcomes, &mut notes));
        }
        text += "\n";
    }
    text += "\n";
    for (number, note) in notes.0.iter().enumerate() {
        _ = writeln!(text, "{}. {note}.", number + 1);
    }
    text += "\nHow each batches small messages:\n\n";
    for entry in &options.systems {
        _ = writeln!(text, "* {}: {}.", entry.label, entry.batching);
    }
    text
}

fn cell(
    options: &Options,
    entry: &Entry,
    figure: &Figure,
    outcomes: &Outcomes,
    notes: &mut Footnotes,
) -> String {
    let gap = entry.gaps.iter().find(|(mode, _)| *mode == figure.mode);
    if let Some((_, reason)) = gap {
        return format!("– [{}]", notes.number(reason));
    }
    let sessions = Load::steps(options.quick, figure.mode).first().copied().unwrap_or(1);
    let mut values = outcomes.values(entry.name, figure.mode, sessions, figure.key);
    let Some(value) = median(&mut values) else { return "failed".to_owned() };
    let yardstick = median(&mut outcomes.values(YARDSTICK, figure.mode, sessions, figure.key));
    let ratio = yardstick.map_or_else(String::new, |yardstick| format!("{:.2}x ", value / yardstick));
    let some_failed = if outcomes.failed(entry.name, figure.mode) { " (some turns failed)" } else { "" };
    format!("{} ({ratio}~{:.2}){some_failed}", (figure.write)(value), spread(&values))
}

/// One row for each system and number of sessions.
pub fn of_growth(options: &Options, outcomes: &Outcomes) -> String {
    if !options.modes.contains(&Mode::Growth) {
        return String::new();
    }
    let mut text = String::from("| | sessions |");
    figure::OF_GROWTH.iter().for_each(|figure| _ = write!(text, " {} |", figure.label));
    text += "\n|---|--:|";
    figure::OF_GROWTH.iter().for_each(|_| text += "--:|");
    text += "\n";
    let able = |entry: &&&Entry| entry.gaps.iter().all(|&(gap, _)| gap != Mode::Growth);
    for entry in options.systems.iter().filter(able) {
        for &sessions in Load::steps(options.quick, Mode::Growth) {
            _ = write!(text, "| {} | {sessions} |", entry.label);
            for figure in figure::OF_GROWTH {
                let value = median(&mut outcomes.values(entry.name, Mode::Growth, sessions, figure.key));
                _ = write!(text, " {} |", value.map_or_else(|| "failed".to_owned(), figure.write));
            }
            text += "\n";
        }
    }
    text
}

/// Every turn that failed.
pub fn of_failures(outcomes: &Outcomes) -> String {
    let line = |(system, mode, sessions, reason): &(&str, Mode, usize, String)| {
        format!("* {system}, {}, sessions: {sessions}: {reason}\n", mode.name())
    };
    let lines: String = outcomes.failures.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("Turns that failed:\n\n{lines}") }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The largest over the smallest.
fn spread(sorted: &[f64]) -> f64 {
    sorted.last().zip(sorted.first()).map_or(f64::NAN, |(high, low)| high / low)
}
