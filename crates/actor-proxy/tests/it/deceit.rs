//! What a peer says of others: it gets nobody's rights, and makes nobody's actors other than they are.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use actor_proxy::{
    Address, Allow, Ended, Exchange, Inbox, Lane, Limits, SendError, ServiceError, ServiceOptions,
};
use bytes::Bytes;

use crate::cast::{Note, clerk, log};
use crate::raw::{self, Stranger, cat, message, message_with, mine, reply, tag, third, yours};
use crate::world::node_id;

const EXPIRED: u8 = 4;

/// A service that keeps what it is given, and the stranger who gives: its tag.
fn deputy(stranger: &mut Stranger) -> u32 {
    let inbox = stranger.node().serve::<Note>("clerk", Allow::Members, ServiceOptions::default()).unwrap().1;
    stranger.world.spawn(clerk(inbox, log()));
    stranger.look_up("clerk").0
}

/// Another peer of the node, of whose actors the stranger tells.
struct Other(Exchange);

impl Other {
    fn new(stranger: &mut Stranger, number: usize) -> Self {
        let other = Self(stranger.node().connected(node_id(number, 1)));
        other.say(stranger, raw::hello());
        other.say(stranger, cat(&[&[raw::HOLDS_DONE]]));
        other
    }

    fn say(&self, stranger: &mut Stranger, envelope: Bytes) {
        let (result, wakes) = self.0.handle_messages(stranger.world.now(), [envelope]);
        result.unwrap();
        wakes.wake();
        while stranger.world.poll_tasks() {}
    }

    /// What the node has said.
    fn hear(&self) -> Vec<Bytes> {
        let Some(mut outgoing) = self.0.outgoing(&Context::from_waker(Waker::noop())) else {
            return Vec::new();
        };
        let mut heard = Vec::new();
        for lane in Lane::all() {
            while let Some(envelope) = outgoing.peek(lane).map(|next| next.to_bytes()) {
                outgoing.advance(lane);
                heard.push(envelope);
            }
        }
        outgoing.finish();
        heard
    }
}

const CHAT: [u8; 16] = [7; 16];

/// The answer to a HOLD of the chat.
fn held(flags: u8) -> Bytes {
    let mut offer = raw::offer(CHAT, 500, 1 << 20, "test.note/1");
    offer[0] = flags;
    cat(&[&[raw::HELD], &offer])
}

/// Flags of an entry THIRD of notes, and the tag of its way.
fn read_third(entry: &[u8]) -> (u8, Option<u32>) {
    assert_eq!(entry[0], 2);
    let way = 2 + 80 + 16 + 1 + 1 + "test.note/1".len() + 16;
    let its = entry.get(way..way + 4).filter(|_| entry[1] & 2 != 0);
    (entry[1], its.map(|its| u32::from_le_bytes(its.try_into().unwrap())))
}

/// What the deputy was given last, as it is passed on to the stranger.
fn taken(stranger: &mut Stranger, deputy: u32) -> (u8, Option<u32>) {
    stranger.say(message_with(deputy, None, &[reply(5)], &[3, 0])).unwrap();
    let answer = stranger.hear(raw::REPLY).pop().unwrap();
    read_third(&answer[6..])
}

#[test]
fn what_may_only_be_spoken_with_directly_is_what_its_node_says_and_nobody_else() {
    for (claimed, said) in [(0, 1), (1, 0), (0, 0)] {
        let mut stranger = Stranger::new(Limits::default());
        let owner = Other::new(&mut stranger, 5);
        let to = deputy(&mut stranger);
        let mut chat = third(node_id(5, 1), CHAT, "test.note/1");
        chat[1] = claimed;
        stranger.say(message_with(to, None, &[chat], &[2, 0])).unwrap();
        // Its node has not spoken: no way.
        assert_eq!(taken(&mut stranger, to), (claimed, None));
        assert!(owner.hear().contains(&cat(&[&[raw::HOLD], &CHAT])));
        owner.say(&mut stranger, held(said));
        let (flags, way) = taken(&mut stranger, to);
        assert_eq!((flags & 1, way.is_none()), (said, said == 1));
        if let Some(way) = way {
            stranger.say(message(way, &[0, 42])).unwrap();
            assert!(owner.hear().contains(&message(500, &[0, 42])));
        }
    }
}

#[test]
fn a_way_that_was_lent_is_closed_when_the_node_says_so() {
    let mut stranger = Stranger::new(Limits::default());
    let owner = Other::new(&mut stranger, 5);
    let to = deputy(&mut stranger);
    let chat = third(node_id(5, 1), CHAT, "test.note/1");
    stranger.say(message_with(to, None, &[chat], &[2, 0])).unwrap();
    owner.say(&mut stranger, held(0));
    let way = taken(&mut stranger, to).1.unwrap();
    let mut again = mine(CHAT, 500, 1 << 20, "test.note/1");
    again[1] = 1;
    owner.say(&mut stranger, cat(&[&[raw::LOOK_UP], &tag(1), &raw::text("clerk")]));
    let found = owner.hear().into_iter().find(|one| one[0] == raw::FOUND).unwrap();
    let its_way = u32::from_le_bytes(found[22..26].try_into().unwrap());
    owner.say(&mut stranger, message_with(its_way, None, &[again], &[2, 0]));
    stranger.say(message_with(way, Some(6), &[], &[0, 42])).unwrap();
    assert_eq!(stranger.hear(raw::REFUSAL), [cat(&[&tag(6), &[3]])]);
    assert!(!owner.hear().iter().any(|one| one[0] == raw::MESSAGE || one[0] == raw::MESSAGE_WITH));
    assert_eq!(taken(&mut stranger, to), (1, None));
}

#[test]
fn an_address_that_passes_through_at_once_has_no_way() {
    let mut stranger = Stranger::new(Limits::default());
    let (owner, friend) = (Other::new(&mut stranger, 5), Other::new(&mut stranger, 6));
    let to = deputy(&mut stranger);
    // The way to an actor of the friend, for the stranger.
    friend.say(&mut stranger, cat(&[&[raw::LOOK_UP], &tag(1), &raw::text("clerk")]));
    let found = friend.hear().into_iter().find(|one| one[0] == raw::FOUND).unwrap();
    let its_way = u32::from_le_bytes(found[22..26].try_into().unwrap());
    let actor = mine([8; 16], 80, 1 << 20, "test.note/1");
    friend.say(&mut stranger, message_with(its_way, None, &[actor], &[2, 0]));
    let way = taken(&mut stranger, to).1.unwrap();
    let chat = third(node_id(5, 1), CHAT, "test.note/1");
    stranger.say(message_with(way, None, &[chat], &[2, 0])).unwrap();
    let got = friend.hear().into_iter().find(|one| one[0] == raw::MESSAGE_WITH).unwrap();
    assert_eq!(read_third(&got[12..]), (0, None));
    assert!(owner.hear().contains(&cat(&[&[raw::HOLD], &CHAT])));
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
            stranger.say(message_with(to, None, std::slice::from_ref(&entry), &[2, 0])).unwrap();
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
    assert_eq!(said(&mut stranger, false), std::slice::from_ref(&gone));
    assert_eq!(said(&mut stranger, true)[0][0], raw::HELD);
    stranger.say(cat(&[&[raw::RELEASE], &tag(direct), &2_u32.to_le_bytes()])).unwrap();
    stranger.world.pass(std::time::Duration::from_secs(11));
    assert_eq!(stranger.hear(raw::ENDED), [cat(&[&tag(direct), &[EXPIRED]])]);
    assert_eq!(said(&mut stranger, false), [gone]);
    assert_eq!(said(&mut stranger, true)[0][0], raw::HELD);
}

/// Looks the chat up at its owner, who finds it under a tag with a credit.
fn find_chat(stranger: &mut Stranger, owner: &Other, limit: u64) -> Result<Address<Note>, ServiceError> {
    let mut looking = Box::pin(owner.0.service::<Note>("chat"));
    assert!(looking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let ask = owner.hear().into_iter().find(|one| one[0] == raw::LOOK_UP).unwrap();
    let offer = raw::offer(CHAT, 500, limit, "test.note/1");
    owner.say(stranger, cat(&[&[raw::FOUND], &ask[1..5], &offer]));
    stranger.world.block_on(looking)
}

#[test]
fn whoever_lies_about_a_schema_keeps_nobody_from_the_actor() {
    for is_held in [false, true] {
        let mut stranger = Stranger::new(Limits::default());
        let owner = Other::new(&mut stranger, 5);
        let served = stranger.node().serve::<Note>("slow", Allow::Members, ServiceOptions::default());
        let mut slow = served.unwrap().1;
        let (to, _) = stranger.look_up("slow");
        let lie = third(node_id(5, 1), CHAT, "lie/1");
        stranger.say(message_with(to, None, std::slice::from_ref(&lie), &[2, 0])).unwrap();
        assert!(owner.hear().contains(&cat(&[&[raw::HOLD], &CHAT])));
        let mut receipts = 1;
        if is_held {
            // What nobody has the address of as it is, is given back.
            owner.say(&mut stranger, held(0));
            assert_eq!(owner.hear(), [cat(&[&[raw::RELEASE], &tag(500), &1_u32.to_le_bytes()])]);
            receipts = 0;
        }
        let chat = find_chat(&mut stranger, &owner, 1 << 20).unwrap();
        if !is_held {
            owner.say(&mut stranger, held(0));
        }
        chat.try_send(Note::Number(42)).unwrap();
        assert_eq!(owner.hear(), [message(500, &[0, 42])]);
        // The lie is still where it was, and again: it is read as what the actor is.
        assert!(slow.try_recv().is_none());
        assert_eq!(slow.unreadable(), 1);
        stranger.say(message_with(to, None, &[lie], &[2, 0])).unwrap();
        let Some((Note::Give(same), _)) = slow.try_recv() else { panic!("not read") };
        assert_eq!(same, chat);
        drop((chat, same));
        stranger.world.poll_tasks();
        let released = cat(&[&[raw::RELEASE], &tag(500), &u32::to_le_bytes(receipts + 1)]);
        assert_eq!(owner.hear(), [released]);
        owner.say(&mut stranger, cat(&[&[raw::ENDED], &tag(500), &[EXPIRED]]));
        assert_eq!(stranger.node().table_sizes().1, 0);
    }
}

#[test]
fn addresses_of_a_lie_end_and_their_credit_is_not_spent_twice() {
    let mut stranger = Stranger::new(Limits::default());
    let owner = Other::new(&mut stranger, 5);
    let served = stranger.node().serve::<Note>("slow", Allow::Members, ServiceOptions::default());
    let mut slow = served.unwrap().1;
    let (to, _) = stranger.look_up("slow");
    // Given as notes by the stranger, and by the owner first as notes, then as something else, and as notes again.
    let chat = third(node_id(5, 1), CHAT, "test.note/1");
    stranger.say(message_with(to, None, &[chat], &[2, 0])).unwrap();
    let mut offer = raw::offer(CHAT, 500, 66, "test.note/1");
    owner.hear();
    owner.say(&mut stranger, cat(&[&[raw::HELD], &offer]));
    let Some((Note::Give(address), _)) = slow.try_recv() else { panic!("not read") };
    address.try_send(Note::Number(1)).unwrap();
    let waiting = address.clone();
    let outcome = Arc::new(std::sync::Mutex::new(None));
    let told = Arc::clone(&outcome);
    stranger.world.spawn(async move {
        let sent = waiting.send(Note::Number(2)).await;
        *told.lock().unwrap() = Some((sent, waiting.ended().await));
    });
    stranger.world.poll_tasks();
    assert_eq!(owner.hear(), [message(500, &[0, 1])]);
    offer = raw::offer(CHAT, 500, 66, "other/1");
    owner.say(&mut stranger, cat(&[&[raw::LOOK_UP], &tag(1), &raw::text("slow")]));
    let found = owner.hear().into_iter().find(|one| one[0] == raw::FOUND).unwrap();
    let its_way = u32::from_le_bytes(found[22..26].try_into().unwrap());
    let other = [vec![1], offer].concat();
    owner.say(&mut stranger, message_with(its_way, None, &[other], &[2, 0]));
    let expired = SendError::Ended(Ended::Expired);
    assert_eq!(*outcome.lock().unwrap(), Some((Err(expired.clone()), Ended::Expired)));
    assert_eq!(address.try_send(Note::Number(3)), Err(expired));
    let chat = find_chat(&mut stranger, &owner, 66).unwrap();
    assert_eq!(chat.try_send(Note::Number(4)), Err(SendError::Full));
    owner.say(&mut stranger, cat(&[&[raw::CREDIT], &tag(500), &132_u64.to_le_bytes()]));
    chat.try_send(Note::Number(5)).unwrap();
    assert_eq!(owner.hear(), [message(500, &[0, 5])]);
}
