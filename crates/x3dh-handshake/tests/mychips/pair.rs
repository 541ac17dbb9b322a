//! Two ends with fixed keys under a clock of their own.

use std::time::{Duration, Instant};

use x3dh_handshake::IdentityKey;
use x3dh_handshake::mychips::{Admission, AgentSecret, Call, Connection, Event, Limits, Question, Token};

use crate::common::SeededRng;

pub fn agent(number: u8) -> AgentSecret {
    AgentSecret::from_seed(&[number; 32]).unwrap()
}

pub fn token() -> Token {
    Token::new(&[9; 32]).unwrap()
}

/// The caller is agent 1, the called one agent 2.
pub struct World {
    pub now: Instant,
    pub rng: SeededRng,
    pub limits: Limits,
}

impl World {
    pub fn new() -> Self {
        Self { now: Instant::now(), rng: SeededRng::new(1), limits: Limits::default() }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub fn dial(&mut self, counter: u64) -> Connection {
        self.dial_as(agent(1), counter, b"early", None)
    }

    pub fn dial_as(
        &mut self,
        who: AgentSecret,
        counter: u64,
        early: &[u8],
        token: Option<&Token>,
    ) -> Connection {
        let call = Call { responder: agent(2).id(), token, counter, early };
        Connection::dial(self.now, who, self.limits, &call, &mut self.rng).unwrap()
    }

    pub fn accept(&self) -> Connection {
        Connection::accept(self.now, agent(2), self.limits)
    }

    /// Has a responder take in the packets of a call, up to its question.
    pub fn ask(&mut self, called: &mut Connection, packets: &[Vec<u8>]) -> Option<Question> {
        for packet in packets {
            called.handle_packet(self.now, packet).unwrap();
        }
        match called.poll_event() {
            Some(Event::Asks(question)) => Some(question),
            _ => None,
        }
    }

    pub fn admit(&mut self, called: &mut Connection, last_counter: Option<u64>) {
        let admission = Admission { last_counter, early: b"answer".to_vec(), ..Admission::default() };
        called.admit(self.now, &admission, &mut self.rng).unwrap();
    }

    /// A responder that has answered, its answer, and the caller that is to be given it.
    pub fn unconfirmed(&mut self) -> (Connection, Connection, Vec<u8>) {
        let mut caller = self.dial(7);
        let mut called = self.accept();
        self.ask(&mut called, &sent(&mut caller)).unwrap();
        self.admit(&mut called, None);
        let answer = sent(&mut called).remove(0);
        (caller, called, answer)
    }

    /// Two open ends, with nothing to be told any more.
    pub fn open(&mut self) -> (Connection, Connection) {
        let (mut caller, mut called, answer) = self.unconfirmed();
        caller.handle_packet(self.now, &answer).unwrap();
        self.carry(&mut caller, &mut called);
        told(&mut caller);
        told(&mut called);
        (caller, called)
    }

    /// Carries what one end has to send to the other; gives what that tells.
    pub fn carry(&self, from: &mut Connection, to: &mut Connection) -> Vec<Event> {
        let mut events = Vec::new();
        for packet in sent(from) {
            to.handle_packet(self.now, &packet).unwrap();
            events.extend(told(to));
        }
        events
    }
}

pub fn sent(connection: &mut Connection) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| connection.poll_transmit()).collect()
}

pub fn told(connection: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| connection.poll_event()).collect()
}

pub fn known(who: IdentityKey) -> Question {
    Question::Known { claimed: who }
}
