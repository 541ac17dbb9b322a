//! The tables of section 9.9 of `docs/PROTOCOL.md`, and that they say what the data says.

use crate::cell::{Cell, Effect, Machine};

const PAGE: &str = include_str!("../../../../docs/PROTOCOL.md");

/// The table as the page has it: its head, and a line for each event.
fn written(heading: &str) -> Vec<Vec<String>> {
    let section = PAGE.split("\n### 9.9 ").nth(1).expect("a section 9.9");
    let part = section.split(&format!("\n**{heading}**")).nth(1).expect("a table with this heading");
    let lines = part.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).filter(|line| !line.starts_with("|-"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()).collect()
}

fn effect<M: Machine>(effect: Effect<M::State>) -> String {
    match (effect.to, effect.says) {
        (None, None) => "-".to_string(),
        (Some(state), None) => M::state_words(state).to_string(),
        (None, Some(word)) => format!("*{}*", word.words()),
        (Some(state), Some(word)) => format!("{} *{}*", M::state_words(state), word.words()),
    }
}

fn words<M: Machine>(cell: Cell<M::State>) -> String {
    let (reliable, other) = (effect::<M>(cell.reliable), effect::<M>(cell.other));
    if reliable == other { reliable } else { format!("{reliable} / {other}") }
}

/// Compares a table of the page with the data; shows what it should be if it is not.
pub(crate) fn check_page<M: Machine>(heading: &str) {
    let states = M::STATES.iter().map(|state| M::state_words(*state).to_string());
    let mut expected: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(states).collect()];
    for event in M::EVENTS {
        let cells = M::STATES.iter().map(|state| words::<M>(M::cell(*state, *event)));
        expected.push(std::iter::once(M::event_words(*event).to_string()).chain(cells).collect());
    }
    let line = |row: &Vec<String>| format!("| {} |", row.join(" | ")).replace("|  |", "| |");
    let mut shown: Vec<String> = expected.iter().map(line).collect();
    shown.insert(1, format!("|{}", "-|".repeat(M::STATES.len() + 1)));
    assert!(written(heading) == expected, "the table should be\n\n{}\n", shown.join("\n"));
}
