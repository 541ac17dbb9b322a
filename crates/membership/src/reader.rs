//! Reads fields from untrusted bytes; every length is checked before anything is taken.

use crate::Error;

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// `what` names the whole in errors.
    pub(crate) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) fn malformed(&self) -> Error {
        Error::Malformed { what: self.what }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(self.malformed())?;
        self.rest = tail;
        Ok(*head)
    }

    /// A count of at most `limit`.
    pub(crate) fn count(&mut self, limit: usize) -> Result<usize, Error> {
        let count = usize::from(self.byte()?);
        if count <= limit { Ok(count) } else { Err(Error::TooLarge { what: self.what, limit }) }
    }

    /// A length of at most `limit`, and so many bytes of UTF-8.
    pub(crate) fn text(&mut self, limit: usize) -> Result<&'a str, Error> {
        let length = self.count(limit)?;
        let (head, tail) = self.rest.split_at_checked(length).ok_or(self.malformed())?;
        self.rest = tail;
        core::str::from_utf8(head).map_err(|_| self.malformed())
    }

    /// A length of two bytes, at most `limit`, and so many bytes.
    pub(crate) fn bytes_u16(&mut self, limit: usize) -> Result<&'a [u8], Error> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        if length > limit {
            return Err(Error::TooLarge { what: self.what, limit });
        }
        let (head, tail) = self.rest.split_at_checked(length).ok_or(self.malformed())?;
        self.rest = tail;
        Ok(head)
    }

    /// Everything that is left, at most `limit` bytes.
    pub(crate) fn rest(self, limit: usize) -> Result<&'a [u8], Error> {
        if self.rest.len() <= limit { Ok(self.rest) } else { Err(Error::TooLarge { what: self.what, limit }) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }
}
