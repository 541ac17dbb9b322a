//! The paths of a session: a bounded table of those in use, and the memory of those that ended.

use crate::window::Window;
use crate::{Error, PathNumber};

/// How many paths one session uses at a time.
pub const MAX_PATHS: usize = 16;

/// What is kept per path. Entries are boxed so that keys never move when the table grows.
#[derive(Debug)]
pub(crate) struct PathTable<T> {
    entries: Vec<(PathNumber, Box<T>)>,
}

impl<T> PathTable<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    pub(crate) fn find(&self, path: PathNumber) -> Option<&T> {
        self.entries.iter().find(|(number, _)| *number == path).map(|(_, entry)| &**entry)
    }

    pub(crate) fn find_mut(&mut self, path: PathNumber) -> Option<&mut T> {
        self.entries.iter_mut().find(|(number, _)| *number == path).map(|(_, entry)| &mut **entry)
    }

    /// `Ok` when `path` has its place or could take one. Changes nothing.
    pub(crate) fn check(&self, path: PathNumber, retired: &RetiredPaths) -> Result<(), Error> {
        if self.find(path).is_some() {
            return Ok(());
        }
        retired.check(path)?;
        if self.entries.len() < MAX_PATHS { Ok(()) } else { Err(Error::TooManyPaths) }
    }

    /// The entry of `path`, which [`check`](Self::check) has just let pass.
    pub(crate) fn enter(&mut self, path: PathNumber, new: fn() -> T) -> &mut T {
        let place = self.entries.iter().position(|(number, _)| *number == path).unwrap_or_else(|| {
            if self.entries.is_empty() {
                // Most sessions have one path from beginning to end.
                self.entries.reserve_exact(1);
            }
            self.entries.push((path, Box::new(new())));
            self.entries.len() - 1
        });
        &mut self.entries[place].1
    }

    /// The same paths with nothing counted yet, for the next generation.
    pub(crate) fn renewed(&self, new: fn() -> T) -> Self {
        Self { entries: self.entries.iter().map(|(number, _)| (*number, Box::new(new()))).collect() }
    }

    pub(crate) fn for_each(&mut self, change: impl Fn(&mut T)) {
        self.entries.iter_mut().for_each(|(_, entry)| change(entry));
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PathNumber, &T)> {
        self.entries.iter().map(|(number, entry)| (*number, &**entry))
    }

    pub(crate) fn remove(&mut self, path: PathNumber) {
        self.entries.retain(|(number, _)| *number != path);
    }
}

/// The path numbers that ended in this session. The same kind of window that refuses replayed packets; most sessions
/// have one path from beginning to end and no such window.
#[derive(Debug)]
pub(crate) struct RetiredPaths(Option<Box<Window>>);

impl RetiredPaths {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn check(&self, path: PathNumber) -> Result<(), Error> {
        let Some(window) = &self.0 else { return Ok(()) };
        window.check(u64::from(path.0)).map_err(|_| Error::PathRetired)
    }

    pub(crate) fn retire(&mut self, path: PathNumber) {
        // One that is behind the window counts as retired anyway.
        if self.check(path).is_ok() {
            self.0.get_or_insert_with(|| Box::new(Window::new())).mark(u64::from(path.0));
        }
    }
}
