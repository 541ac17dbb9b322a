//! What the layer above wants.

use std::{mem, time::Instant};

use super::{Connection, State};
use crate::{
    error::Error,
    mychips::{
        event::End,
        limits::MAX_UNSENT_PACKETS,
        packet::{Reason, Record},
    },
};

impl Connection {
    /// Seals a message, to be sent.
    ///
    /// # Errors
    /// [`Error::NotOpen`], also when this was one packet too many for the keys, which closes the connection;
    /// [`Error::TooLong`]; [`Error::Full`] while too much is yet to be sent.
    pub fn send(&mut self, now: Instant, message: &[u8]) -> Result<(), Error> {
        let State::Open(open) = &mut self.state else { return Err(Error::NotOpen) };
        let limit = open.max_sent_bytes;
        if message.len() > limit {
            return Err(Error::TooLong { what: "a message", limit });
        }
        if self.unsent.len() >= MAX_UNSENT_PACKETS {
            return Err(Error::Full);
        }
        // The last packet of all is the CLOSE.
        if open.transport.sent() + 1 >= self.limits.max_sent_packets {
            self.close(now, Reason::Done);
            return Err(Error::NotOpen);
        }
        let packet = open.transport.seal(&Record::Message(message))?;
        open.last_use = now;
        self.unsent.push_back(packet);
        Ok(())
    }

    /// Closes the connection: what was sent still arrives, and what the far end has sent too. Before it is open this
    /// ends it without a word.
    pub fn close(&mut self, now: Instant, reason: Reason) {
        match mem::replace(&mut self.state, State::Closed) {
            State::Open(open) => self.begin_closing(now, open, reason),
            State::Closing(open, earlier) => self.state = State::Closing(open, earlier),
            State::Closed => {}
            _ => self.end_silently(End::ByUs(reason)),
        }
    }
}
