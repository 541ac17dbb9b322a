//! A question that is answered, dropped and given up at once has one outcome.

use std::future::poll_fn;

use loom::future::block_on;
use loom::thread;

use super::*;

fn number(outcome: Result<Answer<u32>, AskError>) -> Option<u32> {
    match outcome {
        Ok(Answer::Here(number)) => Some(number),
        Ok(Answer::Parcel(_)) => panic!("nothing was sent"),
        Err(error) => {
            assert!(matches!(error, AskError::NoReply), "{error}");
            None
        }
    }
}

/// A one-time address that travels in a message can be in two places for a moment.
#[test]
fn of_an_answer_and_a_drop_the_first_counts_and_the_asker_is_woken() {
    loom::model(|| {
        let question = Question::<u32>::new();
        let (answered, dropped) =
            (ReplyTo::<u32>::new(question.clone()), ReplyTo::<u32>::new(question.clone()));
        let answerer = thread::spawn(move || answered.send(7));
        let dropper = thread::spawn(move || drop(dropped));
        let outcome = number(block_on(poll_fn(|context| question.poll(context))));
        assert!([Some(7), None].contains(&outcome));
        answerer.join().unwrap();
        dropper.join().unwrap();
        assert_eq!(Arc::strong_count(&question), 1);
    });
}

#[test]
fn an_answer_to_a_question_that_is_given_up_goes_nowhere() {
    loom::model(|| {
        let question = Question::<u32>::new();
        let reply = ReplyTo::<u32>::new(question.clone());
        let answerer = thread::spawn(move || reply.send(7));
        question.close();
        answerer.join().unwrap();
        assert!(lock(&question.state).outcome.is_none(), "nobody will take it");
    });
}

#[test]
fn one_of_two_claims_it() {
    loom::model(|| {
        let question = Question::<u32>::new();
        let other = {
            let question = question.clone();
            thread::spawn(move || question.claim())
        };
        let is_ours = question.claim();
        assert_ne!(other.join().unwrap(), is_ours);
    });
}
