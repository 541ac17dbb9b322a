//! The file of the handshake counter: values are set aside on disk before any of them is used.

use std::path::PathBuf;

use super::super::failure::{Failure, Kind};
use super::file;

/// The durable side of the counter that a first packet carries, `max(clock, last + 1)`: the node decides how far ahead
/// it reserves, this file remembers it.
#[derive(Debug, Clone)]
pub(crate) struct CounterFile {
    path: PathBuf,
}

impl CounterFile {
    pub(crate) fn new(path: PathBuf) -> CounterFile {
        CounterFile { path }
    }

    /// Remembers that every value up to this one may have been used; durable when it returns.
    pub(crate) fn store(&self, reserved: u64) -> Result<(), Failure> {
        file::save(&self.path, format!("{reserved}\n").as_bytes())
    }

    /// The last value that may have been used; 0 if there is none.
    pub(crate) fn reserved(&self) -> Result<u64, Failure> {
        let Some(contents) = file::read(&self.path)? else { return Ok(0) };
        let text = std::str::from_utf8(&contents).map_err(|_| self.damaged())?;
        text.trim_end().parse().map_err(|_| self.damaged())
    }

    fn damaged(&self) -> Failure {
        let path = file::quoted(&self.path);
        Failure::new(Kind::LocalIo, format!("{path} does not hold a counter"))
            .meaning("members refuse a counter they have seen, and the last one used is not known")
            .advice(format!("remove {path}: the clock then decides, which is right unless it was set back"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reserved_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        assert_eq!(CounterFile::new(path.clone()).reserved().unwrap(), 0);
        for value in [7, u64::MAX] {
            CounterFile::new(path.clone()).store(value).unwrap();
            assert_eq!(CounterFile::new(path.clone()).reserved().unwrap(), value);
        }
    }

    #[test]
    fn a_damaged_file_is_reported_and_not_restarted_from_zero() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        for contents in ["", "x", "-1", "99999999999999999999999"] {
            file::save(&path, contents.as_bytes()).unwrap();
            assert_eq!(CounterFile::new(path.clone()).reserved().unwrap_err().kind, Kind::LocalIo);
        }
    }
}
