//! What a message may still take.

use std::cell::Cell;
use std::marker::PhantomData;

use serde::de;

use super::BoundedSeed;
use crate::body::error::DecodeError;

/// How many values may stand within each other: sequences, tuples, structs, maps, enums, options and newtypes each
/// count one, an enum together with the fields of its variant. A stack of 2 MiB, that of a thread, holds as many even
/// in an unoptimized build.
///
/// Options and newtypes count although a format may not write them, since they may be all that a recursive type
/// consists of: `struct Chain(Option<Box<Chain>>)` takes a byte per level in the native format, and in CBOR none.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many elements the sequences and maps of a message may have beyond one for each byte of its body: those that
/// take no bytes, such as `()` in the native format. Elements of tuples and arrays are free, the type limits them.
pub(crate) const MAX_FREE_ELEMENTS: usize = 4_096;

/// How texts and bytes are to be asked for, where a type wants to own them.
#[derive(Debug, Clone, Copy)]
pub(in crate::body) enum Texts {
    /// As slices of the body, whose length is checked before anything is allocated. The type makes its copy.
    Lent,
    /// As they come: the format cannot lend, and grows a buffer with what it really reads.
    Owned,
}

/// Which bound a message has crossed.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Depth,
    Elements,
}

/// What is left to a message while it is decoded.
pub(in crate::body) struct Budget {
    elements: Cell<usize>,
    /// Beside the error, which is the format's own and may be swallowed on its way.
    crossed: Cell<Option<Bound>>,
    element_limit: usize,
    texts: Texts,
}

impl Budget {
    #[inline]
    pub(in crate::body) fn new(body_bytes: usize, texts: Texts) -> Self {
        let element_limit = body_bytes.saturating_add(MAX_FREE_ELEMENTS);
        Self { elements: Cell::new(element_limit), crossed: Cell::new(None), element_limit, texts }
    }

    /// What decodes the whole message within this budget.
    #[inline]
    pub(in crate::body) fn seed<T>(&self) -> BoundedSeed<'_, PhantomData<T>> {
        BoundedSeed::new(PhantomData, Place { budget: self, depth: 0 })
    }

    /// Whether all bounds were kept.
    #[inline]
    pub(in crate::body) fn verdict(&self) -> Result<(), DecodeError> {
        match self.crossed.get() {
            None => Ok(()),
            Some(Bound::Depth) => Err(DecodeError::TooDeep { limit: MAX_DEPTH }),
            Some(Bound::Elements) => Err(DecodeError::TooManyElements { limit: self.element_limit }),
        }
    }

    #[cold]
    fn cross<E: de::Error>(&self, bound: Bound) -> E {
        if self.crossed.get().is_none() {
            self.crossed.set(Some(bound));
        }
        E::custom("a bound is crossed")
    }
}

/// Where in a message a value stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl Place<'_> {
    #[inline]
    pub(super) fn texts(self) -> Texts {
        self.budget.texts
    }

    /// The place of what is within the value here.
    #[inline]
    pub(super) fn inside<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.budget.cross(Bound::Depth));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// Pays for elements and returns for how many of them memory may be taken before they are seen: over the whole
    /// message no more than the body has bytes, so that an announcement alone is worth nothing. The free elements,
    /// which stay in the budget to the last, are not among them.
    #[inline]
    pub(super) fn pay<E: de::Error>(self, elements: usize) -> Result<usize, E> {
        let left = self.budget.elements.get();
        let Some(rest) = left.checked_sub(elements) else {
            return Err(self.budget.cross(Bound::Elements));
        };
        self.budget.elements.set(rest);
        Ok(elements.min(left.saturating_sub(MAX_FREE_ELEMENTS)))
    }
}
