//! The steps with commands that speak with actors: a line of a conversation, a list of services, a call.

use std::time::Instant;

use serde_json::json;

use super::super::super::event::Event;
use super::super::child::Process;
use super::super::desk::DESK;
use super::super::person::Person;
use super::{Failure, Kind, Stage, tell};

const LINES: [&str; 2] = ["a demonstration line from alice", "a demonstration line from bob"];
const QUESTION: &str = "a demonstration question";

impl Stage<'_> {
    /// A line each way: it must be confirmed here and heard there.
    pub(super) async fn chat(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        let [there, back] = LINES;
        self.search.add_talk(&LINES)?;
        say(&self.alice, &self.bob, &mut self.bob_up, there).await?;
        say(&self.bob, &self.alice, &mut self.alice_up, back).await?;
        let detail =
            "alice wrote a line to bob and bob one to alice; each was confirmed here and heard there";
        tell(self.output, "a conversation", detail.to_owned(), started);
        Ok(())
    }

    /// What bob offers, and what he answers to somebody without a Rust type.
    pub(super) async fn call(&mut self) -> Result<(), Failure> {
        let started = Instant::now();
        self.search.add_talk(&[QUESTION])?;
        let listed = self.alice.run(&["services", self.bob.name]).await?.well()?;
        let name = |event: Event| match event {
            Event::Service { name, .. } => Some(name),
            _ => None,
        };
        let names: Vec<String> = listed.into_iter().filter_map(name).collect();
        if names != ["chat", DESK, "echo"] {
            return Err(Failure::new(Kind::Broken, format!("bob offers {names:?}")));
        }
        let question = json!({ "text": QUESTION, "numbers": [u64::MAX, -0.5] });
        let answer = self.alice.run(&["call", self.bob.name, "echo", &question.to_string()]).await?.well()?;
        let is_answer = |event: &Event| matches!(event, Event::Answer { output, .. } if *output == question);
        if !answer.iter().any(is_answer) {
            return Err(Failure::new(Kind::Broken, format!("echo of {question} was {answer:?}")));
        }
        let detail =
            format!("bob offers {}; `echo` gave back to alice the JSON that she sent", names.join(", "));
        tell(self.output, "services, and a call", detail, started);
        Ok(())
    }
}

/// Says a line by the command that anybody would use.
async fn say(from: &Person, to: &Person, far: &mut Process, line: &str) -> Result<(), Failure> {
    let told = from.run_with(&["chat", to.name], line).await?.well()?;
    if !told.iter().any(|event| matches!(event, Event::Delivered { text, .. } if text == line)) {
        return Err(Failure::new(Kind::Broken, format!("a line was not delivered: {told:?}")));
    }
    far.wait_for(|event| match event {
        Event::Heard { member, text } if member == from.name && text == line => Some(()),
        _ => None,
    })
    .await
}
