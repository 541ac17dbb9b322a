//! Values and keys: a version, then fields of fixed sizes and texts behind their lengths.

use zeroize::Zeroizing;

use super::error::StoreError;
use super::snapshot::Entry;
use super::table::Table;

/// The first byte of every value that this version writes.
const VERSION: u8 = 1;

/// A value of these parts.
pub(super) fn value(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
    // Room for all of it from the start: a growing buffer would leave copies of a secret behind.
    let mut value = Zeroizing::new(Vec::with_capacity(1 + bytes));
    value.push(VERSION);
    parts.iter().for_each(|part| value.extend_from_slice(part));
    value
}

/// A value that is being read.
pub(super) struct Fields<'a> {
    table: Table,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of a value.
    pub(super) fn of(table: Table, value: &'a [u8]) -> Result<Self, StoreError> {
        match value.split_first() {
            Some((&VERSION, rest)) => Ok(Self { table, rest }),
            _ => Err(StoreError::Unreadable { table }),
        }
    }

    /// The fields of a key.
    pub(super) fn of_key(table: Table, key: &'a [u8]) -> Self {
        Self { table, rest: key }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (field, rest) = self.rest.split_first_chunk().ok_or(self.unreadable())?;
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A text behind its length in two bytes.
    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let (text, rest) = self.rest.split_at_checked(length).ok_or(self.unreadable())?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).map_err(|_| self.unreadable())
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// There is nothing left.
    pub(super) fn end(self) -> Result<(), StoreError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.unreadable()) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn unreadable(&self) -> StoreError {
        StoreError::Unreadable { table: self.table }
    }
}

/// A text behind its length, cut at a character so that it has at most `limit` bytes.
pub(super) fn text(text: &str, limit: usize) -> Vec<u8> {
    let mut end = text.len().min(limit).min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let length = u16::try_from(end).unwrap_or(u16::MAX);
    [length.to_be_bytes().as_slice(), &text.as_bytes()[..end]].concat()
}

/// The one field of a key.
pub(super) fn key<const N: usize>(table: Table, key: &[u8]) -> Result<[u8; N], StoreError> {
    key.try_into().map_err(|_| StoreError::Unreadable { table })
}

/// What somebody else laid out: behind the version as it is.
pub(super) fn opaque(table: Table, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    Ok(Zeroizing::new(Fields::of(table, value)?.rest().to_vec()))
}

/// An entry of somebody else's layout under a key of fixed size.
pub(super) fn opaque_entry<const N: usize>(
    table: Table,
    entry: Entry,
) -> Result<([u8; N], Zeroizing<Vec<u8>>), StoreError> {
    let (name, value) = entry;
    Ok((key(table, &name)?, opaque(table, &value)?))
}

/// A value that is one number.
pub(super) fn number(table: Table, value: &[u8]) -> Result<u64, StoreError> {
    let mut fields = Fields::of(table, value)?;
    let number = fields.number()?;
    fields.end()?;
    Ok(number)
}
