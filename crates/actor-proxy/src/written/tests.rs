//! A body and its head come out in order, whatever of it is shared.

use super::*;
use crate::outbox::Next;
use crate::table::Tag;

fn lane() -> Lane {
    Lane::of(Tag(0))
}

/// Two blocks of shared bytes with copied ones around them, and what that is as a whole.
fn mixed() -> (Written, [Bytes; 2], Vec<u8>) {
    let blocks = [Bytes::from(vec![1; MIN_SHARED_BYTES]), Bytes::from(vec![2; MIN_SHARED_BYTES + 1])];
    let mut buffer = Written::buffer();
    buffer.extend_from_slice(b"abc");
    let mut shared = vec![Shared { at: buffer.len(), bytes: blocks[0].clone() }];
    shared.push(Shared { at: buffer.len(), bytes: blocks[1].clone() });
    buffer.extend_from_slice(b"de");
    let whole = [b"abc", &blocks[0][..], &blocks[1], b"de"].concat();
    (Written::new(buffer, shared), blocks, whole)
}

#[test]
fn shared_bytes_leave_from_where_they_are() {
    for head_bytes in [5, HEADROOM_BYTES, HEADROOM_BYTES + 1, 500] {
        let head = vec![7; head_bytes];
        let (body, blocks, whole) = mixed();
        assert_eq!(body.len(), whole.len());
        assert!(body.copyable().is_none());
        let mut outbox = Outbox::default();
        body.push(&mut outbox, lane(), &head);
        assert_eq!(outbox.bytes(), head_bytes + whole.len());
        let Some(next @ Next::Large(pieces)) = outbox.peek(lane()) else { panic!("not a large one") };
        assert_eq!(next.to_bytes(), [head, whole].concat());
        for block in blocks {
            assert!(pieces.iter().any(|piece| piece.as_ptr() == block.as_ptr()), "a block was copied");
        }
    }
}

#[test]
fn a_body_that_comes_from_elsewhere_is_kept_if_it_is_large() {
    let body = Bytes::from(vec![3; MIN_SHARED_BYTES]);
    let mut outbox = Outbox::default();
    Written::kept(body.clone()).push(&mut outbox, lane(), &[7; 5]);
    let Some(Next::Large([head, own])) = outbox.peek(lane()) else { panic!("not two pieces") };
    assert_eq!((head.as_ref(), own.as_ptr()), (&[7; 5][..], body.as_ptr()));
    let small = Written::kept(body.slice(1..));
    assert_eq!((small.len(), small.shared.len()), (MIN_SHARED_BYTES - 1, 0));
}

#[test]
fn a_small_body_is_copied_next_to_others() {
    let mut outbox = Outbox::default();
    Written::copied(b"body").push(&mut outbox, lane(), b"head ");
    assert!(matches!(outbox.peek(lane()), Some(Next::Small(b"head body"))));
    assert_eq!(Written::copied(b"body").into_bytes(), &b"body"[..]);
    assert_eq!(Written::default().into_bytes(), Bytes::new());
    let (body, _, whole) = mixed();
    assert_eq!(body.into_bytes(), whole);
}
