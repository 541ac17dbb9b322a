//! A visitor that counts what a format offers to it.

use std::fmt;

use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::Bounded;
use super::access::{BoundedEnum, Elements, Entries};
use super::budget::Place;

/// A visitor whose sequences, maps and enums are held to the message's budget.
pub(super) struct BoundedVisitor<'b, V> {
    visitor: V,
    place: Place<'b>,
    /// How many elements the type asks for, where it is the type that says so.
    length: Option<usize>,
}

impl<'b, V> BoundedVisitor<'b, V> {
    #[inline]
    pub(super) fn new(visitor: V, place: Place<'b>) -> Self {
        Self { visitor, place, length: None }
    }

    /// For tuples and structs.
    #[inline]
    pub(super) fn fixed(visitor: V, place: Place<'b>, length: usize) -> Self {
        Self { visitor, place, length: Some(length) }
    }
}

/// Methods that only hand the value on.
macro_rules! forward {
    ($($method:ident($value:ty))*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for BoundedVisitor<'_, V> {
    type Value = V::Value;

    forward! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64) visit_char(char)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(formatter)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Bounded { inner, place: self.place.inside()? })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Bounded { inner, place: self.place.inside()? })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let mut elements = Elements::new(elements, self.place.inside()?, self.length)?;
        let value = self.visitor.visit_seq(&mut elements)?;
        elements.finish()?;
        Ok(value)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let mut entries = Entries::new(entries, self.place.inside()?)?;
        let value = self.visitor.visit_map(&mut entries)?;
        entries.finish()?;
        Ok(value)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let inside = self.place.inside()?;
        self.visitor.visit_enum(BoundedEnum::new(variant, self.place, inside))
    }
}
