//! Processes that have to end by themselves, and are ended where they do not.

use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How often to look whether a process has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs a command until it ends; fails if it fails, or has to be ended at its deadline.
pub(crate) fn run_to_end(command: &mut Command, deadline: Duration) -> Result<()> {
    let mut child = command.spawn().context("cannot be run")?;
    let until = Instant::now() + deadline;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "{status}");
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    end(&mut child)?;
    bail!("still running after {} s", deadline.as_secs())
}

fn end(child: &mut Child) -> Result<()> {
    child.kill().context("cannot end it")?;
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_and_what_hangs_fails() {
        let patience = Duration::from_secs(60);
        assert!(run_to_end(&mut Command::new("true"), patience).is_ok());
        assert!(run_to_end(&mut Command::new("false"), patience).is_err());
        let error = run_to_end(Command::new("sleep").arg("60"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("still running"), "{error}");
    }
}
