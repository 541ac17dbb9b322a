//! The tables of a store, and in which of its two databases each is.

/// A table of a [`Store`](super::Store). Keys and values are bytes; section 3.10 of `docs/PROTOCOL.md` lays them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Table {
    /// What members have signed, by digest.
    Statements,
    /// Cards that were handed over, by identity.
    Cards,
    /// What the person calls members, by identity.
    Names,
    /// When members were last here, by identity.
    Seen,
    /// Who was introduced to whom.
    Introductions,
    /// Tickets, by id.
    Tickets,
    /// Up to where this node's own devices have reserved their handshake counters, by static key.
    Reserved,
    /// The highest handshake counter that each device of a member has confirmed.
    Confirmed,
    /// What went wrong lately, by identity.
    Causes,
    /// This node's doors. Secret.
    Doors,
    /// Where devices were found, by static key. The only table of the machine's database.
    Addresses,
}

/// One of the two databases of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// What belongs to the person: secrets, and whom they know.
    Person,
    /// What belongs to the machine: keys to addresses. No secret, and nothing derived from one.
    Machine,
}

impl Table {
    /// Every table.
    const ALL: [Self; 11] = [
        Self::Statements,
        Self::Cards,
        Self::Names,
        Self::Seen,
        Self::Introductions,
        Self::Tickets,
        Self::Reserved,
        Self::Confirmed,
        Self::Causes,
        Self::Doors,
        Self::Addresses,
    ];

    /// The name it has in its file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statements => "statements",
            Self::Cards => "cards",
            Self::Names => "names",
            Self::Seen => "seen",
            Self::Introductions => "introductions",
            Self::Tickets => "tickets",
            Self::Reserved => "reserved",
            Self::Confirmed => "confirmed",
            Self::Causes => "causes",
            Self::Doors => "doors",
            Self::Addresses => "addresses",
        }
    }

    pub(super) const fn home(self) -> Home {
        match self {
            Self::Addresses => Home::Machine,
            _ => Home::Person,
        }
    }

    pub(super) fn of(home: Home) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |table| table.home() == home)
    }
}
