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
    /// have so long to hear of the new one. Beyond [`MAX_PREVIOUS_DOORS`] the oldest opens no more.
    #[must_use]
    pub fn replaced(&self, door: Door, now: UnixSeconds) -> Self {
        let until = now.saturating_add(DOOR_OVERLAP_SECONDS);
        let last = KeptDoor { door: self.current.door.clone(), date: until };
        let before = self.previous.iter().filter(|kept| now <= kept.date).cloned();
        let previous = std::iter::once(last).chain(before).take(MAX_PREVIOUS_DOORS).collect();
        Self { current: KeptDoor { door, date: now }, previous }
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
        assert_eq!(open, [door(18), door(17), door(16), door(15)]);
        assert_eq!(
            doors.replaced(door(20), last.saturating_add(200)).previous.len(),
            1,
            "what ended is forgotten"
        );
    }
}
