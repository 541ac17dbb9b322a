//! Self-synchronizing frames in a byte stream: consistent overhead word stuffing.
//!
//! A frame is `FE FD | 01 | stuffed body | FE FD`, and the two bytes `FE FD` stand nowhere inside it. A reader
//! that joins in the middle, or meets damage, looks for the next `FE FD` and is in step again.
//!
//! * [`encode()`] and [`encode_in_place`] (and [`Encoder`], where a checksum is wanted) write frames;
//! * [`Decoder`] splits them off a [`bytes::BytesMut`], decoded in place, without a copy;
//! * [`Damage`] tells what was wrong with bytes that were given up, [`Counters`] how many there were.
//!
//! The crate knows nothing of clocks, sockets or keys, and does without `std` if asked
//! (`default-features = false`).
//!
//! ```
//! use bytes::BytesMut;
//! use selfsync_codec::{Config, Decoder, encode};
//!
//! let mut line = BytesMut::from(&b"noise"[..]);
//! encode(b"first", &mut line);
//! encode(b"second \xFE\xFD", &mut line);
//!
//! let mut decoder = Decoder::new(Config::reliable(1024));
//! assert!(decoder.next_frame(&mut line).is_err(), "the noise is reported once");
//! assert_eq!(decoder.next_frame(&mut line)?.as_deref(), Some(&b"first"[..]));
//! assert_eq!(decoder.next_frame(&mut line)?.as_deref(), Some(&b"second \xFE\xFD"[..]));
//! assert_eq!(decoder.next_frame(&mut line)?, None);
//! assert_eq!(decoder.counters().skipped_bytes, 5);
//! # Ok::<(), selfsync_codec::Damage>(())
//! ```
#![no_std]

extern crate alloc;

#[cfg(any(test, feature = "tokio-codec"))]
extern crate std;

mod config;
mod decode;
mod encode;
mod error;
#[cfg(feature = "tokio-codec")]
mod framed;
mod search;
mod trailer;
mod walk;
mod wire;

pub use config::{Config, Counters, Scan};
pub use decode::Decoder;
pub use encode::{Encoder, encode, encode_in_place};
pub use error::{Cause, Damage, EncodeError};
#[cfg(feature = "tokio-codec")]
pub use framed::{FrameCodec, FrameError, OnDamage};
pub use trailer::Trailer;
pub use wire::{
    HEADROOM, MARKER, MAX_BODY_IN_PLACE, MAX_FIRST_RUN, MAX_LATER_RUN, TAILROOM, VERSION, max_encoded_len,
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
