//! A bijection for every key, which looks like chance.

use proptest::prelude::*;

use super::*;

/// What every number of the width becomes.
fn all(key: [u64; 2], bits: u32) -> Vec<u32> {
    let permutation = Permutation::new(key, bits);
    (0..=permutation.mask()).map(|number| permutation.apply(number)).collect()
}

fn is_bijection(mut results: Vec<u32>) -> bool {
    results.sort_unstable();
    results.into_iter().eq(0..1 << 8)
}

#[test]
fn it_is_a_bijection_for_plain_keys() {
    for low in 0..64 {
        for key in [[low, 0], [0, low], [low, low], [1 << low, 0], [0, 1 << low], [u64::MAX, low]] {
            assert!(is_bijection(all(key, 8)), "{key:?}");
        }
    }
}

proptest! {
    #[test]
    fn it_is_a_bijection_for_every_key(key: [u64; 2]) {
        prop_assert!(is_bijection(all(key, 8)));
    }
}

#[test]
fn neighbours_differ_as_strangers_do() {
    let permutation = Permutation::new([3, 4], 32);
    let flips: u32 =
        (0..10_000).map(|n| (permutation.apply(n) ^ permutation.apply(n + 1)).count_ones()).sum();
    assert!((159_000..161_000).contains(&flips), "{flips} of 320,000 bits");
    let rises = (0..10_000).filter(|&n| permutation.apply(n) < permutation.apply(n + 1)).count();
    assert!((4_800..5_200).contains(&rises), "{rises} of 10,000");
}

#[test]
fn nothing_about_the_order_is_printed() {
    assert_eq!(format!("{:?}", Permutation::new([3, 4], 32)), "Permutation { .. }");
}
