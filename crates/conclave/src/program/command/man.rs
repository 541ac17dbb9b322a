//! `conclave man`

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::super::arguments;
use super::super::event::Event;
use super::super::failure::{Failure, Kind};
use super::Context;

/// Print the manual page of this program, or write one page for each command into a folder
///
/// To read it at once: `conclave man | man -l -`. To install all pages: `conclave man --folder ~/.local/share/man/man1`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Write the pages there; the folder is made if it is missing, and pages in it are replaced
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    // The pages of `help` would only repeat the others.
    let mut command = arguments::Arguments::command().disable_help_subcommand(true);
    command.build();
    match &arguments.folder {
        None => {
            let (name, page) = page(command)?;
            context.output.show(&Event::ManPage { name, page });
        }
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| Failure::io("making", folder, &error))?;
            write(command, folder, context)?;
        }
    }
    Ok(())
}

/// The page of a command, and those of the commands below it.
fn write(command: clap::Command, folder: &Path, context: &mut Context) -> Result<(), Failure> {
    let below: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    let (name, page) = page(command)?;
    let path = folder.join(name);
    fs::write(&path, page).map_err(|error| Failure::io("writing", &path, &error))?;
    context.output.show(&Event::ManPageWritten { path: path.display().to_string() });
    below.into_iter().try_for_each(|command| write(command, folder, context))
}

/// The name of a page's file, and the page.
fn page(command: clap::Command) -> Result<(String, String), Failure> {
    let broken = |error: String| Failure::new(Kind::Broken, format!("the page cannot be made: {error}"));
    let man = Man::new(command).manual("Conclave");
    let mut page = Vec::new();
    man.render(&mut page).map_err(|error| broken(error.to_string()))?;
    Ok((man.get_filename(), String::from_utf8(page).map_err(|error| broken(error.to_string()))?))
}
