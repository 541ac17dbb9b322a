//! Work that was done.

use super::*;

#[test]
fn work_counts_for_its_packet_and_its_cookie_if_it_is_enough() {
    let puzzle =
        |cookie, mac1, bits| Puzzle::new(Zeroizing::new([cookie; MAC_BYTES]), [mac1; MAC_BYTES], bits);
    let solved = puzzle(1, 2, 10).try_solve(0..u64::MAX).expect("one in a thousand");
    let bits = zero_bits(&[1; MAC_BYTES], &[2; MAC_BYTES], &solved.solution);
    let bits = u8::try_from(bits).expect("at most 64");
    assert!(puzzle(1, 2, 0).is_met_by(&solved) && puzzle(1, 2, bits).is_met_by(&solved));
    assert!(!puzzle(1, 2, bits + 1).is_met_by(&solved), "more is asked for");
    assert!(!puzzle(3, 2, 0).is_met_by(&solved), "another cookie");
    assert!(!puzzle(1, 3, 0).is_met_by(&solved), "another packet");
    assert!(!puzzle(3, 3, 0).is_met_by(&solved), "another of both");
}
