//! What a packet or a deadline did to a handshake.

use x3dh_handshake::Established;
use x3dh_handshake::anonymous::AnonymousEstablished;

use crate::cause::HandshakeCause;
use crate::proof::Proof;

/// How far a handshake has come.
#[derive(Debug)]
pub enum Step {
    /// Go on: send what there is to send, read on.
    Wait,
    /// The first packet is behind the door, and the [demand](crate::Demand) of now is for more: have the packet
    /// [challenged](crate::Inbound::challenge), send that, read on.
    Challenge,
    /// The first packet is behind the door, and its turn has not come: bring it again when it has.
    Later,
    /// An [`Inbound`](crate::Inbound) is proven: take this to [`Endpoint::admit`](crate::Endpoint::admit).
    Proven(Box<Proof>),
    /// An [`Inbound`](crate::Inbound) comes from somebody without a name: have the path
    /// [released](crate::Endpoint::release), and the call [answered](crate::Inbound::answer_call) if there is a place.
    Called,
    /// A [call without a name](crate::Outbound::call) is answered.
    CallEstablished(Box<AnonymousEstablished>),
    /// An [`Outbound`](crate::Outbound) is answered: take its boot id to
    /// [`Endpoint::established`](crate::Endpoint::established).
    Established(Box<Established>),
    /// It is over, and nothing was sent about it: take this to
    /// [`Endpoint::handshake_failed`](crate::Endpoint::handshake_failed), and say nothing.
    Failed(HandshakeCause),
}
