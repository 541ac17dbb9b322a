//! What is measured: the two ends of a system, and the sessions between them.

use anyhow::Result;

use crate::mode::Mode;

/// One way to talk between two machines.
pub trait System: Sized + Send + 'static {
    /// How `--only` calls it.
    const NAME: &'static str;
    /// How the table calls it.
    const LABEL: &'static str;
    /// How small messages come to share packets and system calls.
    const BATCHING: &'static str;
    /// What else the reader of its figures should know.
    const NOTES: &'static [&'static str] = &[];
    /// What it does not get to do of the small messages because it would take too long: one in so many is left.
    const ONE_IN: usize = 1;
    /// The modes that it cannot do, and why.
    const GAPS: &'static [(Mode, &'static str)] = &[];
    /// Whether one process cannot hold both ends.
    const APART: bool = false;

    /// The accepting end; it serves until it is dropped.
    type Host: Send + 'static;
    /// The dialing end.
    type Dialer: Dialer;

    /// The dialing end, for so many sessions.
    fn dialer(sessions: usize) -> Result<Self::Dialer>;

    /// The accepting end, and what a dialer must know to reach it, in one line.
    fn host(setting: Setting) -> impl Future<Output = Result<(Self::Host, String)>> + Send;
}

/// What an accepting end is told.
pub struct Setting {
    /// Who will dial, a line each, as [`Dialer::introductions`] wrote them.
    pub introductions: Vec<String>,
    /// Whether sessions will only be held, so that a buffer to read into need not be kept for each.
    pub idle: bool,
}

/// The dialing end.
pub trait Dialer: Send + 'static {
    /// One session with the accepting end.
    type Session: Session;

    /// Who will dial, for systems whose accepting end must know it beforehand.
    fn introductions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Hears where the accepting end is.
    fn meet(&mut self, invitation: &str) -> impl Future<Output = Result<()>> + Send;

    /// Opens a session, each with another `number`, for systems in which two ends have one session.
    fn connect(&mut self, number: usize) -> impl Future<Output = Result<Self::Session>> + Send;
}

/// The dialing end of one session.
pub trait Session: Send + 'static {
    /// 64 bytes there and back.
    fn ask(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// So many messages of so many bytes one way, until the other end has said that it took them all.
    fn flood(&mut self, bytes: usize, count: usize) -> impl Future<Output = Result<()>> + Send;

    /// Ends it.
    fn close(self) -> impl Future<Output = Result<()>> + Send;
}
