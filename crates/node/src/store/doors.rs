//! This node's doors: the one of now, and the one before for as long as cards that carry it are about.

use membership::{Door, UnixSeconds};
use zeroize::Zeroizing;

use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::Snapshot;
use super::table::Table;
use super::value::{Fields, value};

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
    /// The one before, and until when it opens.
    pub previous: Option<KeptDoor>,
}

impl Batch {
    /// Keeps the doors, in place of those before.
    pub fn put_doors(&mut self, doors: &KeptDoors) -> &mut Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * (32 + 8)));
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
        let previous = if fields.is_at_end() { None } else { Some(door(&mut fields)?) };
        fields.end()?;
        Ok(Some(KeptDoors { current, previous }))
    }
}

fn door(fields: &mut Fields<'_>) -> Result<KeptDoor, StoreError> {
    let door = Door::from_bytes(fields.array()?);
    let date = UnixSeconds::new(fields.number()?).map_err(|_| fields.unreadable())?;
    Ok(KeptDoor { door, date })
}
