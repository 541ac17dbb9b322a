//! The elements, entries and variants that a format gives out, one by one and counted.

use serde::de::{
    DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::BoundedSeed;
use super::budget::Place;
use super::visitor::BoundedVisitor;

/// The count of one collection.
struct Count {
    /// Elements that are paid for and not yet seen.
    paid: usize,
    /// For how many elements memory may be taken in advance.
    granted: usize,
    /// Whether the format has said that there are no more.
    ended: bool,
}

impl Count {
    /// Pays at once for all elements that are announced: an announcement that is too large fails before it costs
    /// anything, and one that is not is paid for with a single comparison.
    #[inline]
    fn announced<E: Error>(place: Place<'_>, elements: Option<usize>) -> Result<Self, E> {
        let paid = elements.unwrap_or(0);
        Ok(Self { paid, granted: place.pay(paid)?, ended: false })
    }

    /// Of a tuple, whose elements are free.
    #[inline]
    fn fixed(length: usize) -> Self {
        Self { paid: usize::MAX, granted: length, ended: false }
    }

    /// Notes an element, and pays for it if it was not announced.
    #[inline]
    fn seen<E: Error>(&mut self, place: Place<'_>) -> Result<(), E> {
        match self.paid.checked_sub(1) {
            Some(paid) => self.paid = paid,
            None => {
                place.pay(1)?;
            }
        }
        Ok(())
    }

    /// An end that the visitor did not ask for is asked for here, by `more`: a tuple stops at its last element, and
    /// what follows (in CBOR the mark of an end, or elements too many) must not be taken for the next value.
    #[inline]
    fn finish<E: Error>(&self, left: Option<usize>, more: impl FnOnce() -> Result<bool, E>) -> Result<(), E> {
        let over = match left {
            _ if self.ended => false,
            Some(left) => left > 0,
            None => more()?,
        };
        if over { Err(E::custom("more elements than expected")) } else { Ok(()) }
    }
}

/// The elements of a sequence or tuple.
pub(super) struct Elements<'b, A> {
    inner: A,
    place: Place<'b>,
    count: Count,
}

impl<'de, 'b, A: SeqAccess<'de>> Elements<'b, A> {
    /// Those of a tuple if there is a `length`, which is the type's.
    #[inline]
    pub(super) fn new(inner: A, place: Place<'b>, length: Option<usize>) -> Result<Self, A::Error> {
        let count = match length {
            Some(length) => Count::fixed(length),
            None => Count::announced(place, inner.size_hint())?,
        };
        Ok(Self { inner, place, count })
    }

    #[inline]
    pub(super) fn finish(mut self) -> Result<(), A::Error> {
        let left = self.inner.size_hint();
        self.count.finish(left, || Ok(self.inner.next_element::<IgnoredAny>()?.is_some()))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let element = self.inner.next_element_seed(BoundedSeed::new(seed, self.place))?;
        match element {
            Some(_) => self.count.seen(self.place)?,
            None => self.count.ended = true,
        }
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.inner.size_hint()?.min(self.count.granted))
    }
}

/// The entries of a map, or of a struct that is written as one.
pub(super) struct Entries<'b, A> {
    inner: A,
    place: Place<'b>,
    count: Count,
}

impl<'de, 'b, A: MapAccess<'de>> Entries<'b, A> {
    #[inline]
    pub(super) fn new(inner: A, place: Place<'b>) -> Result<Self, A::Error> {
        let count = Count::announced(place, inner.size_hint())?;
        Ok(Self { inner, place, count })
    }

    #[inline]
    pub(super) fn finish(mut self) -> Result<(), A::Error> {
        let left = self.inner.size_hint();
        self.count.finish(left, || Ok(self.inner.next_key::<IgnoredAny>()?.is_some()))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let key = self.inner.next_key_seed(BoundedSeed::new(seed, self.place))?;
        match key {
            Some(_) => self.count.seen(self.place)?,
            None => self.count.ended = true,
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(BoundedSeed::new(seed, self.place))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.inner.size_hint()?.min(self.count.granted))
    }
}

/// An enum, before its variant is known ([`EnumAccess`]) and after ([`VariantAccess`]).
pub(super) struct BoundedEnum<'b, A> {
    inner: A,
    /// Of the enum itself, from which its fields, which are one level with it, count.
    place: Place<'b>,
    inside: Place<'b>,
}

impl<'b, A> BoundedEnum<'b, A> {
    #[inline]
    pub(super) fn new(inner: A, place: Place<'b>, inside: Place<'b>) -> Self {
        Self { inner, place, inside }
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for BoundedEnum<'b, A> {
    type Error = A::Error;
    type Variant = BoundedEnum<'b, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(BoundedSeed::new(seed, self.inside))?;
        Ok((value, BoundedEnum::new(variant, self.place, self.inside)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for BoundedEnum<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(BoundedSeed::new(seed, self.inside))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(length, BoundedVisitor::fixed(visitor, self.place, length))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, BoundedVisitor::fixed(visitor, self.place, fields.len()))
    }
}
