//! Writes the native format (PROTOCOL.md §13.10).

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Fault, IS_U16, IS_U32, IS_U64, IS_U128, MAX_SINGLE};
use crate::body::limited::{Exceeded, Limited};

/// Where a body is written.
pub(super) struct Encoder<'a, 'o>(pub(super) &'a mut Limited<'o>);

impl Encoder<'_, '_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.0.append(bytes).map_err(|Exceeded| Fault::Over)
    }

    /// An integer of variable length.
    #[inline]
    fn integer(&mut self, value: u64) -> Result<(), Fault> {
        match u8::try_from(value) {
            Ok(single @ 0..=MAX_SINGLE) => self.put(&[single]),
            _ => self.long_integer(value),
        }
    }

    #[inline(never)]
    fn long_integer(&mut self, value: u64) -> Result<(), Fault> {
        if let Ok(value) = u16::try_from(value) {
            self.marked::<3, 2>(IS_U16, value.to_le_bytes())
        } else if let Ok(value) = u32::try_from(value) {
            self.marked::<5, 4>(IS_U32, value.to_le_bytes())
        } else {
            self.marked::<9, 8>(IS_U64, value.to_le_bytes())
        }
    }

    fn long(&mut self, value: u128) -> Result<(), Fault> {
        match u64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => self.marked::<17, 16>(IS_U128, value.to_le_bytes()),
        }
    }

    /// A length that is told, and so many bytes: at once.
    #[inline]
    fn marked<const ALL: usize, const N: usize>(&mut self, mark: u8, bytes: [u8; N]) -> Result<(), Fault> {
        let mut all = [mark; ALL];
        if let Some(rest) = all.last_chunk_mut() {
            *rest = bytes;
        }
        self.put(&all)
    }

    #[inline]
    fn length(&mut self, length: usize) -> Result<(), Fault> {
        self.integer(u64::try_from(length).map_err(Fault::said)?)
    }

    fn announced(&mut self, length: Option<usize>) -> Result<(), Fault> {
        match length {
            Some(length) => self.length(length),
            None => Err(Fault::said("a collection that does not say how many elements it has")),
        }
    }
}

/// The unsigned integer that stands for a signed one: 0, -1, 1, -2 and so on.
macro_rules! unsigned {
    ($signed:expr, $bits:expr) => {{
        let signed = $signed;
        ((signed << 1) ^ (signed >> ($bits - 1))).cast_unsigned()
    }};
}

/// Methods that write one value.
macro_rules! values {
    ($($method:ident($value:ident: $type:ty) |$encoder:ident| $written:expr;)*) => {$(
        #[inline]
        fn $method(self, $value: $type) -> Result<(), Fault> {
            let $encoder = self;
            $written
        }
    )*};
}

impl Serializer for &mut Encoder<'_, '_> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    values! {
        serialize_bool(value: bool) |encoder| encoder.put(&[u8::from(value)]);
        serialize_u8(value: u8) |encoder| encoder.put(&[value]);
        serialize_u16(value: u16) |encoder| encoder.integer(u64::from(value));
        serialize_u32(value: u32) |encoder| encoder.integer(u64::from(value));
        serialize_u64(value: u64) |encoder| encoder.integer(value);
        serialize_u128(value: u128) |encoder| encoder.long(value);
        serialize_i8(value: i8) |encoder| encoder.put(&value.to_le_bytes());
        serialize_i16(value: i16) |encoder| encoder.integer(u64::from(unsigned!(value, i16::BITS)));
        serialize_i32(value: i32) |encoder| encoder.integer(u64::from(unsigned!(value, i32::BITS)));
        serialize_i64(value: i64) |encoder| encoder.integer(unsigned!(value, i64::BITS));
        serialize_i128(value: i128) |encoder| encoder.long(unsigned!(value, i128::BITS));
        serialize_f32(value: f32) |encoder| encoder.put(&value.to_le_bytes());
        serialize_f64(value: f64) |encoder| encoder.put(&value.to_le_bytes());
        serialize_char(value: char) |encoder| encoder.put(value.encode_utf8(&mut [0; 4]).as_bytes());
        serialize_str(value: &str) |encoder| encoder.serialize_bytes(value.as_bytes());
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Fault> {
        self.length(value.len())?;
        self.put(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Fault> {
        self.put(&[0])
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.put(&[1])?;
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), Fault> {
        self.serialize_u32(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.integer(u64::from(variant))?;
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Fault> {
        self.announced(length)?;
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Fault> {
        self.integer(u64::from(variant))?;
        Ok(self)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self, Fault> {
        self.announced(length)?;
        Ok(self)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Fault> {
        self.integer(u64::from(variant))?;
        Ok(self)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What stands in a sequence, tuple, map or struct: one value behind the other, and nothing else.
macro_rules! compound {
    ($($compound:ident { $($method:ident $(($key:ident: $type:ty))?)* })*) => {$(
        impl $compound for &mut Encoder<'_, '_> {
            type Ok = ();
            type Error = Fault;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, $($key: $type,)? value: &T) -> Result<(), Fault> {
                    value.serialize(&mut **self)
                }
            )*

            #[inline]
            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        }
    )*};
}

compound! {
    SerializeSeq { serialize_element }
    SerializeTuple { serialize_element }
    SerializeTupleStruct { serialize_field }
    SerializeTupleVariant { serialize_field }
    SerializeMap { serialize_key serialize_value }
    SerializeStruct { serialize_field(_name: &'static str) }
    SerializeStructVariant { serialize_field(_name: &'static str) }
}
