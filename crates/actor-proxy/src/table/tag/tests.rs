//! The cycle at a width that can be walked whole.

use std::collections::BTreeSet;

use super::*;

fn tags(key: [u64; 2], bits: u32, count: usize) -> Vec<Tag> {
    let mut cycle = TagCycle::new(key, bits);
    (0..count).map(|_| cycle.advance()).collect()
}

#[test]
fn every_tag_comes_once_before_any_comes_again() {
    for bits in [2, 4, 8, 10, 16] {
        let all = 1 << bits;
        let sequence = tags([7, 8], bits, 2 * all);
        let (first, second) = sequence.split_at(all);
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), all, "{bits} bits");
        assert_eq!(first, second);
    }
}

#[test]
fn the_key_decides_the_order() {
    let reference = tags([1, 2], TAG_BITS, 100);
    assert_eq!(tags([1, 2], TAG_BITS, 100), reference);
    for other in [[0, 2], [1, 0], [2, 1], [1, 1 << 63 | 2], [1 << 63 | 1, 2]] {
        let common = tags(other, TAG_BITS, 100).iter().filter(|tag| reference.contains(tag)).count();
        assert_eq!(common, 0, "{other:?}");
    }
}

#[test]
fn the_cycle_closes_at_the_full_width() {
    let mut cycle = TagCycle::new([1, 2], TAG_BITS);
    let first = cycle.advance();
    cycle.position = u32::MAX;
    cycle.advance();
    assert_eq!(cycle.advance(), first);
}

#[test]
fn a_tag_prints_as_hex() {
    assert_eq!(format!("{:?}", Tag(0xab)), "Tag(000000ab)");
}
