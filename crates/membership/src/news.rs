//! What members tell each other of statements: each says what it has for the other, and gives what the other lacks.
//!
//! ```text
//!   Ann                                  Bob
//!    │──── Have: names of statements ────>│     when a session begins, each to the other
//!    │<─── Want: those it lacks ──────────│
//!    │──── Statements ───────────────────>│     and at once, unasked, when something is new
//! ```
//!
//! Enough for members who know each other. A flood that scales would take the place of `Have` and `Want`; what is shared
//! with whom and what is taken in from whom stays as it is here.

use std::collections::BTreeSet;

use crate::directory::Directory;
use crate::reader::Reader;
use crate::standing::{Settled, Standing};
use crate::{Error, IdentityKey, MAX_STATEMENT_BYTES, Revocation, Revoked, Statement, StatementId};

/// The longest message, below what a client may send at once.
pub const MAX_NEWS_BYTES: usize = 16_384;
/// Names of statements in one message.
pub const MAX_NEWS_NAMES: usize = 500;

const HAVE: u8 = 1;
const WANT: u8 = 2;
const STATEMENTS: u8 = 3;

/// One message between members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What the sender has for the receiver.
    Have(Vec<StatementId>),
    /// What of that the receiver lacks.
    Want(Vec<StatementId>),
    /// Statements, asked for or new.
    Statements(Vec<Statement>),
}

impl News {
    /// Messages that name these statements.
    pub fn have(statements: &[Statement]) -> impl Iterator<Item = Self> {
        let names: Vec<_> = statements.iter().map(Statement::id).collect();
        let messages: Vec<_> = names.chunks(MAX_NEWS_NAMES).map(|names| Self::Have(names.to_vec())).collect();
        messages.into_iter()
    }

    /// Messages that hold these statements, in their order.
    #[must_use]
    pub fn telling(statements: Vec<Statement>) -> Vec<Self> {
        let mut messages = Vec::new();
        let mut batch = Vec::new();
        let mut bytes = 1;
        for statement in statements {
            let more = 2 + statement.to_bytes().len();
            if bytes + more > MAX_NEWS_BYTES {
                messages.push(Self::Statements(std::mem::take(&mut batch)));
                bytes = 1;
            }
            bytes += more;
            batch.push(statement);
        }
        if !batch.is_empty() {
            messages.push(Self::Statements(batch));
        }
        messages
    }

    /// `kind u8`, then names of 32 bytes, or `length u16 | statement` for each statement.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Have(names) => encode_names(HAVE, names),
            Self::Want(names) => encode_names(WANT, names),
            Self::Statements(statements) => {
                let mut bytes = vec![STATEMENTS];
                for statement in statements.iter().map(Statement::to_bytes) {
                    bytes
                        .extend_from_slice(&u16::try_from(statement.len()).unwrap_or(u16::MAX).to_le_bytes());
                    bytes.extend_from_slice(&statement);
                }
                bytes
            }
        }
    }

    /// Reads a message. Statements that do not verify, or of a kind that is not known here, spoil the message.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Malformed`] and those of [`Statement::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_NEWS_BYTES {
            return Err(Error::TooLarge { what: "bytes of news", limit: MAX_NEWS_BYTES });
        }
        let mut reader = Reader::new(bytes, "news");
        match reader.byte()? {
            HAVE => decode_names(reader).map(Self::Have),
            WANT => decode_names(reader).map(Self::Want),
            STATEMENTS => {
                let mut statements = Vec::new();
                while !reader.is_empty() {
                    statements.push(Statement::from_bytes(reader.bytes_u16(MAX_STATEMENT_BYTES)?)?);
                }
                Ok(Self::Statements(statements))
            }
            _ => Err(reader.malformed()),
        }
    }
}

fn encode_names(kind: u8, names: &[StatementId]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + 32 * names.len());
    bytes.push(kind);
    bytes.extend(names.iter().flat_map(|name| name.0));
    bytes
}

fn decode_names(mut reader: Reader<'_>) -> Result<Vec<StatementId>, Error> {
    let mut names = Vec::new();
    while !reader.is_empty() {
        if names.len() >= MAX_NEWS_NAMES {
            return Err(Error::TooLarge { what: "names in one message", limit: MAX_NEWS_NAMES });
        }
        names.push(StatementId(reader.array()?));
    }
    Ok(names)
}

/// What a node shares with a member, in an order in which it can be taken in: every revocation by somebody who is heard
/// here, those too whose own time is up, and every device that a member of some date has given up; this node's vouchers for the member and for those whom it has introduced to it; how these and this node
/// itself can be reached. `introductions` are pairs of who was introduced and to whom.
#[must_use]
pub fn shared_with(
    member: &IdentityKey,
    me: &IdentityKey,
    directory: &Directory,
    settled: &Settled,
    introductions: &BTreeSet<(IdentityKey, IdentityKey)>,
) -> Vec<Statement> {
    let in_now = |who: &IdentityKey| matches!(settled.standing(who), Standing::Member { .. });
    let revocations = directory.revocations().filter(|revocation| has_a_part(revocation, settled));
    let introduced: BTreeSet<_> = introductions
        .iter()
        .filter(|(subject, audience)| audience == member && in_now(subject))
        .map(|(subject, _)| *subject)
        .collect();
    let vouchers =
        introduced.iter().chain([member]).filter_map(|subject| directory.voucher(me, subject).cloned());
    let announcements =
        introduced.iter().chain([me]).filter_map(|subject| directory.announcement(subject).cloned());
    revocations
        .cloned()
        .map(Statement::Revocation)
        .chain(vouchers.map(Statement::Voucher))
        .chain(announcements.map(Statement::Announcement))
        .collect()
}

/// Whether a node takes a statement in that a member has sent. Nobody fills a directory with statements of strangers:
/// what is taken in is by somebody who is heard here, or by a member about itself. What a member says of itself is
/// welcome once it is one: look at vouchers first, settle, then at announcements.
#[must_use]
pub fn is_welcome(statement: &Statement, settled: &Settled) -> bool {
    let issuer = statement.issuer();
    match statement {
        Statement::Announcement(_) => matches!(settled.standing(&issuer), Standing::Member { .. }),
        Statement::Voucher(_) => settled.is_heard(&issuer),
        Statement::Revocation(revocation) => has_a_part(revocation, settled),
    }
}

/// Whether standings, or the devices of a member, depend on it at some date. It does not lose its weight when its
/// issuer's time is up: whoever dropped it then would let somebody in whom others keep out.
fn has_a_part(revocation: &Revocation, settled: &Settled) -> bool {
    let issuer = revocation.issuer();
    match revocation.about() {
        Revoked::Member(_) => settled.is_heard(&issuer),
        Revoked::Device(_) => {
            matches!(settled.standing(&issuer), Standing::Member { .. } | Standing::Expired)
        }
    }
}
