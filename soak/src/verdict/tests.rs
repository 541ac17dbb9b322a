//! Each bound is one that a run can break.

use super::*;
use crate::ledger::Kind;

fn point(seconds: u64, resident_kib: u64, heap_kib: u64, descriptors: u64) -> Point {
    let count = Count { heap_bytes: heap_kib * 1024, ..Count::default() };
    let measure = Measure { resident_kib, anonymous_kib: resident_kib / 2, descriptors, threads: 5 };
    Point { at: Duration::from_secs(seconds), count, measure }
}

/// A run of ten minutes in which nothing grows.
fn flat() -> Report {
    let plan = Plan::of(Duration::from_secs(180), Duration::from_secs(600), 1);
    let first = point(0, 9_000, 500, 20);
    let mut report = Report::new(&plan, first.count, first.measure);
    report.points = (1..20).map(|number| point(number * 30, 20_000 + number % 3, 900, 20)).collect();
    report.last = Some(point(600, 20_000, 900, 20));
    report.totals.kinds.insert("ask".to_owned(), asks(100, 90, 10));
    report.finished = true;
    report
}

fn asks(started: u64, fine: u64, lost: u64) -> Kind {
    let outcomes = [("ok".to_owned(), fine), ("Lost".to_owned(), lost)].into_iter().collect();
    Kind { started, outcomes, ..Kind::default() }
}

/// What is said about a run that differs in one thing.
fn broken(change: impl FnOnce(&mut Report)) -> String {
    let mut report = flat();
    change(&mut report);
    let broken = report.broken();
    assert!(report.text().contains("BROKEN") != broken.is_empty());
    broken.join("; ")
}

#[test]
fn a_run_in_which_nothing_grows_keeps_every_bound() {
    assert_eq!(broken(|_| ()), "");
    assert!(flat().is_judged());
    assert!(flat().text().contains("every bound was kept"));
    serde_json::from_str::<serde_json::Value>(&flat().json()).unwrap();
}

#[test]
fn memory_that_grows_is_told_whether_it_is_in_use_or_not() {
    // 17 KiB a minute are one MiB an hour; here it is twice as much.
    let resident = broken(|report| {
        (0..).zip(&mut report.points).for_each(|(number, point)| point.measure.resident_kib += 17 * number);
    });
    assert!(resident.contains("resident memory grows"), "{resident}");
    assert!(!resident.contains("heap"), "{resident}");
    let heap = broken(|report| {
        (0..).zip(&mut report.points).for_each(|(number, point)| point.count.heap_bytes += 17_408 * number);
    });
    assert!(heap.contains("the heap grows"), "{heap}");
}

#[test]
fn memory_that_grows_before_the_warm_up_is_over_does_not_count() {
    let early = broken(|report| {
        report.points.iter_mut().take(5).for_each(|point| point.measure.resident_kib /= 2);
    });
    assert_eq!(early, "");
}

#[test]
fn a_descriptor_that_stays_open_is_told() {
    assert!(broken(|report| report.points[7].measure.descriptors += 1).contains("21 descriptors at 240 s"));
    assert!(broken(|report| report.last.as_mut().unwrap().measure.descriptors += 1).contains("at 600 s"));
}

#[test]
fn an_operation_without_an_outcome_is_told() {
    let mut ask = asks(100, 90, 9);
    assert!(
        broken(|report| drop(report.totals.kinds.insert("ask".to_owned(), ask.clone())))
            .contains("1 operations")
    );
    ask.missing = 1;
    let missing = broken(|report| drop(report.totals.kinds.insert("ask".to_owned(), ask)));
    assert!(missing.contains("1 of `ask` had no outcome"), "{missing}");
}

#[test]
fn damage_and_a_run_in_which_nothing_works_are_told() {
    let damaged = broken(|report| {
        let kind = report.totals.kinds.get_mut("ask").unwrap();
        kind.outcomes = [("ok".to_owned(), 99), ("Damaged".to_owned(), 1)].into_iter().collect();
    });
    assert!(damaged.contains("1 of `ask` are not what was sent"), "{damaged}");
    let idle = broken(|report| drop(report.totals.kinds.insert("ask".to_owned(), asks(100, 0, 100))));
    assert!(idle.contains("none of 100"), "{idle}");
}

#[test]
fn a_table_that_does_not_go_back_is_told() {
    let grown = broken(|report| {
        report.last.as_mut().unwrap().count.tables.insert("exports".to_owned(), 3);
    });
    assert!(grown.contains("3 exports at the end, 0 at first"), "{grown}");
}

#[test]
fn what_failed_on_the_way_is_told() {
    assert!(
        broken(|report| report.failures.push("peer 3 has ended by itself".to_owned())).contains("peer 3")
    );
    assert!(broken(|report| report.finished = false).contains("did not come to its end"));
}

#[test]
fn a_short_run_is_not_judged_by_its_slope() {
    let mut report = flat();
    report.points.truncate(9);
    report.points.iter_mut().for_each(|point| point.measure.resident_kib *= point.at.as_secs());
    assert!(!report.is_judged());
    assert_eq!(report.broken(), Vec::<String>::new());
}
