//! This node's doors: the one of now, and the one before for as long as cards that carry it are about.

use membership::{Door, UnixSeconds};
use zeroize::Zeroizing;

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::Snapshot;
use super::table::Table;
use super::value::{Fields, value};

/// How long a door opens after it was replaced: one day.
pub const DOOR_OVERLAP_SECONDS: u64 = 24 * 3_600;
/// Doors that open beside the current one: each costs a MAC for each first packet.
pub const MAX_PREVIOUS_DOORS: usize = 4;
/// How long a door stays when as many open beside it and only another's word asks for the next one: six hours.
const UNHURRIED_SECONDS: u64 = 6 * 3_600;

/// Under it stand all doors, since they change together.
const KEY: &[u8] = b"doors";

/// A door, and a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDoor {
    /// The secret.
    pub door: Door,
    /// Since when it is the current one; of a previous one, until when it opens.
    pub date: UnixSeconds,
}

/// The doors of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDoors {
    /// The one that is handed out now, and since when.
    pub current: KeptDoor,
    /// Those before, the latest first, and until when each opens; at most [`MAX_PREVIOUS_DOORS`].
    pub previous: Vec<KeptDoor>,
}

impl KeptDoors {
    /// A node with its first door.
    #[must_use]
    pub fn first(door: Door, now: UnixSeconds) -> Self {
        Self { current: KeptDoor { door, date: now }, previous: Vec::new() }
    }

    /// Another door in place of the current one, which opens for [`DOOR_OVERLAP_SECONDS`] more: members who are away
    /// have so long to hear of the new one. Beyond [`MAX_PREVIOUS_DOORS`] the one opens no more that was the current one
    /// for the shortest time: the fewest have left with it.
    #[must_use]
    pub fn replaced(&self, door: Door, now: UnixSeconds) -> Self {
        let until = now.saturating_add(DOOR_OVERLAP_SECONDS);
        let last = KeptDoor { door: self.current.door.clone(), date: until };
        let before = self.previous.iter().filter(|kept| now <= kept.date).cloned();
        let mut previous: Vec<_> = std::iter::once(last).chain(before).collect();
        while previous.len() > MAX_PREVIOUS_DOORS {
            // Each was the current one from the end of the one before it. Of the first nobody knows since when.
            let times = previous.windows(2).map(|pair| match pair {
                [kept, earlier] => kept.date.seconds().saturating_sub(earlier.date.seconds()),
                _ => u64::MAX,
            });
            let shortest = times.enumerate().min_by_key(|(place, time)| (*time, std::cmp::Reverse(*place)));
            previous.remove(shortest.map_or(MAX_PREVIOUS_DOORS, |(place, _)| place));
        }
        Self { current: KeptDoor { door, date: now }, previous }
    }

    /// Whether another's word is enough to have the door replaced now. Each time somebody is left outside who is away:
    /// a member who keeps others out, or devices of its own, without end must not shut everybody out.
    #[must_use]
    pub fn is_replaced_for_others(&self, now: UnixSeconds) -> bool {
        self.still_open(now).count() < MAX_PREVIOUS_DOORS
            || now >= self.current.date.saturating_add(UNHURRIED_SECONDS)
    }

    /// Those before the current one that still open.
    pub fn still_open(&self, now: UnixSeconds) -> impl Iterator<Item = &Door> {
        self.previous.iter().filter(move |kept| now <= kept.date).map(|kept| &kept.door)
    }
}

impl Batch {
    /// Keeps the doors, in place of those before.
    pub fn put_doors(&mut self, doors: &KeptDoors) -> &mut Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity((1 + doors.previous.len()) * (32 + 8)));
        for kept in std::iter::once(&doors.current).chain(&doors.previous) {
            bytes.extend_from_slice(kept.door.dangerous_bytes());
            bytes.extend_from_slice(&kept.date.seconds().to_be_bytes());
        }
        self.put(Table::Doors, KEY, &value(&[&bytes]))
    }

    /// Has the batch fail with [`StoreError::Conflict`] if there are doors already.
    pub fn expect_no_doors(&mut self) -> &mut Self {
        self.expect(Table::Doors, KEY, None)
    }
}

impl Snapshot {
    /// The doors, once there are some.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreError::Unreadable`].
    pub fn doors(&self) -> Result<Option<KeptDoors>, StoreError> {
        let Some(found) = self.get(Table::Doors, KEY)? else { return Ok(None) };
        let mut fields = Fields::of(Table::Doors, &found)?;
        let current = door(&mut fields)?;
        let mut previous = Vec::new();
        while !fields.is_at_end() && previous.len() < MAX_PREVIOUS_DOORS {
            previous.push(door(&mut fields)?);
        }
        fields.end()?;
        Ok(Some(KeptDoors { current, previous }))
    }
}

fn door(fields: &mut Fields<'_>) -> Result<KeptDoor, StoreError> {
    let door = Door::from_bytes(fields.array()?);
    let date = UnixSeconds::new(fields.number()?).map_err(|_| fields.unreadable())?;
    Ok(KeptDoor { door, date })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds).unwrap()
    }

    #[test]
    fn a_door_opens_for_a_day_after_its_time_and_there_are_never_many() {
        let door = |number| Door::from_bytes([number; 32]);
        let mut doors = KeptDoors::first(door(0), date(0));
        assert_eq!(doors.still_open(date(0)).count(), 0);
        doors = doors.replaced(door(1), date(100));
        let last = date(100 + DOOR_OVERLAP_SECONDS);
        assert_eq!(doors.still_open(last).collect::<Vec<_>>(), [&door(0)]);
        assert_eq!(doors.still_open(last.saturating_add(1)).count(), 0);
        for number in 2..20 {
            doors = doors.replaced(door(number), date(200));
        }
        assert_eq!(doors.current.door, door(19));
        let open: Vec<_> = doors.still_open(date(200)).cloned().collect();
        assert_eq!(open, [door(18), door(17), door(1), door(0)], "those with which most have left");
        assert!(!doors.is_replaced_for_others(date(200)));
        assert!(doors.is_replaced_for_others(date(200 + UNHURRIED_SECONDS)));
        assert_eq!(
            doors.replaced(door(20), last.saturating_add(200)).previous.len(),
            1,
            "what ended is forgotten"
        );
    }
}
