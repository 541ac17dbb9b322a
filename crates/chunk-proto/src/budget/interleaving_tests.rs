//! Peers on several threads draw from one budget.

use loom::thread;

use super::*;

const LIMIT_BYTES: usize = 10;

/// Reserves, looks, and gives back; says whether there was room.
fn come_and_go(node: NodeBudget, bytes: usize) -> bool {
    let mut peer = PeerBudget::new(node.clone(), usize::MAX / 2);
    let had_room = peer.reserve(PEER_FLOOR_BYTES + bytes).is_ok();
    let used_bytes = node.used_bytes();
    assert!(used_bytes <= LIMIT_BYTES, "{used_bytes} of {LIMIT_BYTES}");
    assert!(!had_room || used_bytes >= bytes, "what is held is not counted");
    had_room
}

#[test]
fn the_limit_holds_and_everything_comes_back() {
    loom::model(|| {
        let node = NodeBudget::new(LIMIT_BYTES);
        let other = node.clone();
        let other = thread::spawn(move || come_and_go(other, 6));
        let had_room = come_and_go(node.clone(), 7);
        assert!(other.join().unwrap() || had_room, "one of them alone fits");
        assert_eq!(node.used_bytes(), 0);
    });
}

#[test]
fn what_fits_together_is_never_refused() {
    loom::model(|| {
        let node = NodeBudget::new(LIMIT_BYTES);
        let others: Vec<_> = [3, 4]
            .map(|bytes| (node.clone(), bytes))
            .map(|(node, bytes)| thread::spawn(move || come_and_go(node, bytes)))
            .into();
        assert!(come_and_go(node.clone(), 3));
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!(node.used_bytes(), 0);
    });
}
