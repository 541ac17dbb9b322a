//! What is said in an anonymous session (PROTOCOL §9.8).

use actor_proxy::ServiceName;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The one stream, in both directions.
pub(super) const STREAM: &str = "conclave.anonymous";
const VERSION: u8 = 1;
/// `version u8 | name length u8 | name`
pub(super) const MAX_REQUEST_HEADER_BYTES: usize = 2 + ServiceName::MAX_BYTES;
/// `status u8`
pub(super) const REPLY_HEADER_BYTES: usize = 1;
const TAKEN: u8 = 0;

/// Why a node did not hand a request to a service, or did not send its reply. Authenticated: the node itself said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnonymousRefusal {
    /// No service of that name is open to callers without a name.
    #[error("no such service for callers without a name")]
    NoSuchService,
    /// The service has as many callers as it takes.
    #[error("the service has as many callers as it takes")]
    Busy,
    /// This caller has had as many calls as it may.
    #[error("no more calls in this session")]
    TooManyCalls,
    /// The request is longer than the service takes.
    #[error("the request is longer than the service takes")]
    RequestTooLarge,
    /// The reply is longer than the service may send.
    #[error("the reply is longer than the service may send")]
    ReplyTooLarge,
    /// A session is for one service.
    #[error("this session is for another service")]
    OtherService,
    /// A reason that this version does not know.
    #[error("reason {0}")]
    Other(u8),
}

impl AnonymousRefusal {
    fn code(self) -> u8 {
        match self {
            Self::NoSuchService => 1,
            Self::Busy => 2,
            Self::TooManyCalls => 3,
            Self::RequestTooLarge => 4,
            Self::ReplyTooLarge => 5,
            Self::OtherService => 6,
            Self::Other(code) => code,
        }
    }

    fn from_code(code: u8) -> Self {
        let known = [
            Self::NoSuchService,
            Self::Busy,
            Self::TooManyCalls,
            Self::RequestTooLarge,
            Self::ReplyTooLarge,
            Self::OtherService,
        ];
        known.into_iter().find(|refusal| refusal.code() == code).unwrap_or(Self::Other(code))
    }
}

/// `version u8 = 1 | name length u8 | name | body`
pub(super) fn request(service: &ServiceName, body: &[u8]) -> Bytes {
    let name = service.as_str().as_bytes();
    let mut message = BytesMut::with_capacity(2 + name.len() + body.len());
    message.put_u8(VERSION);
    message.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
    message.put_slice(name);
    message.put_slice(body);
    message.freeze()
}

/// Which service is asked for what; `None` is no request.
pub(super) fn read_request(mut message: Bytes) -> Option<(ServiceName, Bytes)> {
    if message.try_get_u8().ok()? != VERSION {
        return None;
    }
    let length = usize::from(message.try_get_u8().ok()?);
    if length > message.len() {
        return None;
    }
    let name = message.split_to(length);
    let name = ServiceName::new(std::str::from_utf8(&name).ok()?)?;
    Some((name, message))
}

/// `status u8 | body`, the body of a refusal being empty.
pub(super) fn reply(reply: Result<&[u8], AnonymousRefusal>) -> Bytes {
    let (status, body) = match reply {
        Ok(body) => (TAKEN, body),
        Err(refusal) => (refusal.code(), &[][..]),
    };
    let mut message = BytesMut::with_capacity(REPLY_HEADER_BYTES + body.len());
    message.put_u8(status);
    message.put_slice(body);
    message.freeze()
}

/// `None` is no reply.
pub(super) fn read_reply(mut message: Bytes) -> Option<Result<Bytes, AnonymousRefusal>> {
    match message.try_get_u8().ok()? {
        TAKEN => Some(Ok(message)),
        code => message.is_empty().then_some(Err(AnonymousRefusal::from_code(code))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_read_as_they_were_written() {
        let name = ServiceName::new("till").unwrap();
        let message = request(&name, b"sum");
        assert_eq!(&message[..], b"\x01\x04tillsum");
        assert_eq!(read_request(message), Some((name, Bytes::from_static(b"sum"))));
        assert_eq!(read_reply(reply(Ok(b"3"))), Some(Ok(Bytes::from_static(b"3"))));
        for code in 1..=u8::MAX {
            let refusal = AnonymousRefusal::from_code(code);
            assert_eq!(read_reply(reply(Err(refusal))), Some(Err(refusal)));
            assert_eq!(reply(Err(refusal))[..], [code]);
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_version_is_refused() {
        let long = [&[1, 65][..], &[b'a'; 65]].concat();
        for bad in [&b""[..], b"\x01", b"\x02\x04till", b"\x01\x05till", b"\x01\x00", b"\x01\x01\xff", &long]
        {
            assert_eq!(read_request(Bytes::copy_from_slice(bad)), None, "{bad:?}");
        }
        for bad in [&b""[..], b"\x01x"] {
            assert_eq!(read_reply(Bytes::copy_from_slice(bad)), None, "{bad:?}");
        }
    }
}
