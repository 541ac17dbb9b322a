//! The table.

use std::fs;
use std::time::Duration;

use crate::measure::Sample;
use crate::{BULK_MESSAGE_BYTES, Mode, STACKS};

/// What the figures hold for.
pub fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("?", |(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What it does to bulk is large: one that paces sets a timer for each piece.
    let congestion = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}, TCP {}", kernel.trim(), congestion.trim())
}

pub fn head() -> String {
    "| | tcp | mutual TLS 1.3 | Conclave | its actors | spread |\n|---|--:|--:|--:|--:|--:|".to_owned()
}

/// One line of the table: what is taken from a sample, and how it is written.
type Line = (&'static str, fn(&Sample) -> f64, fn(f64) -> String);

/// The lines of a mode.
pub fn rows(mode: Mode, samples: &[Vec<Sample>; STACKS.len()]) -> String {
    let micros = |value: f64| format!("{value:.2} us");
    let millis = |value: f64| format!("{value:.3} ms");
    let lines: Vec<Line> = match mode {
        Mode::Bulk => vec![
            ("bulk MiB/s", |s| bytes(s) / 1048576.0 / s.wall.as_secs_f64(), |v| format!("{v:.0}")),
            (
                "bulk CPU s per GiB",
                |s| s.cpu.as_secs_f64() / (bytes(s) / 1073741824.0),
                |v| format!("{v:.3}"),
            ),
        ],
        Mode::RoundTrip => vec![
            ("round trip p50", |s| at(s, 50) * 1e6, micros),
            ("round trip p99", |s| at(s, 99) * 1e6, micros),
        ],
        Mode::Processes => vec![
            ("round trip p50, two processes", |s| at(s, 50) * 1e6, micros),
            ("round trip p99, two processes", |s| at(s, 99) * 1e6, micros),
        ],
        Mode::Local => vec![(
            "a send between actors of one node",
            |s| s.wall.as_secs_f64() * 1e9 / s.count as f64,
            |v| format!("{v:.0} ns"),
        )],
        Mode::Rate => vec![
            (
                "64-byte messages/s",
                |s| s.count as f64 / s.wall.as_secs_f64(),
                |v| format!("{:.2} M", v / 1e6),
            ),
            ("CPU per message", |s| s.cpu.as_secs_f64() * 1e9 / s.count as f64, |v| format!("{v:.0} ns")),
        ],
        Mode::Connect => vec![
            ("connects/s", |s| s.count as f64 / s.wall.as_secs_f64(), |v| format!("{v:.0}")),
            ("connect p50", |s| at(s, 50) * 1e3, millis),
            ("connect CPU", |s| s.cpu.as_secs_f64() * 1e3 / s.count as f64, millis),
        ],
        Mode::Idle => vec![("memory per idle session", |s| s.bytes / 1024.0, |v| format!("{v:.1} KiB"))],
    };
    let rows = lines.iter().map(|line| row(line, samples));
    rows.collect::<Vec<_>>().join("\n")
}

fn row(&(label, take, write): &Line, samples: &[Vec<Sample>; STACKS.len()]) -> String {
    let medians = samples.each_ref().map(|of_stack| median(of_stack.iter().map(take).collect()));
    let yardstick = medians[1];
    let cells = medians.map(|value| match (value.is_nan(), yardstick.is_nan()) {
        (true, _) => "–".to_owned(),
        (_, true) => write(value),
        _ => format!("{} ({:.2}x)", write(value), value / yardstick),
    });
    let ours = if samples[2].is_empty() { &samples[3] } else { &samples[2] };
    let ours: Vec<f64> = ours.iter().map(take).collect();
    let (low, high) = ours.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    format!("| {label} | {} | {:.2}x |", cells.join(" | "), high / low)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn at(sample: &Sample, percent: usize) -> f64 {
    let each = &sample.each;
    each.get(each.len() * percent / 100).map_or(0.0, Duration::as_secs_f64)
}

fn bytes(sample: &Sample) -> f64 {
    (sample.count * BULK_MESSAGE_BYTES) as f64
}
