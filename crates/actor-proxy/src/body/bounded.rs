//! A deserializer that counts, around one that trusts.
//!
//! [`Bounded`] stands between a format and the type that is decoded, at every level: what a format lends to a
//! visitor (sequences, maps, variants, the inside of an option) it wraps again, so that no value escapes the count.
//! Neither the type nor the format needs to know.

mod access;
mod budget;
mod visitor;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

pub(crate) use budget::MAX_DEPTH;
#[cfg(test)]
pub(crate) use budget::MAX_FREE_ELEMENTS;
use budget::Place;
pub(super) use budget::{Budget, Texts};
use visitor::BoundedVisitor;

/// A deserializer at one place of a message, held to the message's budget.
pub(super) struct Bounded<'b, D> {
    inner: D,
    place: Place<'b>,
}

/// A seed that decodes from a [`Bounded`] deserializer.
pub(super) struct BoundedSeed<'b, S> {
    seed: S,
    place: Place<'b>,
}

impl<'b, S> BoundedSeed<'b, S> {
    #[inline]
    fn new(seed: S, place: Place<'b>) -> Self {
        Self { seed, place }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for BoundedSeed<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Bounded { inner, place: self.place })
    }
}

/// Methods that only wrap the visitor.
macro_rules! forward {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(BoundedVisitor::new(visitor, self.place))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_bytes
        deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = BoundedVisitor::new(visitor, self.place);
        match self.place.texts() {
            Texts::Lent => self.inner.deserialize_str(visitor),
            Texts::Owned => self.inner.deserialize_string(visitor),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = BoundedVisitor::new(visitor, self.place);
        match self.place.texts() {
            Texts::Lent => self.inner.deserialize_bytes(visitor),
            Texts::Owned => self.inner.deserialize_byte_buf(visitor),
        }
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, BoundedVisitor::new(visitor, self.place))
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_newtype_struct(name, BoundedVisitor::new(visitor, self.place))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_tuple(length, BoundedVisitor::fixed(visitor, self.place, length))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = BoundedVisitor::fixed(visitor, self.place, length);
        self.inner.deserialize_tuple_struct(name, length, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = BoundedVisitor::fixed(visitor, self.place, fields.len());
        self.inner.deserialize_struct(name, fields, visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, BoundedVisitor::new(visitor, self.place))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
