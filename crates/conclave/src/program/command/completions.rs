//! `conclave completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::super::arguments;
use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::Context;

/// Print the script that lets a shell complete the commands of this program
///
/// For bash: `conclave completions bash > ~/.local/share/bash-completion/completions/conclave`. For zsh, into a file
/// `_conclave` in a folder of `$fpath`; for fish, into `~/.config/fish/completions/conclave.fish`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let mut command = arguments::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "conclave", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Failure::new(Kind::Broken, format!("the script is no text: {error}")))?;
    context.output.show(&Event::Completions { shell: arguments.shell.to_string(), script });
    Ok(())
}
