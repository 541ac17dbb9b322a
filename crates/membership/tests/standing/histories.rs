//! The same statements give the same standings: in any order, any number of times, in any grouping.

use membership::{Directory, Policy, Settled, Statement};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use crate::pool::{NOW, Pool, date, directory};
use crate::reference::Reference;

const HISTORIES: u64 = 100_000;
/// Each so many is also compared with the second reading of the rules, which is slow.
const COMPARED: u64 = 20;

#[test]
fn a_hundred_thousand_histories_converge() {
    let pools: Vec<_> = (3..=6).map(Pool::new).collect();
    for seed in 0..HISTORIES {
        let mut rng = StdRng::seed_from_u64(seed);
        let pool = pools.choose(&mut rng).unwrap();
        let history = pool.history(18, &mut rng);
        let here = directory(history.iter().cloned());
        let there = told_differently(history, &mut rng);
        assert_eq!(here, there, "history {seed}");
        assert_eq!(here.len(), here.statements().count(), "history {seed}");

        let policy = Policy { depth: rng.random_range(0..=4), ..Policy::of(pool.keys[0]) };
        let now = date(NOW + rng.random_range(0..=31));
        let world = Settled::new(&here, &policy, now);
        assert_eq!(world, Settled::new(&there, &policy, now), "history {seed}");
        if seed % COMPARED == 0 {
            let reference = Reference::new(&here, &policy);
            let (out, heard) = reference.hear();
            assert!(world.revoked().eq(&out), "history {seed}");
            for key in &pool.keys {
                reference.check(key, world.standing(key), now);
                let is_heard = *key == pool.keys[0] || heard.contains(key);
                assert_eq!(world.is_heard(key), is_heard, "history {seed}");
            }
        }
    }
}

/// In another order, some of it twice, by way of several directories that are merged into each other.
fn told_differently(mut history: Vec<Statement>, rng: &mut StdRng) -> Directory {
    let again = history.iter().filter(|_| rng.random_bool(0.3)).cloned().collect::<Vec<_>>();
    history.extend(again);
    history.shuffle(rng);
    let mut groups: Vec<Directory> = (0..rng.random_range(1..=4)).map(|_| Directory::new()).collect();
    for statement in history {
        groups.choose_mut_by(rng).merge(statement).unwrap();
    }
    while groups.len() > 1 {
        let from = groups.swap_remove(rng.random_range(0..groups.len()));
        let into = groups.choose_mut_by(rng);
        for statement in from.statements() {
            into.merge(statement).unwrap();
        }
    }
    groups.remove(0)
}

trait ChooseMutBy<T> {
    fn choose_mut_by(&mut self, rng: &mut StdRng) -> &mut T;
}

impl<T> ChooseMutBy<T> for Vec<T> {
    fn choose_mut_by(&mut self, rng: &mut StdRng) -> &mut T {
        let place = rng.random_range(0..self.len());
        &mut self[place]
    }
}
