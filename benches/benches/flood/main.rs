//! Round trips of a member, with and without a flood of bogus first packets from many addresses.
//!
//! `cargo bench -p benches --bench flood -- [--rate N] [--rounds N] [--seconds N]`. Three processes on loopback: a node, a
//! member in a session with it, and the flood, each of whose packets comes by a connection of its own from an address of
//! 127.0.0.0/8 that is drawn anew. Calm and flood take turns; a round is a turn of each. The table has the medians over the
//! rounds, and the resident memory of the node before the first flood and after the last.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, unreachable_pub)]

mod member;
mod node;
mod torrent;

use benches::Part;

const NODE: &str = "--flood-node";
const MEMBER: &str = "--flood-member";
const TORRENT: &str = "--flood-torrent";

/// Round trips of one turn, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Turn {
    p50: f64,
    p99: f64,
    packets_per_second: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(NODE) => return node::run(),
        Some(MEMBER) => return member::run(),
        Some(TORRENT) => return torrent::run(),
        _ => {}
    }
    let option = |name: &str, default: u64| {
        let position = arguments.iter().position(|argument| argument == name);
        position
            .and_then(|position| arguments.get(position + 1))
            .map_or(default, |value| value.parse().unwrap())
    };
    let (rate, rounds, seconds) = (option("--rate", 10_000), option("--rounds", 5), option("--seconds", 4));

    let (mut node, mut member) = (Part::spawn(&[NODE]), Part::spawn(&[MEMBER]));
    node.tell(&member.hear());
    let card = node.hear();
    let target = node.hear();
    member.tell(&card);
    assert_eq!(member.hear(), "connected");

    let turn = |member: &mut Part, rate: u64| {
        let mut torrent = (rate > 0).then(|| {
            let mut torrent = Part::spawn(&[TORRENT]);
            torrent.tell(&format!("{target} {rate}"));
            assert_eq!(torrent.hear(), "flowing");
            torrent
        });
        member.tell(&seconds.to_string());
        let line = member.hear();
        let packets_per_second = torrent.as_mut().map_or(0.0, |torrent| {
            torrent.tell("stop");
            torrent.hear().parse().unwrap()
        });
        let mut values = line.split(' ').map(|value| value.parse::<f64>().unwrap());
        Turn { p50: values.next().unwrap(), p99: values.next().unwrap(), packets_per_second }
    };
    turn(&mut member, 0);
    let before = node.resident_bytes() / 1024;
    let mut first_after = 0;
    let (mut calm, mut flooded) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        calm.push(turn(&mut member, 0));
        flooded.push(turn(&mut member, rate));
        if round == 0 {
            first_after = node.resident_bytes() / 1024;
        }
        eprintln!("{:?} {:?}", calm.last().unwrap(), flooded.last().unwrap());
    }
    let after = node.resident_bytes() / 1024;
    node.tell("report");
    let report = node.hear();

    let of = |turns: &[Turn], value: fn(&Turn) -> f64| median(turns.iter().map(value).collect());
    let ratios = |value: fn(&Turn) -> f64| {
        median(calm.iter().zip(&flooded).map(|(calm, flooded)| value(flooded) / value(calm)).collect())
    };
    println!("| | calm | flood | flood / calm |");
    println!("|---|--:|--:|--:|");
    for (name, value) in
        [("round trip p50", (|turn| turn.p50) as fn(&Turn) -> f64), ("round trip p99", |turn| turn.p99)]
    {
        println!(
            "| {name} | {:.1} us | {:.1} us | {:.2}x |",
            of(&calm, value),
            of(&flooded, value),
            ratios(value)
        );
    }
    println!("| first packets/s | 0 | {:.0} | |", of(&flooded, |turn| turn.packets_per_second));
    println!("| resident, after 1 flood, after {rounds} | {before} KiB | {first_after} KiB, {after} KiB | |");
    println!("\n{report}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
