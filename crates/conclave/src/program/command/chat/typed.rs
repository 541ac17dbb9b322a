//! Where the lines of a conversation come from.

use std::io::{self, BufRead, IsTerminal, Read};

use tokio::sync::mpsc;

use super::super::super::chat::{MAX_SAYING_BYTES, fitting};
use super::super::super::failure::{Failure, Kind};
use super::super::Context;

/// Lines that were read and not yet said.
pub(super) const QUEUE_TYPED: usize = 16;

/// Who makes the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Somebody at a terminal, with an editor.
    Terminal,
    /// A file, a pipe, or a program.
    Lines,
}

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    /// It cannot be said; so much of it tells which one it was.
    Refused {
        beginning: String,
        failure: Failure,
    },
}

impl Source {
    pub(super) fn choose(context: &Context) -> Result<Source, Failure> {
        let terminal = io::stdin().is_terminal();
        if terminal && !context.may_ask {
            return Err(Failure::new(Kind::Usage, "there is nothing to say")
                .meaning("standard input is a terminal, and --no-input forbids waiting for it")
                .advice("pipe the lines in: `conclave chat MEMBER < FILE`"));
        }
        let edited = terminal && io::stdout().is_terminal() && !context.output.is_json();
        Ok(if edited { Source::Terminal } else { Source::Lines })
    }
}

/// The lines of standard input, from a thread that nobody waits for.
pub(super) fn read_lines() -> mpsc::Receiver<Typed> {
    let (sender, typed) = mpsc::channel(QUEUE_TYPED);
    std::thread::spawn(move || read(io::stdin().lock(), &sender));
    typed
}

fn read(mut input: impl BufRead, lines: &mpsc::Sender<Typed>) {
    while let Ok(Some(typed)) = next(&mut input) {
        if lines.blocking_send(typed).is_err() {
            return;
        }
    }
}

/// The next line; of one that is too long no more than may be said is ever held.
fn next(input: &mut impl BufRead) -> io::Result<Option<Typed>> {
    let mut line = Vec::new();
    // With the end of the line, and one more that shows that it is too long.
    let limit = u64::try_from(MAX_SAYING_BYTES).unwrap_or(u64::MAX).saturating_add(2);
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    } else if line.len() > MAX_SAYING_BYTES {
        input.skip_until(b'\n')?;
    }
    let refused = match fitting(line.len()) {
        Ok(()) => match String::from_utf8(line) {
            Ok(text) => return Ok(Some(Typed::Line(text))),
            Err(error) => (
                error.into_bytes(),
                Failure::new(Kind::Usage, "the line is no text: it is not UTF-8")
                    .advice("send it as a file: `conclave send FILE MEMBER`"),
            ),
        },
        Err(failure) => (line, failure),
    };
    let (mut line, failure) = refused;
    line.truncate(BEGINNING_BYTES);
    Ok(Some(Typed::Refused { beginning: String::from_utf8_lossy(&line).into_owned(), failure }))
}

/// How much of a line that is refused is told.
const BEGINNING_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<Typed> {
        std::iter::from_fn(|| next(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_are_read_as_they_are() {
        let line = |text: &str| Typed::Line(text.into());
        assert_eq!(
            all(b"one\n\n two \r\n/quit\nlast"),
            [line("one"), line(""), line(" two "), line("/quit"), line("last")]
        );
        assert_eq!(all(b""), []);
    }

    #[test]
    fn long_lines_and_no_text_are_refused_and_the_next_line_is_whole() {
        let whole = "x".repeat(MAX_SAYING_BYTES);
        for end in ["\n", "\r\n", ""] {
            let lines = all(format!("{whole}{end}").as_bytes());
            assert_eq!(lines, [Typed::Line(whole.clone())], "{end:?}");
        }
        for long in [1, 2, 3, 100_000] {
            let input = format!("{whole}{}\nnext\n", "y".repeat(long));
            let [Typed::Refused { beginning, failure }, next] = &all(input.as_bytes())[..] else {
                panic!("{long}")
            };
            assert_eq!((beginning.len(), failure.kind), (BEGINNING_BYTES, Kind::Usage));
            assert_eq!(next, &Typed::Line("next".into()));
        }
        let lines = all(b"\xff\nnext");
        assert!(matches!(&lines[..], [Typed::Refused { .. }, Typed::Line(_)]), "{lines:?}");
    }
}
