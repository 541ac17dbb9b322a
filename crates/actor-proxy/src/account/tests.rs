//! Credit never runs out while there is room, and never exceeds it.

use std::sync::Weak;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Send(u64),
    Read(usize),
    Grant,
    Begin,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop_oneof![64..200_u64, 64..3_000_u64].prop_map(Step::Send),
        4 => (1..5_usize).prop_map(Step::Read),
        3 => Just(Step::Grant),
        1 => Just(Step::Begin),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_unread_stays_below_the_window_and_one_message(steps in prop::collection::vec(step(), 1..200)) {
        const WINDOW: u64 = 1_000;
        let account = Account::new(Weak::new(), WINDOW);
        let mut allowance = Allowance::new(account.begin(Tag(1)));
        let (mut unread, mut largest) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Send(cost) if allowance.has_any() => {
                    allowance.spend(cost);
                    largest = largest.max(cost);
                    prop_assert!(account.receive(cost), "what was granted is taken");
                    unread.push(cost);
                }
                Step::Send(_) => {}
                Step::Read(count) => {
                    let count = count.min(unread.len());
                    unread.drain(..count).for_each(|cost| account.consume(cost));
                }
                Step::Grant => account.grant().into_iter().for_each(|limit| allowance.raise(limit)),
                Step::Begin => allowance = Allowance::new(account.begin(Tag(2))),
            }
            let held: u64 = unread.iter().sum();
            prop_assert!(held < WINDOW + largest.max(1));
        }
        unread.drain(..).for_each(|cost| account.consume(cost));
        account.grant().into_iter().for_each(|limit| allowance.raise(limit));
        prop_assert!(allowance.has_any(), "with everything read there is credit");
    }
}

#[test]
fn a_sender_without_credit_is_not_taken_from() {
    let account = Account::new(Weak::new(), 100);
    account.begin(Tag(1));
    assert!(account.receive(99) && account.receive(5_000), "one may exceed what is left");
    assert!(!account.receive(1));
    account.consume(99);
    assert_eq!(account.grant(), Some(199));
    assert!(!account.receive(1), "the large one is still unread");
}

#[test]
fn an_old_limit_is_ignored() {
    let mut allowance = Allowance::new(10);
    allowance.spend(10);
    allowance.raise(5);
    assert!(!allowance.has_any());
    allowance.raise(11);
    assert!(allowance.has_any());
    allowance.spend(u64::MAX);
    allowance.raise(u64::MAX);
    assert!(!allowance.has_any());
}
