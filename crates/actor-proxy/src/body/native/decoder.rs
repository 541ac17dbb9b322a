//! Reads the native format (PROTOCOL.md §13.10) out of a body. What a body may cost is held by whoever stands around it: see
//! [`bounded`](super::super::bounded).

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Fault, IS_U16, IS_U32, IS_U64, IS_U128, MAX_SINGLE};

/// What is left of a body.
pub(super) struct Decoder<'de> {
    rest: &'de [u8],
}

impl<'de> Decoder<'de> {
    #[inline]
    pub(super) fn new(body: &'de [u8]) -> Self {
        Self { rest: body }
    }

    /// How many bytes were not read.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn take(&mut self, bytes: usize) -> Result<&'de [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Fault::Over)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Fault::Over)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// An integer of variable length, at most as long as `longest` says.
    #[inline]
    fn integer(&mut self, longest: u8) -> Result<u64, Fault> {
        match self.byte()? {
            single @ 0..=MAX_SINGLE => Ok(u64::from(single)),
            length => self.long_integer(length, longest),
        }
    }

    #[inline(never)]
    fn long_integer(&mut self, length: u8, longest: u8) -> Result<u64, Fault> {
        match length {
            _ if length > longest => Err(Fault::said("an integer too long for its type")),
            IS_U16 => Ok(u64::from(u16::from_le_bytes(self.array()?))),
            IS_U32 => Ok(u64::from(u32::from_le_bytes(self.array()?))),
            _ => Ok(u64::from_le_bytes(self.array()?)),
        }
    }

    #[inline]
    fn u16(&mut self) -> Result<u16, Fault> {
        u16::try_from(self.integer(IS_U16)?).map_err(Fault::said)
    }

    #[inline]
    fn u32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.integer(IS_U32)?).map_err(Fault::said)
    }

    #[inline]
    fn u64(&mut self) -> Result<u64, Fault> {
        self.integer(IS_U64)
    }

    fn u128(&mut self) -> Result<u128, Fault> {
        match self.rest.first() {
            Some(&IS_U128) => {
                self.byte()?;
                Ok(u128::from_le_bytes(self.array()?))
            }
            _ => Ok(u128::from(self.u64()?)),
        }
    }

    #[inline]
    fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.u64()?).map_err(Fault::said)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'de [u8], Fault> {
        let length = self.length()?;
        self.take(length)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(Fault::said)
    }

    fn character(&mut self) -> Result<char, Fault> {
        let bytes = match self.rest.first() {
            None | Some(..0x80) => 1,
            Some(0xc2..0xe0) => 2,
            Some(0xe0..0xf0) => 3,
            Some(0xf0..0xf5) => 4,
            Some(_) => return Err(Fault::said("no character")),
        };
        let text = std::str::from_utf8(self.take(bytes)?).map_err(Fault::said)?;
        text.chars().next().ok_or(Fault::Over)
    }
}

/// The signed integer for which an unsigned one stands: 0, -1, 1, -2 and so on.
macro_rules! signed {
    ($unsigned:expr) => {{
        let unsigned = $unsigned;
        (unsigned >> 1).cast_signed() ^ (unsigned & 1).cast_signed().wrapping_neg()
    }};
}

/// Methods that read one value and show it.
macro_rules! values {
    ($($method:ident $visit:ident |$decoder:ident| $value:expr;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let $decoder = self;
            visitor.$visit($value)
        }
    )*};
}

/// Methods of types that the format does not describe.
macro_rules! unknown {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
            Err(Fault::said("a body of the native format does not say what it is"))
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = Fault;

    values! {
        deserialize_u8 visit_u8 |decoder| decoder.byte()?;
        deserialize_u16 visit_u16 |decoder| decoder.u16()?;
        deserialize_u32 visit_u32 |decoder| decoder.u32()?;
        deserialize_u64 visit_u64 |decoder| decoder.u64()?;
        deserialize_u128 visit_u128 |decoder| decoder.u128()?;
        deserialize_i8 visit_i8 |decoder| i8::from_le_bytes(decoder.array()?);
        deserialize_i16 visit_i16 |decoder| signed!(decoder.u16()?);
        deserialize_i32 visit_i32 |decoder| signed!(decoder.u32()?);
        deserialize_i64 visit_i64 |decoder| signed!(decoder.u64()?);
        deserialize_i128 visit_i128 |decoder| signed!(decoder.u128()?);
        deserialize_f32 visit_f32 |decoder| f32::from_le_bytes(decoder.array()?);
        deserialize_f64 visit_f64 |decoder| f64::from_le_bytes(decoder.array()?);
        deserialize_char visit_char |decoder| decoder.character()?;
        deserialize_str visit_borrowed_str |decoder| decoder.text()?;
        deserialize_string visit_borrowed_str |decoder| decoder.text()?;
        deserialize_bytes visit_borrowed_bytes |decoder| decoder.bytes()?;
        deserialize_byte_buf visit_borrowed_bytes |decoder| decoder.bytes()?;
    }

    unknown! { deserialize_any deserialize_identifier deserialize_ignored_any }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(Fault::said("neither true nor false")),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(Fault::said("neither something nor nothing")),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.length()?;
        visitor.visit_seq(Elements { decoder: self, left })
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.length()?;
        visitor.visit_map(Elements { decoder: self, left })
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Elements { decoder: self, left: length })
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Elements, or entries, one behind the other.
struct Elements<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.decoder)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> EnumAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let variant = self.u32()?;
        let value = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(variant))?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;

    #[inline]
    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
