//! Random operations over a path that reorders, against a model: every operation has exactly one outcome,
//! every stream delivers exactly what was accepted, in order.

use std::collections::BTreeMap;

use bytes::Bytes;
use link::{Limits, OperationId, Outcome, Priority, StreamId, StreamOptions, TxEvent};
use proptest::prelude::*;

use crate::pair::{Pair, name, noise};

#[derive(Debug, Clone)]
enum Step {
    Send { stream: usize, bytes: usize, confirm: bool },
    Enqueue { stream: usize, bytes: usize, confirm: bool },
    Cancel { which: usize },
    Transmit { packets: usize },
    Deliver { pick: usize },
    DeliverBack,
    Consume,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0usize..300, 0usize..20_000, 0usize..300_000];
    prop_oneof![
        4 => (0usize..4, size.clone(), any::<bool>())
            .prop_map(|(stream, bytes, confirm)| Step::Send { stream, bytes, confirm }),
        2 => (0usize..4, size, any::<bool>())
            .prop_map(|(stream, bytes, confirm)| Step::Enqueue { stream, bytes, confirm }),
        1 => (0usize..64).prop_map(|which| Step::Cancel { which }),
        4 => (1usize..4).prop_map(|packets| Step::Transmit { packets }),
        6 => (0usize..8).prop_map(|pick| Step::Deliver { pick }),
        2 => Just(Step::DeliverBack),
        2 => Just(Step::Consume),
    ]
}

#[derive(Default)]
struct Model {
    /// Per stream: messages taken, with the operation that may still take them back.
    taken: BTreeMap<StreamId, Vec<(Bytes, Option<OperationId>)>>,
    open: BTreeMap<OperationId, StreamId>,
    /// Cancelled after a part had left: whether they arrive is open.
    doubtful: Vec<OperationId>,
}

fn run(steps: Vec<Step>, reorder: bool) {
    let mut limits = Limits::default();
    limits.stream_window_bytes = 200 << 10;
    limits.session_window_bytes = 500 << 10;
    let mut pair = Pair::new(limits);
    pair.b.consume = false;
    let priorities = [Priority::Urgent, Priority::Normal, Priority::Normal, Priority::Bulk];
    let ids: Vec<_> = priorities
        .iter()
        .enumerate()
        .map(|(i, &priority)| {
            let options = StreamOptions::default().with_priority(priority);
            pair.a.tx.open_stream(&name(&format!("s{i}")), options).unwrap()
        })
        .collect();
    // A message may not overtake the opening of its stream.
    pair.settle();
    let mut model = Model::default();
    for (seed, step) in steps.into_iter().enumerate() {
        match step {
            Step::Send { stream, bytes, confirm } => {
                let message = noise(bytes, seed as u64);
                if let Ok(operation) = pair.a.tx.try_send(ids[stream], &message, confirm) {
                    model.taken.entry(ids[stream]).or_default().push((message, operation));
                    model.open.extend(operation.map(|operation| (operation, ids[stream])));
                }
            }
            Step::Enqueue { stream, bytes, confirm } => {
                let message = noise(bytes, seed as u64);
                let operation = pair.a.tx.enqueue(ids[stream], message.clone(), confirm).unwrap();
                model.taken.entry(ids[stream]).or_default().push((message, Some(operation)));
                model.open.insert(operation, ids[stream]);
            }
            Step::Cancel { which } => {
                pair.a.take_tx_events();
                take_outcomes(&mut pair, &mut model);
                let Some((&operation, &stream)) = model.open.iter().nth(which) else { continue };
                model.open.remove(&operation);
                if pair.a.tx.cancel(stream, operation) {
                    model.taken.get_mut(&stream).unwrap().retain(|(_, other)| *other != Some(operation));
                } else {
                    model.doubtful.push(operation);
                }
            }
            Step::Transmit { packets } => pair.a.transmit(packets),
            Step::Deliver { pick } => {
                let pick = if reorder { pick } else { 0 };
                let at = pick.min(pair.a.wire.len().saturating_sub(1));
                if let Some(packet) = pair.a.wire.remove(at) {
                    pair.b.receive(pair.now, packet).unwrap();
                }
            }
            Step::DeliverBack => {
                pair.b.transmit(1);
                if let Some(packet) = pair.b.wire.pop_front() {
                    pair.a.receive(pair.now, packet).unwrap();
                }
            }
            Step::Consume => pair.b.consume_all(),
        }
    }
    pair.b.consume = true;
    pair.b.consume_all();
    pair.settle();
    take_outcomes(&mut pair, &mut model);
    assert!(model.open.is_empty(), "without outcome: {:?}", model.open);
    assert!(pair.a.tx.is_idle() && !pair.b.rx.is_receiving());
    for (stream, taken) in model.taken {
        let mut arrived = pair.b.streams[&stream].messages.iter();
        let mut next = arrived.next();
        for (message, operation) in taken {
            if next == Some(&message) {
                next = arrived.next();
            } else {
                let doubtful = operation.is_some_and(|operation| model.doubtful.contains(&operation));
                assert!(doubtful, "lost or out of order");
            }
        }
        assert_eq!(next, None, "something arrived that was not sent, or twice");
    }
}

fn take_outcomes(pair: &mut Pair, model: &mut Model) {
    for event in pair.a.events.drain(..) {
        let TxEvent::Done { operation, outcome } = event else { panic!("{event:?}") };
        assert!(matches!(outcome, Outcome::Accepted | Outcome::Confirmed), "{outcome:?}");
        assert!(model.open.remove(&operation).is_some(), "two outcomes, or one after cancelling");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn on_an_orderly_path(steps in prop::collection::vec(step(), 1..120)) {
        run(steps, false);
    }

    #[test]
    fn on_a_path_that_reorders(steps in prop::collection::vec(step(), 1..120)) {
        run(steps, true);
    }
}
