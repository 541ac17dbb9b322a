//! The program: a folder of private files, a socket for commands, a node between them.

mod account;
mod actors;
mod admission;
mod advice;
mod arguments;
mod chat;
mod checkup;
mod command;
mod demo;
mod event;
mod failure;
mod hex;
mod home;
mod ipc;
mod output;
mod passphrase;
mod secret;
mod signals;
mod size;
mod span;
mod standings;
mod station;
mod transfer;
mod unserved;

use std::io::IsTerminal;
use std::process::ExitCode;

use arguments::{Arguments, Command, MemberCommand, Options};
use clap::Parser;
use command::{
    Context, call, chat as chat_command, completions, demo as demo_command, doctor, id, init, introduce,
    invite, join, man, member_add, member_list, member_remove, members, passphrase as passphrase_command,
    ping, recover, revoke, send, services, status, tickets, up, whoami, why,
};
use failure::{Failure, Kind};
use home::Home;
use output::Output;
use passphrase::Passphrases;
use tracing_subscriber::EnvFilter;

/// Reads the command line, carries out the command, and turns its outcome into an exit code.
pub(crate) fn run() -> ExitCode {
    let Arguments { options, command } = Arguments::parse();
    start_log(&options);
    let output = Output::new(options.json, options.voice());
    let home_folder = match Home::locate(options.home.as_deref()) {
        Ok(home_folder) => home_folder,
        Err(failure) => return end(output, Err(failure)),
    };
    let may_ask = !options.no_input;
    let passphrases = match Passphrases::new(may_ask, options.passphrase_file) {
        Ok(passphrases) => passphrases,
        Err(failure) => return end(output, Err(failure)),
    };
    let mut context = Context { home_folder, output, may_ask, passphrases };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(Kind::LocalIo, format!("no threads: {error}"));
            return end(context.output, Err(failure));
        }
    };
    let result = runtime.block_on(carry_out(command, &mut context));
    // A thread may still wait for standard input, and nobody waits for it.
    runtime.shutdown_background();
    end(context.output, result)
}

async fn carry_out(command: Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(arguments, context),
        Command::Recover(arguments) => recover::run(arguments, context),
        Command::Passphrase(arguments) => passphrase_command::run(&arguments, context),
        Command::Invite(arguments) => invite::run(arguments, context).await,
        Command::Join(arguments) => join::run(arguments, context).await,
        Command::Tickets(arguments) => tickets::run(arguments, context).await,
        Command::Introduce(arguments) => introduce::run(arguments, context).await,
        Command::Revoke(arguments) => revoke::run(arguments, context).await,
        Command::Members(_) => members::run(context).await,
        Command::Whoami(_) => whoami::run(context).await,
        Command::Status(_) => status::run(context).await,
        Command::Id(arguments) => id::run(arguments, context).await,
        Command::Member(MemberCommand::Add(arguments)) => member_add::run(arguments, context).await,
        Command::Member(MemberCommand::List(_)) => member_list::run(context).await,
        Command::Member(MemberCommand::Remove(arguments)) => member_remove::run(arguments, context).await,
        Command::Up(arguments) => up::run(arguments, context).await,
        Command::Ping(arguments) => ping::run(arguments, context).await,
        Command::Send(arguments) => send::run(arguments, context).await,
        Command::Why(arguments) => why::run(arguments, context).await,
        Command::Chat(arguments) => chat_command::run(arguments, context).await,
        Command::Call(arguments) => call::run(arguments, context).await,
        Command::Services(arguments) => services::run(arguments, context).await,
        Command::Doctor(_) => doctor::run(context).await,
        Command::Demo(arguments) => demo_command::run(arguments, context).await,
        Command::Completions(arguments) => completions::run(&arguments, context),
        Command::Man(arguments) => man::run(&arguments, context),
    }
}

fn end(mut output: Output, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// The log of the layers below goes to standard error: `-v` for changes of state, `-vv` for everything.
fn start_log(options: &Options) {
    let level = match (options.quiet, options.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_env("CONCLAVE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let color = std::io::stderr().is_terminal() && output::wants_color();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(color).init();
}
