//! The commands that documents name: they parse, and what cargo is told to run exists.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::Cli;
use crate::tidy::{Finding, Tree};

/// Every `cargo xtask …` in a document parses, and what cargo is told to run exists.
pub(super) fn exist(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, command) in commands_in(&file.text) {
            if let Err(why) = check_command(tree, &command) {
                findings.push(file.finding(line, format!("`{command}`: {why}")));
            }
        }
    }
    findings
}

/// The commands a document names: lines of shell blocks, and code spans that begin with `cargo` or `conclave`.
pub(crate) fn commands_in(text: &str) -> Vec<(usize, String)> {
    let mut commands: Vec<(usize, String)> = Vec::new();
    let mut shell = false;
    let mut fenced = false;
    let mut continues = false;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if let Some(language) = trimmed.strip_prefix("```") {
            fenced = !fenced;
            shell = fenced && matches!(language.trim(), "sh" | "bash" | "console" | "shell");
        } else if shell {
            let command = without_comment(trimmed.strip_prefix("$ ").unwrap_or(trimmed));
            let piece = command.trim_end_matches('\\');
            match commands.last_mut().filter(|_| continues) {
                Some((_, begun)) => begun.push_str(piece),
                None => commands.push((index + 1, piece.to_owned())),
            }
            continues = command.ends_with('\\');
        } else if !fenced {
            let is_command = |span: &&str| span.starts_with("cargo ") || span.starts_with("conclave ");
            let spans = line.split('`').skip(1).step_by(2).filter(is_command);
            commands.extend(spans.map(|span| (index + 1, span.to_owned())));
        }
    }
    commands.retain(|(_, command)| !command.is_empty());
    commands
}

fn without_comment(command: &str) -> &str {
    command.split(" #").next().unwrap_or_default().trim()
}

fn check_command(tree: &Tree, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split_whitespace().skip_while(|word| word.contains('=')).collect();
    match words.as_slice() {
        ["cargo", "xtask", rest @ ..] => check_xtask(rest),
        ["cargo", toolchain, "xtask", rest @ ..] if toolchain.starts_with('+') => check_xtask(rest),
        ["cargo", rest @ ..] => check_cargo(tree, rest),
        _ => Ok(()),
    }
}

fn check_xtask(words: &[&str]) -> Result<(), String> {
    // An ellipsis stands for whatever follows.
    let words: Vec<_> = words.iter().take_while(|word| **word != "…").collect();
    if words.is_empty() {
        return Ok(());
    }
    let parsed = Cli::command().try_get_matches_from(["xtask"].iter().chain(words));
    match parsed {
        Ok(_) => Ok(()),
        // Words in capitals stand for values: `N` is no number of minutes, and yet the option exists.
        Err(error) if matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::DisplayHelp) => Ok(()),
        Err(error) => Err(error.to_string().lines().next().unwrap_or("does not parse").to_owned()),
    }
}

/// Packages, examples, benchmarks and tests that cargo is told to run.
fn check_cargo(tree: &Tree, words: &[&str]) -> Result<(), String> {
    let own: Vec<_> = words.iter().copied().take_while(|word| *word != "--").collect();
    let value_of = |names: [&str; 2]| {
        own.windows(2)
            .filter(move |pair| names.contains(&pair[0]))
            .map(|pair| pair[1])
            .find(|v| is_literal(v))
    };
    let package = value_of(["-p", "--package"]);
    let known = package.is_none_or(|name| tree.packages.iter().any(|package| package.name == name));
    if !known && !matches!(own.first(), Some(&"install" | &"add")) {
        return Err(format!("no package {}", package.unwrap_or_default()));
    }
    let folder_of = |kind: &str, name: &str| {
        let file = format!("/{kind}/{name}.rs");
        let module = format!("/{kind}/{name}/main.rs");
        tree.files.iter().any(|f| f.path.ends_with(&file) || f.path.ends_with(&module))
    };
    for (option, kind) in [("--example", "examples"), ("--bench", "benches"), ("--test", "tests")] {
        if let Some(name) = value_of([option, option]).filter(|name| !folder_of(kind, name)) {
            return Err(format!("no {name} in {kind}/"));
        }
    }
    Ok(())
}

/// Words in capitals stand for something the reader chooses.
fn is_literal(word: &str) -> bool {
    word.chars().any(char::is_lowercase)
}
