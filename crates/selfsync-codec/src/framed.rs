//! The codec as `tokio_util::codec::Framed` wants it.

use bytes::{Bytes, BytesMut};
use std::io;

use crate::config::{Config, Counters};
use crate::decode::Decoder;
use crate::encode::Encoder;
use crate::error::Damage;

/// What a [`FrameCodec`] does about damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDamage {
    /// Counts it and goes on with the next frame: for lines and logs.
    Skip,
    /// Fails: for reliable paths, which end at the first damage.
    Fail,
}

/// Why a [`FrameCodec`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The transport below failed.
    #[error("the transport failed")]
    Io(#[from] io::Error),
    /// Bytes that are no frame arrived, with [`OnDamage::Fail`].
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The body to be sent is longer than what the far side accepts, if it is configured alike.
    #[error("a body of {bytes} bytes, and {max_body_bytes} are allowed")]
    TooLong {
        /// Bytes of the body.
        bytes: usize,
        /// The configured maximum.
        max_body_bytes: usize,
    },
}

/// An [`Encoder`] and a [`Decoder`] for `tokio_util::codec::Framed`, `FramedRead` and `FramedWrite`.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use selfsync_codec::FrameCodec;
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = FrameCodec::line(1024);
/// let mut wire = BytesMut::from(&b"noise"[..]);
/// codec.encode(Bytes::from_static(b"hello"), &mut wire)?;
/// assert_eq!(codec.decode(&mut wire)?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(codec.counters().resynchronizations, 1);
/// # Ok::<(), selfsync_codec::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameCodec {
    encoder: Encoder,
    decoder: Decoder,
    on_damage: OnDamage,
}

impl FrameCodec {
    /// A codec whose two directions are configured alike.
    #[must_use]
    pub fn new(config: Config, on_damage: OnDamage) -> Self {
        Self { encoder: Encoder::new(config.trailer), decoder: Decoder::new(config), on_damage }
    }

    /// For a serial line or a log: [`Config::line`], and damage is skipped.
    #[must_use]
    pub fn line(max_body_bytes: usize) -> Self {
        Self::new(Config::line(max_body_bytes), OnDamage::Skip)
    }

    /// For a reliable path: [`Config::reliable`], and the first damage is an error.
    #[must_use]
    pub fn reliable(max_body_bytes: usize) -> Self {
        Self::new(Config::reliable(max_body_bytes), OnDamage::Fail)
    }

    /// What the decoder has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.decoder.counters()
    }

    /// Decodes with `step` until it yields a frame, needs more bytes, or meets damage that is not to be skipped.
    fn decode_with(
        &mut self,
        input: &mut BytesMut,
        step: impl Fn(&mut Decoder, &mut BytesMut) -> Result<Option<BytesMut>, Damage>,
    ) -> Result<Option<BytesMut>, FrameError> {
        loop {
            match step(&mut self.decoder, input) {
                Ok(frame) => return Ok(frame),
                Err(_) if self.on_damage == OnDamage::Skip => {}
                Err(damage) => return Err(damage.into()),
            }
        }
    }
}

impl tokio_util::codec::Decoder for FrameCodec {
    type Item = BytesMut;
    type Error = FrameError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        self.decode_with(input, Decoder::next_frame)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        self.decode_with(input, Decoder::next_frame_at_end)
    }
}

impl tokio_util::codec::Encoder<Bytes> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, body: Bytes, out: &mut BytesMut) -> Result<(), FrameError> {
        let max_body_bytes = self.decoder.config().max_body_bytes;
        if body.len() > max_body_bytes {
            return Err(FrameError::TooLong { bytes: body.len(), max_body_bytes });
        }
        self.encoder.encode(&body, out);
        Ok(())
    }
}
