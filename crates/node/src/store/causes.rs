//! What went wrong lately, with whom.

use membership::{IdentityKey, UnixSeconds};

use super::Store;
use super::batch::Batch;
use super::error::StoreError;
use super::snapshot::Snapshot;
use super::table::Table;
use super::value::{Fields, text, value};

/// Causes kept of one member, and of strangers together: older ones are forgotten.
pub const MAX_KEPT_CAUSES: usize = 16;
/// Bytes kept of each text of a cause.
pub const MAX_KEPT_TEXT_BYTES: usize = 512;
/// How often what is kept may change under the hands of who adds to it.
const MAX_TRIES: usize = 16;

/// One thing that went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCause {
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub what: String,
    /// What to do about it; may be empty.
    pub advice: String,
}

impl Batch {
    /// Keeps the last [`MAX_KEPT_CAUSES`] of these, oldest first, in place of those before. `None` are strangers.
    pub fn put_causes(&mut self, member: Option<&IdentityKey>, causes: &[KeptCause]) -> &mut Self {
        let surplus = causes.len().saturating_sub(MAX_KEPT_CAUSES);
        let bytes: Vec<u8> = causes.iter().skip(surplus).flat_map(layout).collect();
        self.put(Table::Causes, name(member), &value(&[&bytes]))
    }

    /// Forgets what went wrong with a member.
    pub fn remove_causes(&mut self, member: Option<&IdentityKey>) -> &mut Self {
        self.remove(Table::Causes, name(member))
    }
}

impl Snapshot {
    /// What went wrong lately with a member, oldest first. `None` are strangers.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`StoreError::Unreadable`].
    pub fn causes(&self, member: Option<&IdentityKey>) -> Result<Vec<KeptCause>, StoreError> {
        self.get(Table::Causes, name(member))?.map_or(Ok(Vec::new()), |found| read(&found))
    }
}

impl Store {
    /// Adds to what went wrong, oldest first, with each member. `None` are strangers.
    ///
    /// # Errors
    /// As [`Store::commit_blocking`], and [`StoreError::Unreadable`].
    pub fn add_causes_blocking<'a>(
        &self,
        causes: impl IntoIterator<Item = (Option<&'a IdentityKey>, &'a [KeptCause])> + Clone,
    ) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            let mut batch = Batch::new();
            let snapshot = self.snapshot();
            for (member, new) in causes.clone() {
                let found = snapshot.get(Table::Causes, name(member))?;
                let mut all = found.as_ref().map_or(Ok(Vec::new()), |found| read(found))?;
                all.extend_from_slice(new);
                let expected = found.as_ref().map(|found| found.as_slice());
                batch.expect(Table::Causes, name(member), expected).put_causes(member, &all);
            }
            match self.commit_blocking(batch) {
                Err(StoreError::Conflict { .. }) if tries < MAX_TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }
}

/// Strangers have no name.
fn name(member: Option<&IdentityKey>) -> &[u8] {
    member.map_or(&[], |member| member.as_bytes())
}

fn layout(cause: &KeptCause) -> Vec<u8> {
    let at = cause.at.seconds().to_be_bytes();
    let [what, advice] = [&cause.what, &cause.advice].map(|part| text(part, MAX_KEPT_TEXT_BYTES));
    [at.as_slice(), &what, &advice].concat()
}

fn read(found: &[u8]) -> Result<Vec<KeptCause>, StoreError> {
    let mut fields = Fields::of(Table::Causes, found)?;
    let mut causes = Vec::new();
    while !fields.is_at_end() {
        let at = UnixSeconds::new(fields.number()?).map_err(|_| fields.unreadable())?;
        causes.push(KeptCause { at, what: fields.text()?, advice: fields.text()? });
    }
    Ok(causes)
}
