//! Whoever waits hears of the outcome, and one that nobody takes is dropped.

use std::future::poll_fn;
use std::sync::Arc;

use loom::future::block_on;
use loom::thread;

use super::*;

fn set<T>(slot: &Slot<T>, outcome: T) {
    slot.set(outcome).into_iter().for_each(Waker::wake);
}

#[test]
fn no_wake_is_lost_and_the_first_outcome_counts() {
    loom::model(|| {
        let slot = Arc::new(Slot::new());
        let setters = [1, 2].map(|outcome| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || set(&slot, outcome))
        });
        let outcome = block_on(poll_fn(|context| slot.poll(context)));
        assert!([1, 2].contains(&outcome));
        setters.into_iter().for_each(|setter| setter.join().unwrap());
        let again = poll_fn(|context| Poll::Ready(slot.poll(context).is_ready()));
        assert!(!block_on(again), "a second outcome");
    });
}

#[test]
fn an_outcome_that_nobody_wants_any_more_is_dropped() {
    loom::model(|| {
        let (slot, outcome) = (Arc::new(Slot::new()), Arc::new(()));
        let setter = {
            let (slot, outcome) = (Arc::clone(&slot), Arc::clone(&outcome));
            thread::spawn(move || set(&slot, outcome))
        };
        slot.close();
        setter.join().unwrap();
        assert!(slot.is_over());
        assert_eq!(Arc::strong_count(&outcome), 1);
    });
}
