//! The data plane of one session: streams of messages over sealed packets.
