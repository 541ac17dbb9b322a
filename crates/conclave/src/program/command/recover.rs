//! `conclave recover`

use std::io::{self, IsTerminal, Read};

use clap::Args;
use membership::{Identity, Petname, RECOVERY_WORDS};
use zeroize::Zeroizing;

use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::super::home::Home;
use super::super::passphrase::Sealing;
use super::{Context, init};

/// More than any 24 words with some space between them.
const MAX_INPUT_BYTES: u64 = 4_096;

/// Bring an identity back from its 24 words, in a home without one: you are the same member again
///
/// The words are typed, or come from standard input. Only the identity is in them. This machine makes a device key of its
/// own; tickets, members and what was said by whom are not restored.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The name to suggest for yourself in your card
    #[arg(long, value_name = "NAME")]
    name: Option<Petname>,
    #[command(flatten)]
    sealing: Sealing,
}

pub(crate) fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    // Before anybody types 24 words for nothing.
    match Home::open(&context.home_folder) {
        Ok(home) => home.check_vacant()?,
        Err(failure) if failure.kind == Kind::HomeMissing => {}
        Err(failure) => return Err(failure),
    }
    let identity = parse(&read_words(context)?)?;
    let (keys, line) = init::settle(&identity, arguments.name, arguments.sealing, context)?;
    context.output.show(&Event::Recovered { identity: line });
    init::show_card(&keys, context)
}

/// Says what is wrong with the words without repeating one.
fn parse(words: &str) -> Result<Identity, Failure> {
    Identity::from_words(words).map_err(|error| {
        let failure = Failure::new(Kind::Usage, format!("these are not the words of an identity: {error}"));
        match error {
            membership::Error::WordsChecksum => failure
                .meaning("each is a word of the list, but they do not belong together: one was misread, or two have changed places")
                .advice("compare them with the paper, one by one"),
            membership::Error::UnknownWord { .. } => {
                failure.advice("all are English words of three to eight letters; compare that one with the paper")
            }
            _ => failure.advice(format!("give all {RECOVERY_WORDS} in their order, with spaces between them")),
        }
    })
}

fn read_words(context: &Context) -> Result<Zeroizing<String>, Failure> {
    let stdin = io::stdin();
    let failed = |error: io::Error| {
        Failure::new(Kind::LocalIo, format!("reading the words from standard input: {error}"))
    };
    // Room for all of it from the start: a growing buffer would leave copies of a secret behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_INPUT_BYTES).unwrap_or(0)));
    if !stdin.is_terminal() {
        stdin.lock().take(MAX_INPUT_BYTES).read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    if !context.may_ask {
        return Err(Failure::new(Kind::Usage, "there are no words")
            .meaning("standard input is a terminal, and --no-input forbids waiting for it")
            .advice("pipe them in: `conclave recover < FILE`"));
    }
    context.output.talk("type the 24 words, in one line or several; nobody should look over your shoulder:");
    while text.split_whitespace().count() < RECOVERY_WORDS
        && stdin.read_line(&mut text).map_err(failed)? > 0
        && u64::try_from(text.len()).is_ok_and(|bytes| bytes < MAX_INPUT_BYTES)
    {}
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_words_are_told_without_repeating_them() {
        let right = Identity::generate(&mut rand::rng()).to_words().unwrap();
        let words: Vec<&str> = right.split(' ').collect();
        assert!(parse(&right).is_ok());
        let unknown = [&words[..6], &["xyzzyx"], &words[7..]].concat().join(" ");
        let mut swapped = words.clone();
        swapped.swap(0, 23);
        for wrong in ["", "hello there", &words[..23].join(" "), &unknown, &swapped.join(" ")] {
            let Err(failure) = parse(wrong) else { continue };
            assert_eq!((failure.kind, failure.advice.len()), (Kind::Usage, 1), "{failure}");
            assert!(!failure.to_string().contains("xyzzyx"), "{failure}");
        }
        assert!(parse(&unknown).unwrap_err().to_string().contains('7'), "which one is told");
    }
}
