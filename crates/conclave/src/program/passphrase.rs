//! The passphrase under which an identity is kept, and where it comes from: never the command line, nor the environment.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::Args;
use membership::MAX_PASSPHRASE_BYTES;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::failure::{Failure, Kind};
use super::home::check_private;

/// How often somebody who types may try.
const MAX_TRIES: usize = 3;
/// Where a terminal is, whatever standard input is.
const TERMINAL: &str = "/dev/tty";
/// What somebody is asked, until they are right.
const PROMPT: &str = "passphrase of this home: ";
/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A passphrase. It is erased when dropped, and shows in no log.
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// The text itself: for the one line that uses it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Passphrase {
    fn from(text: String) -> Passphrase {
        Passphrase(Zeroizing::new(text))
    }
}

impl PartialEq for Passphrase {
    /// In a time that tells only whether the lengths differ.
    fn eq(&self, other: &Passphrase) -> bool {
        let (one, other) = (self.0.as_bytes(), other.0.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Whether an identity that is made now is kept under a passphrase.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sealing {
    /// Keep the identity without a passphrase: whoever reads the home, or a backup of it, is you
    #[arg(long, conflicts_with = "passphrase_file")]
    pub(crate) no_passphrase: bool,
}

/// Where passphrases come from: a file, a line of standard input, or somebody at a terminal.
#[derive(Debug, Default)]
pub(crate) struct Passphrases {
    /// Somebody may be asked to type.
    may_ask: bool,
    given: Option<Given>,
}

#[derive(Debug)]
enum Given {
    /// In this file.
    In(PathBuf),
    /// It was the first line of standard input.
    Line(Passphrase),
}

impl Passphrases {
    /// A line of standard input is taken at once, needed or not: nobody who reads on must take it for something else.
    pub(crate) fn new(may_ask: bool, file: Option<PathBuf>) -> Result<Passphrases, Failure> {
        let given = match file {
            Some(path) if is_standard_input(&path) => Some(Given::Line(read(&path)?)),
            other => other.map(Given::In),
        };
        Ok(Passphrases { may_ask, given })
    }

    fn given(&self) -> Result<Option<Passphrase>, Failure> {
        match &self.given {
            None => Ok(None),
            Some(Given::In(path)) => read(path).map(Some),
            Some(Given::Line(line)) => Ok(Some(Passphrase(line.0.clone()))),
        }
    }

    /// Opens with the passphrase that is in force. Whoever types may try again when `open` says that it is a wrong one.
    pub(crate) fn open<T>(&self, open: impl Fn(&Passphrase) -> Result<T, Failure>) -> Result<T, Failure> {
        if let Some(passphrase) = self.given()? {
            return open(&passphrase);
        }
        if !self.may_ask() {
            return Err(Failure::new(Kind::Sealed, "the identity of this home is kept under a passphrase")
                .meaning("this has to be signed, and there is nobody to ask for the passphrase")
                .advice("run it at a terminal, without --no-input")
                .advice("give it in a file that only you can read: `--passphrase-file FILE`; `-` is the first line of standard input"));
        }
        for _ in 1..MAX_TRIES {
            match open(&ask(PROMPT)?) {
                Err(failure) if failure.kind == Kind::WrongPassphrase => {}
                outcome => return outcome,
            }
        }
        open(&ask(PROMPT)?)
    }

    /// The passphrase for an identity that is made now; `None` where its owner wants none.
    pub(crate) fn choose(&self, sealing: Sealing) -> Result<Option<Passphrase>, Failure> {
        if sealing.no_passphrase {
            return Ok(None);
        }
        if let Some(passphrase) = self.given()? {
            return Ok(Some(passphrase));
        }
        if !self.may_ask() {
            return Err(Failure::new(Kind::Usage, "nobody says whether to keep the identity under a passphrase")
                .meaning("without one, whoever reads the home or a backup of it is you; and there is nobody to ask")
                .advice("run it at a terminal, without --no-input")
                .advice("give one in a file that only you can read: `--passphrase-file FILE`; `-` is the first line of standard input")
                .advice("say that you want none: `--no-passphrase`"));
        }
        ask_twice("a passphrase for this home (empty: keep it without one): ", true)
    }

    /// Another passphrase in place of the one in force.
    pub(crate) fn replace(&self, file: Option<&Path>) -> Result<Passphrase, Failure> {
        if let Some(file) = file {
            return read(file);
        }
        if !self.may_ask() {
            return Err(Failure::new(Kind::Usage, "there is nobody to ask for the new passphrase")
                .advice("run it at a terminal, without --no-input")
                .advice("give it in a file that only you can read: `--new-passphrase-file FILE`; `-` is a line of standard input"));
        }
        let chosen = ask_twice("the new passphrase: ", false)?;
        chosen.ok_or_else(|| Failure::new(Kind::Usage, "an empty passphrase is none"))
    }

    fn may_ask(&self) -> bool {
        self.may_ask && File::options().read(true).write(true).open(TERMINAL).is_ok()
    }
}

/// A terminal that shows nothing of what is typed, from before the question on, until this is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn begin() -> io::Result<Silence> {
        let terminal = File::options().read(true).write(true).open(TERMINAL)?;
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // Ctrl-C is read like any other key, so that whoever breaks off gets the terminal back as it was.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Now, &silent)?;
        Ok(Silence { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Asks at the terminal, and shows nothing of what is typed.
fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
            Failure::new(Kind::Interrupted, "no passphrase was typed")
        }
        _ => Failure::io("asking for a passphrase at", Path::new(TERMINAL), &error),
    };
    // Ctrl-C raises the signal, which must not end the process before the terminal is as it was.
    let _interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let _silence = Silence::begin().map_err(failed)?;
    let typed = rpassword::prompt_password(prompt).map_err(failed)?;
    checked(Zeroizing::new(typed))
}

/// Asks until the same was typed twice; `None` for nothing, where that is allowed.
fn ask_twice(prompt: &str, may_be_none: bool) -> Result<Option<Passphrase>, Failure> {
    for _ in 0..MAX_TRIES {
        let first = ask(prompt)?;
        if first.expose().is_empty() {
            if may_be_none {
                return Ok(None);
            }
        } else if first == ask("the same again: ")? {
            return Ok(Some(first));
        }
    }
    Err(Failure::new(Kind::Usage, "no passphrase was typed twice the same").meaning("nothing has changed"))
}

/// The first line of a file that only its owner can read, or the next line of standard input or of another pipe.
fn read(path: &Path) -> Result<Passphrase, Failure> {
    let failed = |error: io::Error| Failure::io("reading the passphrase from", path, &error);
    let file = if is_standard_input(path) {
        File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?)
    } else {
        let file = File::open(path).map_err(failed)?;
        let facts = file.metadata().map_err(failed)?;
        if facts.is_file() {
            check_private(path, &facts)?;
        }
        file
    };
    let passphrase = checked(first_line(file).map_err(failed)?)?;
    if passphrase.expose().is_empty() {
        return Err(Failure::new(Kind::Usage, format!("there is no passphrase in {}", path.display()))
            .meaning("its first line is empty")
            .advice("write the passphrase into the first line, and nothing else"));
    }
    Ok(passphrase)
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

/// One byte at a time, so that what follows is there for whoever reads on, and no buffer keeps a copy.
fn first_line(mut file: File) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE_BYTES + 2));
    let mut byte = Zeroizing::new([0]);
    while line.len() < MAX_PASSPHRASE_BYTES + 2 && file.read(&mut byte[..])? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text =
        std::str::from_utf8(&line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn checked(text: Zeroizing<String>) -> Result<Passphrase, Failure> {
    if text.len() > MAX_PASSPHRASE_BYTES {
        return Err(Failure::new(
            Kind::Usage,
            format!("a passphrase has at most {MAX_PASSPHRASE_BYTES} bytes"),
        ));
    }
    Ok(Passphrase(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(text: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn the_first_line_counts_and_the_rest_stays() {
        for (text, passphrase) in [("one two\nrest", "one two"), ("ü\r\n", "ü"), (" no end ", " no end ")] {
            assert_eq!(read(file(text.as_bytes(), 0o600).path()).unwrap().expose(), passphrase);
        }
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"first\nsecond\n").unwrap();
        let mut file = File::from(std::os::fd::OwnedFd::from(reader));
        assert_eq!(first_line(file.try_clone().unwrap()).unwrap().as_str(), "first");
        drop(writer);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "second\n");
    }

    #[test]
    fn what_others_could_read_is_refused_and_so_is_what_is_none() {
        let failure = read(file(b"secret\n", 0o640).path()).unwrap_err();
        assert_eq!(failure.kind, Kind::HomeUnsafe);
        assert!(
            !failure.to_string().contains("secret") && failure.advice[0].contains("chmod 600"),
            "{failure}"
        );
        for wrong in [&b""[..], b"\nsecond", &[b'x'; MAX_PASSPHRASE_BYTES + 1]] {
            assert_eq!(read(file(wrong, 0o600).path()).unwrap_err().kind, Kind::Usage);
        }
        assert_eq!(read(file(b"\xff\n", 0o600).path()).unwrap_err().kind, Kind::LocalIo);
    }

    #[test]
    fn a_passphrase_shows_in_no_log() {
        assert_eq!(format!("{:?}", Passphrase::from("secret".to_owned())), "Passphrase(…)");
    }
}
