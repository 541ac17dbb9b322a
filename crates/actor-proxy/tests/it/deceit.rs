//! What a peer says of others: it gets nobody's rights, and makes nobody's actors other than they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actor_proxy::{Allow, Inbox, Limits, ServiceOptions};

use crate::cast::{Note, clerk, log};
use crate::raw::{self, Stranger, cat, message, message_with, reply, tag, third, yours};

const EXPIRED: u8 = 4;

/// A service that keeps what it is given, and the stranger who gives: its tag.
fn deputy(stranger: &mut Stranger) -> u32 {
    let inbox = stranger.node().serve::<Note>("clerk", Allow::Members, ServiceOptions::default()).unwrap().1;
    stranger.world.spawn(clerk(inbox, log()));
    stranger.look_up("clerk").0
}

/// A service that its owner can close, with its tag and name.
fn closing(stranger: &mut Stranger) -> (Arc<AtomicBool>, Inbox<Note>, u32, [u8; 16]) {
    let open = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&open);
    let allow = Allow::when(move |_| asked.load(Ordering::SeqCst));
    let inbox = stranger.node().serve::<Note>("secret", allow, ServiceOptions::default()).unwrap().1;
    let (to, id) = stranger.look_up("secret");
    (open, inbox, to, id)
}

#[test]
fn a_right_that_was_taken_back_does_not_come_again_through_others() {
    let mut stranger = Stranger::new(Limits::default());
    let (open, mut secret, direct, id) = closing(&mut stranger);
    let to = deputy(&mut stranger);
    let me = stranger.node().me();
    for entry in [yours(id), third(me, id, "test.note/1")] {
        for is_open in [true, false] {
            open.store(is_open, Ordering::SeqCst);
            stranger.say(message(direct, &[0, 7])).unwrap();
            assert_eq!(secret.try_recv().is_some(), is_open);
            // Give, PassOn.
            stranger.say(message_with(to, None, &[entry.clone()], &[2, 0])).unwrap();
            stranger.say(message_with(to, None, &[reply(5)], &[5, 7, 0])).unwrap();
            assert_eq!(secret.try_recv().is_some(), is_open);
        }
    }
}

#[test]
fn a_service_is_not_there_to_hold_for_whom_it_does_not_permit() {
    let mut stranger = Stranger::new(Limits::default());
    let (open, _secret, direct, id) = closing(&mut stranger);
    let (hold, gone) = (cat(&[&[raw::HOLD], &id]), cat(&[&[raw::GONE], &id, &[EXPIRED]]));
    let said = |stranger: &mut Stranger, is_open| {
        open.store(is_open, Ordering::SeqCst);
        stranger.say(hold.clone()).unwrap();
        stranger.listen();
        std::mem::take(&mut stranger.heard)
    };
    // Known under a tag, and forgotten.
    assert_eq!(said(&mut stranger, false), [gone.clone()]);
    assert_eq!(said(&mut stranger, true)[0][0], raw::HELD);
    stranger.say(cat(&[&[raw::RELEASE], &tag(direct), &2_u32.to_le_bytes()])).unwrap();
    stranger.world.pass(std::time::Duration::from_secs(11));
    assert_eq!(stranger.hear(raw::ENDED), [cat(&[&tag(direct), &[EXPIRED]])]);
    assert_eq!(said(&mut stranger, false), [gone]);
    assert_eq!(said(&mut stranger, true)[0][0], raw::HELD);
}
