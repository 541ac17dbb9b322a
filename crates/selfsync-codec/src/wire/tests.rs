//! Lengths and the room they take.

use super::*;

#[test]
fn the_longest_body_in_place_is_the_published_arithmetic() {
    assert_eq!((MAX_FIRST_RUN, MAX_LATER_RUN, MAX_BODY_IN_PLACE), (252, 64_008, 64_259));
    assert_eq!(max_encoded_len(0), 6);
    assert_eq!(max_encoded_len(251), 257);
    assert_eq!(max_encoded_len(252), 260);
    assert_eq!(max_encoded_len(MAX_BODY_IN_PLACE), 64_267);
    assert_eq!(max_encoded_len(MAX_BODY_IN_PLACE + 1), 64_270);
    assert_eq!(max_encoded_len(usize::MAX), usize::MAX);
}

#[test]
fn every_length_survives_and_avoids_the_marker() {
    for run_len in (0..=MAX_LATER_RUN).step_by(if cfg!(miri) { 251 } else { 1 }) {
        let bytes = later_length(run_len);
        assert!(bytes.iter().all(|&byte| byte < 0xFD));
        assert_eq!(read_later_length(bytes), Some(run_len));
    }
    for run_len in 0..=MAX_FIRST_RUN {
        assert_eq!(read_first_length(first_length(run_len)), Some(run_len));
    }
}

#[test]
fn what_is_no_length_is_refused() {
    for byte in 0xFD..=0xFF {
        assert_eq!(read_first_length(byte), None);
        for other in 0..=0xFF {
            assert_eq!(read_later_length([byte, other]), None);
            assert_eq!(read_later_length([other, byte]), None);
        }
    }
}
