//! The command line: options of every command, and the commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::command::{
    call, chat, completions, demo, doctor, id, init, introduce, invite, join, man, member_add, member_list,
    member_remove, members, passphrase, ping, recover, revoke, send, services, status, tickets, up, whoami,
    why,
};
use super::output::Voice;

/// An end-to-end encrypted, members-only network.
///
/// A node is known by its key. You get in because a member vouches for you; a stranger gets silence.
#[derive(Debug, Parser)]
#[command(name = "conclave", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 a promise of the program did not hold, 2 wrong command line, card, ticket or member, 3 no answer, \
4 refused by the other side, 5 not in time, 6 interrupted, 7 local disk or socket, 8 home missing, taken or open to others, 9 wrong passphrase, or none, 10 `doctor` has found a problem.";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with this node's keys and members [default: the system's folder for user data]
    #[arg(
        long,
        global = true,
        env = "CONCLAVE_HOME",
        value_name = "FOLDER",
        help_heading = "Options of every command"
    )]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON lines instead of text
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) json: bool,
    /// Say only what was asked for, and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Options of every command")]
    pub(crate) quiet: bool,
    /// Say more; twice: say everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Options of every command")]
    pub(crate) verbose: u8,
    /// The passphrase of the home is the first line of this file, which only you may read; `-`: of standard input
    #[arg(long, global = true, value_name = "FILE", help_heading = "Options of every command")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Never wait for somebody to type
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub(crate) no_input: bool,
}

impl Options {
    pub(crate) fn voice(&self) -> Voice {
        match (self.quiet, self.verbose) {
            (true, _) => Voice::Quiet,
            (false, 0) => Voice::Normal,
            (false, _) => Voice::Verbose,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Arguments),
    Recover(recover::Arguments),
    Passphrase(passphrase::Arguments),
    Invite(invite::Arguments),
    Tickets(tickets::Arguments),
    Join(join::Arguments),
    Introduce(introduce::Arguments),
    Revoke(revoke::Arguments),
    Members(members::Arguments),
    Whoami(whoami::Arguments),
    Status(status::Arguments),
    Id(id::Arguments),
    /// Let members in by their cards
    #[command(subcommand)]
    Member(MemberCommand),
    Up(up::Arguments),
    Ping(ping::Arguments),
    Send(send::Arguments),
    Chat(chat::Arguments),
    Call(call::Arguments),
    Services(services::Arguments),
    Why(why::Arguments),
    Doctor(doctor::Arguments),
    Demo(demo::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// The commands on members.
#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    Add(member_add::Arguments),
    List(member_list::Arguments),
    Remove(member_remove::Arguments),
}
