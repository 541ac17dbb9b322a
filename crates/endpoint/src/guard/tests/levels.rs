//! How the level follows the load.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{MILLISECOND, SECOND, guard};
use crate::guard::load::Load;
use crate::guard::{
    FALL_INTERVAL, HANDSHAKE_ESTIMATE, LOAD_SAMPLE, Level, MAX_PUZZLE_BITS, MIN_PUZZLE_BITS, RISE_INTERVAL,
};

/// Every level from the first to the last.
fn ladder() -> Vec<Level> {
    let mut levels = vec![Level::Calm];
    while levels.last() != Some(&Level::MembersOnly) {
        levels.push(levels[levels.len() - 1].above());
    }
    levels
}

#[test]
fn each_step_up_has_its_step_down_and_asks_for_more() {
    let ladder = ladder();
    assert_eq!(ladder[..3], [Level::Calm, Level::Cookies, Level::Puzzles { bits: MIN_PUZZLE_BITS }]);
    assert_eq!(ladder[ladder.len() - 2], Level::Puzzles { bits: MAX_PUZZLE_BITS });
    for pair in ladder.windows(2) {
        assert_eq!(pair[1].below(), pair[0]);
        assert!(pair[0] < pair[1]);
        for reliable in [false, true] {
            assert!(pair[0].challenge(reliable) <= pair[1].challenge(reliable));
        }
    }
    assert_eq!((Level::Calm.below(), Level::MembersOnly.above()), (Level::Calm, Level::MembersOnly));
    assert_eq!(Level::Cookies.challenge(true), None, "a connection has shown its address");
    assert_eq!(Level::Cookies.challenge(false), Some(0));
    let admitting = ladder.iter().filter(|level| level.admits_strangers()).count();
    assert_eq!(admitting, ladder.len() - 1);
}

/// Makes the load work at `permille` of a core until `end`, in steps of a millisecond.
fn work(load: &mut Load, now: &mut Instant, for_so_long: Duration, permille: u32) {
    let end = *now + for_so_long;
    while *now < end {
        load.work(*now, MILLISECOND * permille / 1_000);
        *now += MILLISECOND;
    }
    load.advance(*now);
}

#[test]
fn work_within_the_budget_asks_for_nothing() {
    let mut now = Instant::now();
    let mut load = Load::new(now, 50);
    work(&mut load, &mut now, 60 * SECOND, 490);
    assert_eq!((load.level(), load.share_permille()), (Level::Calm, 490));
    assert_eq!(load.deadline(), None);
}

#[test]
fn work_over_the_budget_raises_the_level_fast_and_lowers_it_slowly() {
    let mut now = Instant::now();
    let mut load = Load::new(now, 50);
    let start = now;
    while load.level() != Level::MembersOnly {
        work(&mut load, &mut now, MILLISECOND, 700);
        assert!(now < start + 3 * SECOND, "{:?}", load.level());
    }
    let mut changes = Vec::new();
    let mut last = load.level();
    while load.level() != Level::Calm {
        now = load.deadline().unwrap();
        load.advance(now);
        if load.level() != last {
            last = load.level();
            changes.push(now);
        }
        assert!(now < start + 60 * SECOND);
    }
    assert_eq!(changes.len(), ladder().len() - 1);
    assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= FALL_INTERVAL));
}

#[test]
fn between_half_of_the_budget_and_all_of_it_the_level_stays() {
    let mut now = Instant::now();
    let mut load = Load::new(now, 50);
    while load.level() != (Level::Puzzles { bits: MIN_PUZZLE_BITS }) {
        work(&mut load, &mut now, MILLISECOND, 700);
    }
    work(&mut load, &mut now, 60 * SECOND, 300);
    assert_eq!(load.level(), Level::Puzzles { bits: MIN_PUZZLE_BITS });
    work(&mut load, &mut now, 30 * SECOND, 100);
    assert_eq!(load.level(), Level::Calm);
}

#[test]
fn a_crowd_that_says_nothing_makes_cookies_and_no_more() {
    let start = Instant::now();
    let mut load = Load::new(start, 50);
    for tick in 0..120 {
        load.crowd(start + tick * LOAD_SAMPLE, 75, 100);
    }
    assert_eq!(load.level(), Level::Cookies);
    let later = start + 120 * LOAD_SAMPLE;
    load.crowd(later, 74, 100);
    load.advance(later + FALL_INTERVAL);
    assert_eq!(load.level(), Level::Cookies);
    load.advance(later + FALL_INTERVAL + 2 * LOAD_SAMPLE);
    assert_eq!(load.level(), Level::Calm);
}

#[test]
fn a_long_silence_ends_every_level() {
    let mut now = Instant::now();
    let mut load = Load::new(now, 50);
    work(&mut load, &mut now, 5 * SECOND, 900);
    assert_eq!(load.level(), Level::MembersOnly);
    load.advance(now + 3_600 * SECOND);
    assert_eq!((load.level(), load.share_permille()), (Level::Calm, 0));
}

#[test]
fn what_comes_over_the_budget_waits_for_its_turn() {
    let start = Instant::now();
    let mut load = Load::new(start, 50);
    let turns: Vec<Instant> = (0..10_000).map(|_| load.reserve(start)).collect();
    assert_eq!(turns[0], start);
    let burst = turns.iter().filter(|turn| **turn == start).count();
    assert!((500..2_000).contains(&burst), "{burst}");
    // At half of a core, so many take twice their time.
    let last = turns[9_999] - start;
    let all = HANDSHAKE_ESTIMATE * 10_000 * 2;
    assert!(last < all && last > all - SECOND, "{last:?}");
    assert!(turns.windows(2).all(|pair| pair[0] <= pair[1]), "first come, first served");
    // What was set aside for those who gave up, or proved to be nothing, is there again.
    (0..10_000).for_each(|_| load.settle(start, Duration::ZERO));
    assert_eq!(load.reserve(start), start);
}

#[test]
fn the_guard_tells_of_each_change_once_and_knows_when_to_look_again() {
    let mut now = Instant::now();
    let mut guard = guard(now);
    assert_eq!((guard.level_change(), guard.poll_timeout()), (None, None));
    guard.deferred(now);
    let change = guard.level_change().unwrap();
    assert_eq!((change.from, change.to), (Level::Calm, Level::Cookies));
    assert_eq!(guard.level_change(), None);
    let mut back = None;
    while let Some(deadline) = guard.poll_timeout() {
        now = deadline;
        guard.handle_timeout(now);
        back = back.or(guard.level_change());
    }
    assert_eq!(back.map(|change| change.to), Some(Level::Calm));
    assert_eq!(guard.report(now).deferred, 1);
}

#[derive(Debug, Clone)]
enum Input {
    Pass(u64),
    Work(u64),
    Defer,
    Crowd(usize),
}

proptest! {
    /// Whatever happens, whenever: up one step at a time and no two within `RISE_INTERVAL`, down one step at a time and not
    /// within `FALL_INTERVAL` of any change.
    #[test]
    fn the_level_never_flaps_faster_than_its_intervals(
        inputs in prop::collection::vec(prop_oneof![
            4 => (0_u64..400).prop_map(Input::Pass),
            1 => (0_u64..40_000).prop_map(Input::Pass),
            4 => (0_u64..200).prop_map(Input::Work),
            1 => Just(Input::Defer),
            1 => (0_usize..100).prop_map(Input::Crowd),
        ], 1..400),
    ) {
        let mut now = Instant::now();
        let mut load = Load::new(now, 50);
        let ladder = ladder();
        let rung = |level| ladder.iter().position(|known| *known == level).unwrap();
        let (mut last, mut changed): (usize, Option<Instant>) = (0, None);
        let mut look = |load: &Load, now: Instant| {
            let level = rung(load.level());
            if level != last {
                let since = changed.map(|changed| now - changed);
                if level > last {
                    assert_eq!(level, last + 1);
                    assert!(since.is_none_or(|since| since >= RISE_INTERVAL), "{since:?}");
                } else {
                    assert_eq!(level, last - 1);
                    assert!(since.unwrap() >= FALL_INTERVAL, "{since:?}");
                }
                (last, changed) = (level, Some(now));
            }
        };
        for input in inputs {
            match input {
                Input::Pass(millis) => {
                    let until = now + MILLISECOND * u32::try_from(millis).unwrap();
                    while let Some(deadline) = load.deadline().filter(|deadline| *deadline <= until) {
                        load.advance(deadline);
                        look(&load, deadline);
                    }
                    now = until;
                    load.advance(now);
                }
                Input::Work(millis) => {
                    (0..millis).for_each(|_| load.work(now, MILLISECOND));
                }
                Input::Defer => load.defer(now),
                Input::Crowd(waiting) => load.crowd(now, waiting, 100),
            }
            look(&load, now);
        }
    }
}
