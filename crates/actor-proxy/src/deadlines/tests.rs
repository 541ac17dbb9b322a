//! What is due comes once, in order, and whoever keeps the time is woken for what is earlier than it knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Duration;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Question;

impl Expire for Question {
    fn expire(&self) -> Option<Waker> {
        None
    }
}

fn question() -> Due {
    Due::Question(Weak::<Question>::new())
}

#[test]
fn what_is_due_comes_once() {
    let (deadlines, start) = (Deadlines::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(deadlines.first(None), None);
    let timers: Vec<_> = [5, 3, 3, 9].map(|seconds| deadlines.arm(at(seconds), question()).0).into();
    assert_eq!(deadlines.first(None), Some(at(3)));
    assert_eq!(deadlines.take_due(at(2)).len(), 0);
    deadlines.disarm(timers[1]);
    assert_eq!(deadlines.take_due(at(5)).len(), 2, "what is due now is due");
    assert_eq!(deadlines.first(None), Some(at(9)));
    // What is over already, and what is not there any more.
    deadlines.disarm(timers[0]);
    deadlines.disarm(timers[3]);
    deadlines.disarm(timers[3]);
    assert_eq!(deadlines.take_due(at(100)).len(), 0);
}

#[test]
fn the_keeper_is_woken_for_what_is_earlier_and_for_nothing_else() {
    let (deadlines, start) = (Deadlines::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let count = Arc::new(Count::default());
    let keeper = Waker::from(Arc::clone(&count));
    let arm = |seconds| deadlines.arm(at(seconds), question()).1.into_iter().for_each(Waker::wake);
    let woken = || count.0.swap(0, Ordering::Relaxed);
    arm(10);
    assert_eq!(woken(), 0, "nobody is there");
    deadlines.first(Some(&keeper));
    arm(10);
    arm(11);
    assert_eq!(woken(), 0);
    arm(9);
    assert_eq!(woken(), 1);
    arm(8);
    assert_eq!(woken(), 0, "it is on its way, and will look");
    assert_eq!(deadlines.first(Some(&keeper)), Some(at(8)));
    deadlines.take_due(at(20));
    assert_eq!(deadlines.first(Some(&keeper)), None);
    arm(100);
    assert_eq!(woken(), 1, "after nothing anything is earlier");
}
