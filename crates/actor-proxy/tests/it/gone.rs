//! Addresses that lead to nothing when they arrive: the message is read, and they are as those of actors that have ended.

use std::time::Duration;

use actor_proxy::{
    Address, Allow, AskError, Ended, Inbox, Limits, Message, ReplyTo, Route, Schema, SendError,
    ServiceOptions,
};
use serde::{Deserialize, Serialize};

use crate::cast::{Note, clerk, log};
use crate::raw::{self, Stranger, cat, message_with, mine, reply, tag, third, yours};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const GONE: SendError = SendError::Ended(Ended::Expired);

#[derive(Serialize, Deserialize)]
enum Pair {
    Notes(Address<Note>, Address<Note>),
    Itself(Address<Pair>),
    Once(ReplyTo<u64>),
}

impl Message for Pair {
    const SCHEMA: Schema = Schema::new("test.pair/1");
}

fn serve<M: Message>(stranger: &Stranger, name: &str) -> Inbox<M> {
    stranger.node().serve(name, Allow::Members, ServiceOptions::default()).unwrap().1
}

fn is_gone<M: Message>(world: &mut World, address: &Address<M>, message: impl Fn() -> M) {
    assert_eq!(address.route(), Route::Nowhere);
    assert_eq!(address.try_send(message()), Err(GONE));
    let (one, other) = (address.clone(), address.clone());
    let (sent, confirmed) = (message(), message());
    let outcomes =
        async move { (one.send(sent).await, one.send_confirmed(confirmed).await, one.flush().await) };
    assert_eq!(world.block_on(outcomes), (Err(GONE), Err(GONE), Ok(())));
    assert_eq!(world.block_on(async move { other.ended().await }), Ended::Expired);
}

#[test]
fn what_leads_to_nothing_is_gone_whatever_its_type() {
    let mut stranger = Stranger::new(Limits::default());
    let mut inbox = serve::<Pair>(&stranger, "pair");
    let (to, _) = stranger.look_up("pair");
    let me = stranger.node().me();
    let table = [yours([9; 16]), third(me, [9; 16], "other/1")];
    stranger.say(message_with(to, None, &table, &[0, 0, 1])).unwrap();
    stranger.say(message_with(to, None, &table, &[0, 1, 1])).unwrap();
    stranger.say(message_with(to, None, &table, &[1, 1])).unwrap();
    let Some((Pair::Notes(one, other), _)) = inbox.try_recv() else { panic!("not read") };
    is_gone(&mut stranger.world, &one, || Note::Number(1));
    is_gone(&mut stranger.world, &other, || Note::Number(1));
    // Whether they are the same actor nobody knows; the same entry is the same address.
    assert_ne!(one, other);
    assert_eq!(one, one.clone());
    let Some((Pair::Notes(one, other), _)) = inbox.try_recv() else { panic!("not read") };
    assert_eq!(one, other);
    let asked = one.clone();
    let answer = async move { asked.ask(|reply| Note::Ask(1, reply), SECOND).await };
    assert!(matches!(
        stranger.world.block_on(answer),
        Err(AskError::Send(GONE) | AskError::Ended(Ended::Expired))
    ));
    let Some((Pair::Itself(itself), _)) = inbox.try_recv() else { panic!("not read") };
    is_gone(&mut stranger.world, &itself, || Pair::Notes(one.clone(), other.clone()));
    // A one-time address is another matter.
    stranger.say(message_with(to, None, &table, &[2, 0])).unwrap();
    assert!(inbox.try_recv().is_none());
    assert_eq!(inbox.unreadable(), 1);
}

#[test]
fn an_actor_that_has_ended_comes_home_as_gone() {
    let mut world = World::new(2);
    let served = world.nodes[0].serve::<Note>("desk", Allow::Members, ServiceOptions::default());
    let mut desk = served.unwrap().1;
    let to_desk = world.look_up::<Note>(1, 0, "desk").unwrap();
    let (address, inbox) = world.nodes[0].mailbox::<Note>();
    let served = world.nodes[1].serve::<Note>("far", Allow::Members, ServiceOptions::default());
    let mut far = served.unwrap().1;
    world.look_up::<Note>(0, 1, "far").unwrap().try_send(Note::Give(address)).unwrap();
    world.run();
    let Some((Note::Give(back), _)) = far.try_recv() else { panic!("nothing came") };
    // It ends while its address is on the way home.
    to_desk.try_send(Note::Give(back)).unwrap();
    drop(inbox);
    world.run();
    let Some((Note::Give(gone), _)) = desk.try_recv() else { panic!("not read") };
    is_gone(&mut world, &gone, || Note::Number(1));
    // Passed on, it is gone there, too.
    world.look_up::<Note>(0, 1, "far").unwrap().try_send(Note::Give(gone)).unwrap();
    world.run();
    let Some((Note::Give(gone), _)) = far.try_recv() else { panic!("not read") };
    is_gone(&mut world, &gone, || Note::Number(1));
    assert_eq!((desk.unreadable(), far.unreadable()), (0, 0));
}

#[test]
fn what_finds_no_room_is_gone_and_given_back() {
    let mut limits = Limits::default();
    limits.max_imports = 1;
    let mut stranger = Stranger::new(limits);
    let inbox = serve::<Note>(&stranger, "clerk");
    stranger.world.spawn(clerk(inbox, log()));
    let (to, _) = stranger.look_up("clerk");
    for its in [70, 71] {
        let actor = mine([its; 16], u32::from(its), 9_999, "test.note/1");
        stranger.say(message_with(to, None, &[actor], &[2, 0])).unwrap();
    }
    assert_eq!(stranger.hear(raw::RELEASE), [cat(&[&tag(71), &1_u32.to_le_bytes()])]);
    // An answer carries it as an actor of the receiver that nobody has.
    stranger.say(message_with(to, None, &[reply(5)], &[3, 0])).unwrap();
    let nobody = cat(&[&tag(5), &1_u16.to_le_bytes(), &yours([0; 16]), &[1, 0]]);
    assert_eq!(stranger.hear(raw::REPLY), [nobody]);
}
