//! Keys that are the same, and keys that are not.

use super::*;

#[test]
fn secrets_are_equal_if_all_their_bytes_are() {
    let secret = |bytes: [u8; 32]| StaticSecret::from_bytes(&bytes).expect("any bytes are one");
    assert_eq!(secret([7; 32]), secret([7; 32]));
    for at in 0..32 {
        let mut other = [7; 32];
        other[at] ^= 0x10;
        assert_ne!(secret([7; 32]), secret(other), "byte {at}");
    }
}
