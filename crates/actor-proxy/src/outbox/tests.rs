//! Lanes keep their order, places say what has left, and the count of bytes is right.

use proptest::prelude::*;

use super::*;

fn lane(number: usize) -> Lane {
    Lane::all().nth(number % Lane::COUNT).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize, usize),
    PushOwn(usize, usize),
    Take(usize),
    TakeSmall(usize, usize),
    Written,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![8 => 1..200_usize, 1 => (MAX_COPIED_BYTES - 2)..(MAX_COPIED_BYTES + 3)];
    let at = (0..Lane::COUNT, length);
    prop_oneof![
        6 => at.clone().prop_map(|(lane, length)| Step::Push(lane, length)),
        2 => at.prop_map(|(lane, length)| Step::PushOwn(lane, length)),
        6 => (0..Lane::COUNT).prop_map(Step::Take),
        3 => (0..Lane::COUNT, 1..6_usize).prop_map(|(lane, count)| Step::TakeSmall(lane, count)),
        2 => Just(Step::Written),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_is_a_queue_for_each_lane(steps in prop::collection::vec(step(), 1..150)) {
        let mut outbox = Outbox::default();
        let mut model: [VecDeque<(Vec<u8>, Place, bool)>; Lane::COUNT] = Default::default();
        let mut left: Vec<Place> = Vec::new();
        let mut number = 0_u8;
        for step in steps {
            number = number.wrapping_add(1);
            match step {
                Step::Push(at, length) | Step::PushOwn(at, length) => {
                    let envelope = vec![number; length];
                    let announced = outbox.next_place(lane(at));
                    let place = match step {
                        Step::PushOwn(..) => {
                            let (front, back) = envelope.split_at(length / 3);
                            let pieces = [front, back].map(Bytes::copy_from_slice);
                            outbox.push_own(lane(at), pieces.into())
                        },
                        _ => outbox.push(lane(at), &envelope[..length / 2], &envelope[length / 2..]),
                    };
                    prop_assert_eq!(format!("{announced:?}"), format!("{place:?}"));
                    let is_small = matches!(step, Step::Push(..)) && length <= MAX_COPIED_BYTES;
                    model[at].push_back((envelope, place, is_small));
                }
                Step::Take(at) => {
                    let next = outbox.peek(lane(at)).map(|next| next.to_bytes());
                    let expected = model[at].pop_front();
                    prop_assert_eq!(next.as_deref(), expected.as_ref().map(|(envelope, ..)| &envelope[..]));
                    drop(outbox.advance(lane(at)));
                    left.extend(expected.map(|(_, place, _)| place));
                }
                Step::TakeSmall(at, count) => {
                    let small: Vec<&[u8]> = outbox.small(lane(at)).collect();
                    let run = model[at].iter().take_while(|(.., is_small)| *is_small);
                    prop_assert_eq!(&small, &run.map(|(envelope, ..)| &envelope[..]).collect::<Vec<_>>());
                    let count = count.min(small.len());
                    // Of more than there are only those are taken that there are.
                    let asked = if count == small.len() { count + 1 } else { count };
                    outbox.advance_small(lane(at), asked);
                    left.extend(model[at].drain(..count).map(|(_, place, _)| place));
                }
                Step::Written => {
                    let ends = outbox.ends();
                    outbox.note_written();
                    prop_assert_eq!(outbox.is_written(&ends), outbox.is_empty());
                }
                Step::Clear => {
                    let own = outbox.clear();
                    let mine = model.iter().flatten().filter(|(.., is_small)| !is_small).count();
                    prop_assert_eq!(own.len(), mine);
                    model.iter_mut().for_each(VecDeque::clear);
                }
            }
            let bytes: Vec<usize> = model.iter().map(|lane| lane.iter().map(|(one, ..)| one.len()).sum()).collect();
            prop_assert_eq!(outbox.bytes(), bytes.iter().sum::<usize>());
            prop_assert_eq!(Lane::all().map(|lane| outbox.bytes_of(lane)).collect::<Vec<_>>(), bytes.clone());
            prop_assert_eq!(outbox.is_empty(), bytes.iter().sum::<usize>() == 0);
            prop_assert!(left.iter().all(|place| outbox.has_left(*place)));
            prop_assert!(model.iter().flatten().all(|(_, place, _)| !outbox.has_left(*place)));
        }
    }
}

#[test]
fn news_have_a_lane_of_their_own() {
    for number in 0..1_000 {
        assert_ne!(Lane::of(Tag(number)), Lane::CONTROL);
    }
    assert_eq!(Lane::all().map(Lane::index).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}
