//! Any history of what five people say of each other: whoever hears it in another order, as bytes, comes to the same
//! directory; who is in is what a second reading of the rules says; dates only take away; and what is swept out changes
//! nobody's standing.
#![no_main]

use std::collections::BTreeSet;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use membership::{Directory, Introducers, Merged, Policy, Settled, Standing, Statement};

#[path = "../../crates/membership/tests/standing/pool.rs"]
#[allow(dead_code)]
mod pool;
#[path = "../../crates/membership/tests/standing/reference.rs"]
mod reference;

use pool::{NOW, Pool, date};
use reference::Reference;

const PEOPLE: usize = 5;
const MAX_STATEMENTS: usize = 24;
/// Beyond the last date that stands in a voucher of the pool.
const LAST: u64 = 32;

fuzz_target!(|input: &[u8]| {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let [depth, introducers, now, history @ ..] = input else { return };
    let pool = POOL.get_or_init(|| Pool::new(PEOPLE as u64));
    let mut policy = Policy { depth: depth % 6, ..Policy::of(pool.keys[0]) };
    if introducers & 1 == 1 {
        let chosen = |person: &usize| introducers >> (person + 1) & 1 == 1;
        let keys: BTreeSet<_> = (0..PEOPLE).filter(chosen).map(|person| pool.keys[person]).collect();
        policy.introducers = Introducers::Only(keys);
    }
    let now = u64::from(*now) % LAST;
    let history: Vec<_> = history.chunks_exact(2).take(MAX_STATEMENTS).map(|said| draw(pool, said)).collect();
    let here = merged(&history);
    let there = told_backwards(&history);
    assert_eq!(here, there, "the order counts");
    let settled = check(&here, &policy, pool, now);
    check_dates(&here, &policy, &settled, now);
    check_sweep(here, &policy, &settled, now);
});

/// Who, about whom, and which of what they may say.
fn draw(pool: &Pool, said: &[u8]) -> Statement {
    let issuer = usize::from(said[0]) % PEOPLE;
    let subject = (issuer + 1 + usize::from(said[0]) / PEOPLE % (PEOPLE - 1)) % PEOPLE;
    let about = pool.about(issuer, subject);
    about[usize::from(said[1]) % about.len()].clone()
}

fn merged(history: &[Statement]) -> Directory {
    let mut directory = Directory::new();
    for statement in history {
        let before = directory.clone();
        match directory.merge(statement.clone()).expect("far below every bound") {
            Merged::News { replaced } => {
                assert_eq!(directory.len(), before.len() + usize::from(replaced.is_none()));
                assert!(directory.statements().any(|known| known == *statement));
                let is_gone = |id| directory.statements().all(|known| known.id() != id);
                assert!(replaced.is_none_or(is_gone));
            }
            Merged::Known | Merged::Superseded => assert_eq!(directory, before),
        }
        assert_eq!(directory.len(), directory.statements().count());
    }
    directory
}

/// From last to first, each twice, as they travel.
fn told_backwards(history: &[Statement]) -> Directory {
    let mut directory = Directory::new();
    for statement in history.iter().rev() {
        for _ in 0..2 {
            let heard = Statement::from_bytes(&statement.to_bytes()).expect("it was signed");
            directory.merge(heard).expect("far below every bound");
        }
    }
    directory
}

fn check(directory: &Directory, policy: &Policy, pool: &Pool, now: u64) -> Settled {
    let now = date(NOW + now);
    let settled = Settled::new(directory, policy, now);
    let reference = Reference::new(directory, policy);
    let (out, heard) = reference.hear();
    assert!(settled.revoked().eq(&out));
    for key in &pool.keys {
        reference.check(key, settled.standing(key), now);
        assert_eq!(settled.is_heard(key), *key == policy.root || heard.contains(key));
        let is_member = matches!(settled.standing(key), Standing::Member { .. });
        assert_eq!(settled.reach(key).is_some(), is_member && *key != policy.root);
    }
    settled
}

/// Nobody comes in by waiting, and nothing changes before the date that is told.
fn check_dates(directory: &Directory, policy: &Policy, settled: &Settled, now: u64) {
    let change = settled.next_change().map_or(LAST, |change| change.seconds() - NOW);
    for later in [now + 1, change.saturating_sub(1), change, LAST].into_iter().filter(|later| *later > now) {
        let then = Settled::new(directory, policy, date(NOW + later));
        assert!(then.members().all(|(member, _)| settled.reach(member).is_some()), "in by waiting");
        assert!(then.revoked().eq(settled.revoked()), "dates do not matter for who is kept out");
        if settled.next_change().is_none_or(|change| date(NOW + later) < change) {
            assert!(then.members().eq(settled.members()), "a change before its date");
        }
    }
}

/// What strangers said is gone, and of nobody else anything.
fn check_sweep(mut directory: Directory, policy: &Policy, settled: &Settled, now: u64) {
    let before = directory.clone();
    let gone: BTreeSet<_> = directory.sweep(settled).into_iter().collect();
    assert_eq!(directory.len() + gone.len(), before.len());
    for statement in before.statements() {
        let issuer = statement.issuer();
        let is_strange = !settled.is_heard(&issuer) && settled.standing(&issuer) == Standing::Unknown;
        assert_eq!(gone.contains(&statement.id()), is_strange);
    }
    assert_eq!(&Settled::new(&directory, policy, date(NOW + now)), settled);
}
