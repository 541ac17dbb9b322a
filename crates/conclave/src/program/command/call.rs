//! `conclave call`

use std::io::{self, IsTerminal, Read};

use clap::Args;
use serde_json::Value;

use super::super::failure::{Failure, Kind};
use super::super::ipc::{MAX_CALL_BYTES, Request};
use super::{Context, Who};

/// Ask a service of a member, and print its answer as JSON
///
/// `conclave services MEMBER` lists what there is to ask; services of the format cbor take JSON. Most take a question
/// and where its answer goes, and get {"body": JSON, "reply": ...}. For others say --whole and write the whole message,
/// with the text "$reply" where the answer's address belongs: '{"Price": {"of": "bread", "to": "$reply"}}'.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    who: Who,
    /// The name of the service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// What to ask, as JSON, or `-` to read it from standard input
    #[arg(value_name = "JSON", default_value = "null")]
    input: String,
    /// JSON is the whole message, with the text "$reply" where the address of the answer belongs
    #[arg(long)]
    whole: bool,
    /// How long to wait for the answer
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let text = match arguments.input.as_str() {
        "-" => read(context)?,
        _ => arguments.input,
    };
    let request = Request::Call {
        member: arguments.who.member,
        service: arguments.service,
        input: parse(&text)?,
        timeout_seconds: arguments.timeout,
        whole: arguments.whole,
    };
    context.carry_out(request).await
}

fn parse(text: &str) -> Result<Value, Failure> {
    if text.len() > MAX_CALL_BYTES {
        return Err(Failure::new(Kind::Usage, format!("what to ask has more than {MAX_CALL_BYTES} bytes"))
            .advice("send large content as a file: `conclave send FILE MEMBER`"));
    }
    serde_json::from_str(text).map_err(|error| {
        Failure::new(Kind::Usage, format!("what to ask is no JSON: {error}"))
            .advice("quote it for the shell: `conclave call MEMBER SERVICE '{\"name\": \"value\"}'`")
            .advice("pipe it in: `conclave call MEMBER SERVICE - < FILE`")
    })
}

fn read(context: &Context) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        if !context.may_ask {
            return Err(Failure::new(Kind::Usage, "there is nothing to ask")
                .meaning("standard input is a terminal, and --no-input forbids waiting for it"));
        }
        context.output.talk("type the JSON, then Enter and Ctrl-D:");
    }
    // One more than is taken, so that too much of it is told rather than cut.
    let limit = u64::try_from(MAX_CALL_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    stdin
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Kind::LocalIo, format!("reading from standard input: {error}")))?;
    // Only what is too long can be cut within a letter, and that is told before anybody looks at the letter.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
