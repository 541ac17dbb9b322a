//! What a process occupies, seen from outside.

use std::fs;

use anyhow::{Context as _, Result};

/// What a process occupies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Memory of its own and pages of files that it has mapped, its program among them.
    pub(crate) resident_kib: u64,
    /// The first of the two alone.
    pub(crate) anonymous_kib: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

impl Measure {
    /// Of the process of that number, now.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))
            .context("what a process occupies is read from /proc, as Linux has it")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
            line.split_whitespace().next().context("an empty field")?.parse::<u64>().context("not a number")
        };
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count();
        Ok(Self {
            resident_kib: field("VmRSS:")?,
            anonymous_kib: field("RssAnon:")?,
            threads: field("Threads:")?,
            descriptors: u64::try_from(descriptors)?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_opens_and_closes_is_seen() {
        let own = std::process::id();
        let before = Measure::of(own).unwrap();
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/status").unwrap()).collect();
        let between = Measure::of(own).unwrap();
        drop(files);
        let after = Measure::of(own).unwrap();
        // Other tests of this process may have a few open.
        assert!(between.descriptors >= before.descriptors.max(after.descriptors) + 40);
        assert!(before.resident_kib > before.anonymous_kib && before.anonymous_kib > 0 && before.threads > 0);
    }
}
