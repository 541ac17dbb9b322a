//! Addresses stand anywhere inside a message, and stay what they are.
// An address is compared by which actor it leads to, which never changes.
#![allow(clippy::mutable_key_type)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use actor_proxy::{Address, Allow, AskError, Inbox, Message, ReplyTo, Route, Schema, ServiceOptions};
use serde::{Deserialize, Serialize};

use crate::cast::{Note, clerk, log};
use crate::world::{World, node_id};

const SECOND: Duration = Duration::from_secs(1);

type Pair = (Address<Note>, [Option<Address<Note>>; 2]);

#[derive(Serialize, Deserialize)]
struct Deep {
    map: BTreeMap<String, Vec<Option<Address<Note>>>>,
    keys: HashMap<Address<Note>, u8>,
    tuple: (u8, Pair),
    choice: Choice,
    answer: Vec<Option<ReplyTo<Deeper>>>,
}

#[derive(Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(Address<Note>),
    Named { inner: Box<Choice>, result: Result<Address<Note>, String> },
}

#[derive(Serialize, Deserialize)]
struct Deeper {
    addresses: HashSet<Address<Note>>,
    back: Option<(Address<Note>, Address<Note>)>,
}

impl Message for Deep {
    const SCHEMA: Schema = Schema::new("test.deep/1");
}

fn deep(one: &Address<Note>, other: &Address<Note>, answer: ReplyTo<Deeper>) -> Deep {
    let inner = Box::new(Choice::Named { inner: Box::new(Choice::Nothing), result: Ok(one.clone()) });
    Deep {
        map: [("many".into(), vec![None, Some(one.clone()), Some(other.clone()), Some(one.clone())])].into(),
        keys: [(one.clone(), 1), (other.clone(), 2)].into(),
        tuple: (3, (one.clone(), [None, Some(other.clone())])),
        choice: Choice::Named { inner, result: Ok(other.clone()) },
        answer: vec![None, Some(answer)],
    }
}

/// Finds each address where it was put, and answers with both.
async fn reader(mut inbox: Inbox<Deep>) {
    while let Some(deep) = inbox.recv().await {
        let Deep { map, keys, tuple: (three, (one, [none, other])), choice, answer } = deep;
        assert_eq!((three, none.is_none()), (3, true));
        let other = other.unwrap();
        assert_ne!(one, other);
        assert_eq!(map["many"], [None, Some(one.clone()), Some(other.clone()), Some(one.clone())]);
        assert_eq!((keys[&one], keys[&other], keys.len()), (1, 2, 2));
        let Choice::Named { inner, result } = choice else { panic!("the variant") };
        assert_eq!(result, Ok(other.clone()));
        let Choice::Named { result, .. } = *inner else { panic!("the variant inside") };
        assert_eq!(result, Ok(one.clone()));
        let Choice::One(same) = Choice::One(one.clone()) else { unreachable!() };
        let addresses = [one.clone(), other.clone(), same].into();
        if let Some(reply) = answer.into_iter().flatten().next() {
            reply.send(Deeper { addresses, back: Some((one.clone(), other.clone())) });
        }
    }
}

fn everywhere(options: ServiceOptions) {
    let mut world = World::new(2);
    let (_, inbox) = world.nodes[0].serve("reader", Allow::Members, options).unwrap();
    world.spawn(reader(inbox));
    let far = world.look_up::<Deep>(1, 0, "reader").unwrap();
    let node = world.nodes[1].clone();
    let ((one, _one), (other, _other)) = (node.mailbox::<Note>(), node.mailbox::<Note>());
    let (first, second) = (one.clone(), other.clone());
    let asked = async move { far.ask(|answer| deep(&first, &second, answer), SECOND).await };
    let Deeper { addresses, back } = world.block_on(asked).unwrap();
    // What comes home is the original.
    assert_eq!(addresses, [one.clone(), other.clone()].into());
    let back = back.unwrap();
    assert_eq!(back, (one, other));
    assert_eq!((back.0.route(), back.1.route()), (Route::Here, Route::Here));
    drop((addresses, back));
    world.advance(11 * SECOND);
    assert_eq!((world.nodes[0].table_sizes(), world.nodes[1].table_sizes()), ((0, 0, 0), (0, 0, 0)));
}

#[test]
fn addresses_stand_at_any_depth() {
    everywhere(ServiceOptions::default());
}

#[test]
fn addresses_stand_at_any_depth_of_bodies_that_describe_themselves() {
    everywhere(ServiceOptions::default().self_describing());
}

#[test]
fn the_same_actor_twice_is_one_address_on_the_other_side() {
    let mut world = World::new(2);
    let (_, mut inbox) =
        world.nodes[0].serve::<Deep>("reader", Allow::Members, ServiceOptions::default()).unwrap();
    let far = world.look_up::<Deep>(1, 0, "reader").unwrap();
    let before = world.nodes[0].table_sizes();
    let (one, _one) = world.nodes[1].mailbox::<Note>();
    let clone = one.clone();
    let asked = world.block_on(async move {
        far.ask(|answer| deep(&one, &clone, answer), Duration::from_millis(1)).await
    });
    assert_eq!(asked.err(), Some(AskError::TimedOut));
    let (deep, _) = inbox.try_recv().unwrap();
    assert_eq!(world.nodes[0].table_sizes().1, before.1 + 1, "one entry for five of them");
    assert_eq!(deep.map["many"][1], deep.map["many"][2]);
    assert_eq!(deep.tuple.1.1[1], Some(deep.tuple.1.0));
}

#[test]
fn an_address_comes_home_through_a_third_node() {
    let mut world = World::new(3);
    for number in [1, 2] {
        let (_, inbox) =
            world.nodes[number].serve("clerk", Allow::Members, ServiceOptions::default()).unwrap();
        world.spawn(clerk(inbox, log()));
    }
    // 0 gives its own to 1, takes it from there as 2 sees it, and has it from 2.
    let (one, two) = (world.look_up::<Note>(0, 1, "clerk").unwrap(), world.look_up(0, 2, "clerk").unwrap());
    let (own, _inbox) = world.nodes[0].mailbox::<Note>();
    let given = own.clone();
    let home = world.block_on(async move {
        one.send(Note::Give(given)).await.unwrap();
        one.send(Note::Give(two.clone())).await.unwrap();
        let two_from_one = one.ask(Note::Take, SECOND).await.unwrap().unwrap();
        assert_eq!((&two_from_one, two_from_one.route()), (&two, two.route()));
        two.send(Note::Give(one.clone())).await.unwrap();
        let one_from_two = two.ask(Note::Take, SECOND).await.unwrap().unwrap();
        assert_eq!(one_from_two, one);
        assert_eq!(one_from_two.route(), Route::Direct(node_id(1, 1)));
        // `own` travels 0 → 1 → 2 → 0.
        one_from_two.send(Note::Forget).await.unwrap();
        one.ask(|reply| Note::Ask(0, reply), SECOND).await.unwrap();
        one.send(Note::Give(two.clone())).await.unwrap();
        (one, two)
    });
    let ((one, two), own_again) = (home, own.clone());
    let came = world.block_on(async move {
        two.send(Note::Give(own_again)).await.unwrap();
        let from_two = two.ask(Note::Take, SECOND).await.unwrap().unwrap();
        one.send(Note::Give(from_two)).await.unwrap();
        one.ask(Note::Take, SECOND).await.unwrap().unwrap()
    });
    assert_eq!((came.route(), &came), (Route::Here, &own));
    let distinct: HashSet<_> = [came, own].into();
    assert_eq!(distinct.len(), 1);
}

#[test]
fn a_one_time_address_that_is_passed_on_still_answers() {
    for options in [ServiceOptions::default(), ServiceOptions::default().self_describing()] {
        let mut world = World::new(3);
        let (_, inbox) = world.nodes[1].serve("one", Allow::Members, ServiceOptions::default()).unwrap();
        world.spawn(clerk(inbox, log()));
        let (_, inbox) = world.nodes[2].serve("two", Allow::Members, options).unwrap();
        world.spawn(clerk(inbox, log()));
        let one = world.look_up::<Note>(0, 1, "one").unwrap();
        let two = world.look_up::<Note>(0, 2, "two").unwrap();
        let (own, inbox) = world.nodes[0].mailbox::<Note>();
        world.spawn(clerk(inbox, log()));
        let answers = world.block_on(async move {
            one.send(Note::Give(two.clone())).await.unwrap();
            let through_two = one.ask(|reply| Note::PassOn(1_007, reply), SECOND).await;
            // From 0 to 1, to 2, and back to an actor of 0.
            two.send(Note::Give(own.clone())).await.unwrap();
            let home = two.ask(|reply| Note::PassOn(1_008, reply), SECOND).await;
            let own_first = own.send(Note::Give(one.clone())).await;
            let local_first = own.ask(|reply| Note::PassOn(9, reply), SECOND).await;
            // Nobody is kept: the question is dropped.
            two.send(Note::Forget).await.unwrap();
            let nobody = two.ask(|reply| Note::PassOn(9, reply), SECOND).await;
            let mut all = vec![through_two, home, local_first, nobody];
            all.push(own_first.map(|()| 0).map_err(Into::into));
            all
        });
        assert_eq!(answers, [Ok(1_008), Ok(1_009), Ok(10), Err(AskError::NoReply), Ok(0)]);
    }
}

#[test]
fn an_address_does_not_travel_outside_of_messages() {
    let world = World::new(1);
    let (address, _inbox) = world.nodes[0].mailbox::<Note>();
    let refused = serde_json::to_string(&address).unwrap_err();
    assert!(refused.to_string().contains("travels in messages only"), "{refused}");
    assert!(serde_json::from_str::<Address<Note>>("0").is_err());
    assert!(serde_json::from_str::<ReplyTo<u8>>("0").is_err());
}

#[test]
fn four_thousand_addresses_fit_into_one_message_and_no_more() {
    #[derive(Serialize, Deserialize)]
    struct Many(Vec<Address<Note>>);
    impl Message for Many {
        const SCHEMA: Schema = Schema::new("test.many/1");
    }
    let mut world = World::new(2);
    let (_, mut inbox) = world.nodes[0].serve("many", Allow::Members, ServiceOptions::default()).unwrap();
    let far = world.look_up::<Many>(1, 0, "many").unwrap();
    let (addresses, _inboxes): (Vec<_>, Vec<_>) =
        (0..4_097).map(|_| world.nodes[1].mailbox::<Note>()).unzip();
    let error = far.try_send(Many(addresses.clone())).unwrap_err();
    assert_eq!(error, actor_proxy::SendError::TooManyAddresses { limit: 4_096 });
    far.try_send(Many(addresses[1..].to_vec())).unwrap();
    world.run();
    let (Many(came), _) = inbox.try_recv().unwrap();
    assert_eq!(came.iter().collect::<HashSet<_>>().len(), 4_096);
    drop(came);
    world.advance(11 * SECOND);
    assert_eq!(world.nodes[0].table_sizes(), (1, 0, 0), "the service that is held");
    assert_eq!(world.nodes[1].table_sizes(), (0, 1, 0));
}
