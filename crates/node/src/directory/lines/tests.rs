//! One line a peer, in order, and no longer than it may be.

use membership::{IdentityKey, StaticKey};

use super::*;

fn peer(byte: u8) -> PeerId {
    PeerId { identity: IdentityKey([byte; 32]), device: StaticKey([byte; 32]) }
}

fn number(words: &Words) -> usize {
    match words {
        Words::Want(names) => names.len(),
        _ => usize::MAX,
    }
}

#[test]
fn a_line_keeps_its_order_its_bound_and_ends_when_it_is_empty() {
    let lines = Lines::default();
    for count in 0..2 * MAX_WAITING {
        let is_new = lines.push(peer(1), Words::Want(vec![StatementId([0; 32]); count]));
        assert_eq!(is_new, count == 0);
    }
    assert!(lines.push(peer(2), Words::Have), "of another peer");
    for count in 0..MAX_WAITING {
        assert_eq!(lines.next(&peer(1)).as_ref().map(number), Some(count));
    }
    assert!(lines.next(&peer(1)).is_none());
    assert!(lines.push(peer(1), Words::Have), "a line that was over begins anew");
    assert!(!lines.push(peer(2), Words::Have), "somebody is telling that peer");
}
