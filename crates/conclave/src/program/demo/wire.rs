//! What must not be found on the wire, and the look through the recording.

use std::path::Path;

use membership::{Identity, MemberId};

use super::super::admission;
use super::super::failure::{Failure, Kind};
use super::super::hex;
use super::super::secret::SecretText;
use super::person::Person;
use super::recording::{self, Scanned};
use super::scan::{Findings, Needles, Stream};

/// Text that the two sides say to each other inside the encryption.
const TALK: [&[u8]; 7] = [
    b"\"word\":\"offer\"",
    b"\"transfer\":\"",
    b"conclave.files",
    b"conclave.chat/1",
    b"conclave.news",
    b"conclave.echo/1",
    b"conclave.demo",
];

/// So much of a ticket's text is looked for: the scheme, the id and some of the secret.
const TICKET_TEXT_BYTES: usize = 64;

/// Everything that is looked for, with a text that holds each kind once.
pub(crate) struct Search {
    needles: Needles,
    /// What a scanner that works must find.
    control: Vec<u8>,
    kinds: Findings,
}

impl Search {
    pub(crate) fn new() -> Search {
        Search { needles: Needles::new(), control: Vec::new(), kinds: Findings::new() }
    }

    /// Looks for a person's keys, identity and door, as bytes and as text.
    pub(crate) fn add_person(&mut self, person: &Person) -> Result<(), Failure> {
        let keys = person.keys()?;
        let record = keys.record.to_bytes();
        let id = MemberId::of(&keys.identity);
        self.add("identity keys", keys.identity.as_bytes())?;
        self.add("member ids", id.as_bytes())?;
        self.add("member ids", id.to_string().as_bytes())?;
        self.add("static public keys", keys.record.static_key().as_bytes())?;
        self.add("doors", keys.door.dangerous_bytes())?;
        self.add("records", record.get(80..).unwrap_or_default())?;
        self.add("device secrets", keys.device.secret().dangerous_bytes())?;
        for (kind, bytes) in [
            ("identity keys", &keys.identity.as_bytes()[..]),
            ("static public keys", keys.record.static_key().as_bytes()),
            ("doors", keys.door.dangerous_bytes()),
        ] {
            self.add(kind, hex::encode(bytes).as_bytes())?;
        }
        self.add_identity_secret(person)
    }

    fn add_identity_secret(&mut self, person: &Person) -> Result<(), Failure> {
        let path = person.home.join("identity");
        let bytes = std::fs::read(&path).map(zeroize::Zeroizing::new);
        let bytes = bytes.map_err(|error| Failure::io("reading", &path, &error))?;
        let identity = Identity::from_file_bytes(&bytes)
            .map_err(|error| Failure::new(Kind::Broken, error.to_string()))?;
        self.add("identity secrets", identity.dangerous_file_bytes().get(2..34).unwrap_or_default())
    }

    /// Looks for what the programs say to each other, and for other texts of the play.
    pub(crate) fn add_talk(&mut self, texts: &[&str]) -> Result<(), Failure> {
        TALK.into_iter()
            .chain(texts.iter().map(|text| text.as_bytes()))
            .try_for_each(|text| self.add("talk", text))
    }

    /// Looks for every longer stretch of a file's content.
    pub(crate) fn add_content(&mut self, content: &[u8]) -> Result<(), Failure> {
        self.control.extend_from_slice(content.get(..4_096).unwrap_or(content));
        *self.kinds.entry("file contents").or_default() += 1;
        self.needles.add_text("file contents", content).map_err(bug)
    }

    /// Looks for a ticket.
    pub(crate) fn add_ticket(&mut self, uri: &SecretText) -> Result<(), Failure> {
        let ticket = admission::parse_ticket(uri.expose())?;
        self.add("tickets", &ticket.id.0)?;
        self.add("tickets", ticket.secret.dangerous_bytes())?;
        // Of a long text the beginning behind the scheme says enough.
        let text = uri.expose().as_bytes();
        self.add("tickets", text.get(..TICKET_TEXT_BYTES.min(text.len())).unwrap_or_default())
    }

    fn add(&mut self, kind: &'static str, needle: &[u8]) -> Result<(), Failure> {
        self.needles.add(kind, needle).map_err(bug)?;
        self.control.extend_from_slice(needle);
        *self.kinds.entry(kind).or_default() += 1;
        Ok(())
    }

    /// The kinds of things that are looked for.
    pub(crate) fn kinds(&self) -> String {
        self.kinds.keys().copied().collect::<Vec<_>>().join(", ")
    }

    /// Shows that the search finds each kind where it is there: an empty result then means something.
    pub(crate) fn prove(&self) -> Result<(), Failure> {
        let mut found = Findings::new();
        let mut stream = Stream::default();
        stream.scan(&self.needles, &self.control, &mut found);
        stream.finish(&self.needles, &mut found);
        match self.kinds.iter().find(|(kind, count)| found.get(*kind).is_none_or(|found| found < count)) {
            None => Ok(()),
            Some((kind, _)) => {
                Err(Failure::new(Kind::Broken, format!("the search does not find {kind} where they are")))
            }
        }
    }

    /// Looks through a recording.
    pub(crate) fn look(&self, recording: &Path) -> Result<Scanned, Failure> {
        recording::scan(recording, &self.needles).map_err(|error| Failure::io("reading", recording, &error))
    }
}

fn bug(what: &'static str) -> Failure {
    Failure::new(Kind::Broken, what)
}
