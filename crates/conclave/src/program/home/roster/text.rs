//! The file: one line for each thing that is kept.
//!
//! ```text
//! conclave roster 1
//! date SECONDS
//! door HEX SECONDS         the door and since when, then those before it and until when each opens
//! statement HEX            in the form in which members tell each other
//! card CARD
//! name IDENTITY NAME
//! introduction IDENTITY IDENTITY    the first was introduced to the second
//! ticket ID TERMS
//! ```

use std::sync::Arc;

use membership::{
    Card, Directory, Door, IdentityKey, Petname, Statement, TicketId, TicketTerms, UnixSeconds,
};
use node::Kept;
use node::store::{KeptDoor, KeptDoors, MAX_PREVIOUS_DOORS};
use zeroize::Zeroizing;

use super::super::super::failure::{Failure, Kind};
use super::super::super::hex;

const FIRST_LINE: &str = "conclave roster 1";

/// What the file holds. The secrets of tickets and the doors of members are in it.
pub(super) fn write(kept: &Kept) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bad = |error: membership::Error| {
        Failure::new(Kind::Broken, format!("what is known of the members cannot be written: {error}"))
    };
    let mut lines: Vec<Zeroizing<String>> = Vec::new();
    let mut line = |text: String| lines.push(Zeroizing::new(text));
    line(FIRST_LINE.to_owned());
    line(format!("date {}", kept.horizon));
    let doors = kept.doors.iter().flat_map(|doors| std::iter::once(&doors.current).chain(&doors.previous));
    for KeptDoor { door, date } in doors {
        line(["door ", &digits(door.dangerous_bytes()), " ", &date.to_string()].concat());
    }
    for statement in kept.directory.statements() {
        line(["statement ", &digits(&Zeroizing::new(statement.to_bytes()))].concat());
    }
    for card in kept.directory.cards() {
        line(["card ", &Zeroizing::new(card.to_text().map_err(bad)?)].concat());
    }
    for (identity, name) in &kept.names {
        line(format!("name {} {name}", *digits(identity.as_bytes())));
    }
    for (subject, audience) in &kept.introductions {
        line(format!("introduction {} {}", *digits(subject.as_bytes()), *digits(audience.as_bytes())));
    }
    for (id, terms) in &kept.tickets {
        let terms = terms.dangerous_bytes().map_err(bad)?;
        line(["ticket ", &digits(&id.0), " ", &digits(&terms)].concat());
    }
    // Room for all of it from the start: a growing buffer would leave copies of secrets behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum()));
    for line in &lines {
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Reads what [`write()`] wrote, and verifies every statement and card again. What is wrong is told without repeating it.
pub(super) fn read(bytes: &[u8]) -> Result<Kept, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not a text".to_owned())?;
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err("not a roster of version 1".to_owned());
    }
    let mut kept = Kept::default();
    // Cards go in last: a statement of their owner, though older, would take their place.
    let mut cards = Vec::new();
    let mut directory = Directory::new();
    for (number, line) in lines.enumerate() {
        read_line(line, &mut kept, &mut directory, &mut cards)
            .map_err(|what| format!("line {}: {what}", number + 2))?;
    }
    cards.into_iter().for_each(|card| directory.add_card(card));
    kept.directory = Arc::new(directory);
    Ok(kept)
}

fn read_line(
    line: &str,
    kept: &mut Kept,
    directory: &mut Directory,
    cards: &mut Vec<Card>,
) -> Result<(), String> {
    let bad = |error: membership::Error| error.to_string();
    let cut = || "cut off".to_owned();
    let (kind, rest) = line.split_once(' ').ok_or_else(cut)?;
    let two = || rest.split_once(' ').ok_or_else(cut);
    match kind {
        "date" => {
            kept.horizon = UnixSeconds::new(rest.parse().map_err(|_| cut())?).map_err(bad)?;
        }
        "door" => {
            let (door, date) = two()?;
            let door = hex::decode(door).map(Door::from_bytes).ok_or_else(cut)?;
            let date = UnixSeconds::new(date.parse().map_err(|_| cut())?).map_err(bad)?;
            match &mut kept.doors {
                None => kept.doors = Some(KeptDoors::first(door, date)),
                Some(doors) if doors.previous.len() < MAX_PREVIOUS_DOORS => {
                    doors.previous.push(KeptDoor { door, date });
                }
                Some(_) => return Err("too many doors".to_owned()),
            }
        }
        "statement" => {
            let bytes = Zeroizing::new(hex::decode_all(rest).ok_or_else(cut)?);
            directory.merge(Statement::from_bytes(&bytes).map_err(bad)?).map_err(bad)?;
        }
        "card" => cards.push(rest.parse().map_err(bad)?),
        "name" => {
            let (identity, name) = two()?;
            kept.names.insert(identity_of(identity)?, Petname::new(name).map_err(bad)?);
        }
        "introduction" => {
            let (subject, audience) = two()?;
            kept.introductions.insert((identity_of(subject)?, identity_of(audience)?));
        }
        "ticket" => {
            let (id, terms) = two()?;
            let terms = Zeroizing::new(hex::decode_all(terms).ok_or_else(cut)?);
            let id = TicketId(hex::decode(id).ok_or_else(cut)?);
            kept.tickets.insert(id, TicketTerms::from_bytes(&terms).map_err(bad)?);
        }
        _ => return Err("of a kind that this version does not know".to_owned()),
    }
    Ok(())
}

fn identity_of(digits: &str) -> Result<IdentityKey, String> {
    hex::decode(digits).map(IdentityKey).ok_or_else(|| "cut off".to_owned())
}

fn digits(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(bytes))
}
