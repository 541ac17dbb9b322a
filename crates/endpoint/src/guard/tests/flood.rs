//! A flood of first packets from behind the door, with a member among them: costs and crypto are figures here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{MILLISECOND, SECOND, guard, source};
use crate::guard::Level;

/// What a first packet behind the door costs up to its answer.
const HANDSHAKE: Duration = Duration::from_micros(110);
/// What a challenge costs, and the refusal of a packet without a solution.
const CHALLENGE: Duration = Duration::from_micros(4);
/// Tries of a hash in a second, of the member and of all attackers together.
const MEMBER_TRIES: f64 = 500_000.0;
const ATTACKER_TRIES: f64 = 20_000_000.0;
/// Strangers that have a place at once; the one that waits longest makes room.
const PLACES: usize = 512;

#[derive(Clone, Copy)]
struct Waiting {
    begin: Instant,
    member: bool,
}

/// Runs for a minute; gives back how many of the dials of a member, one a second, were answered within the deadline of a
/// handshake, what share of a core went to handshakes, and the highest level.
fn run(attackers_per_second: u32, solve: bool) -> (u32, f64, Level) {
    let start = Instant::now();
    let mut guard = guard(start);
    let mut rng = StdRng::seed_from_u64(5);
    let mut queue: VecDeque<Waiting> = VecDeque::new();
    // Solutions under way: when each is ready, and whether it is the member's.
    let mut solving: Vec<Waiting> = Vec::new();
    let mut attackers_busy = start;
    let (mut answered, mut spent, mut highest) = (0, Duration::ZERO, Level::Calm);
    for tick in 0..60_000_u32 {
        let now = start + tick * MILLISECOND;
        let arrivals = attackers_per_second / 1_000;
        let mut ready: Vec<bool> = vec![false; usize::try_from(arrivals).unwrap()];
        if tick % 1_000 == 500 {
            ready.insert(rng.random_range(0..=ready.len()), true);
        }
        for (number, member) in ready.into_iter().enumerate() {
            // From everywhere: no rate of an address helps.
            let from = source(tick, u32::try_from(number).unwrap());
            assert!(guard.enter(now, &from).is_ok());
            let demand = guard.demand(now, &mut rng);
            highest = highest.max(demand.level());
            let Some(bits) = demand.level().challenge(true) else {
                queue.push_back(Waiting { begin: guard.reserve(now), member });
                continue;
            };
            guard.work(now, CHALLENGE);
            guard.challenged();
            spent += CHALLENGE;
            let tries = f64::from(1_u32 << bits);
            if member {
                solving.push(Waiting { begin: now + Duration::from_secs_f64(tries / MEMBER_TRIES), member });
            } else if solve {
                attackers_busy = attackers_busy.max(now) + Duration::from_secs_f64(tries / ATTACKER_TRIES);
                if attackers_busy < now + 10 * SECOND {
                    solving.push(Waiting { begin: attackers_busy, member });
                }
            }
        }
        solving.retain(|solution| {
            let done = solution.begin <= now;
            if done {
                queue.push_back(Waiting { begin: guard.reserve(now), member: solution.member });
            }
            !done
        });
        while queue.len() > PLACES {
            queue.pop_front();
            guard.settle(now, Duration::ZERO);
        }
        if queue.front().is_some_and(|first| first.begin > now) {
            guard.deferred(now);
        }
        while let Some(first) = queue.pop_front_if(|first| first.begin <= now) {
            guard.settle(now, HANDSHAKE);
            spent += HANDSHAKE;
            answered += u32::from(first.member);
        }
    }
    (answered, spent.as_secs_f64() / 60.0, highest)
}

#[test]
fn without_a_flood_everybody_is_answered_and_nothing_is_asked() {
    assert_eq!(run(0, false).0, 60);
    let (answered, share, level) = run(3_000, false);
    assert_eq!((answered, level), (60, Level::Calm));
    assert!(share < 0.5, "{share}");
}

#[test]
fn a_member_gets_in_under_ten_times_what_the_budget_holds() {
    // The budget holds some 4,500 handshakes a second.
    for solve in [false, true] {
        let (answered, share, level) = run(45_000, solve);
        assert!(answered >= 57, "{answered} of 60, solving: {solve}");
        assert!(share <= 0.55, "{share} of a core, solving: {solve}");
        assert!(level >= Level::Puzzles { bits: 10 }, "{level:?}");
    }
}
