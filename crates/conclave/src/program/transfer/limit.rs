//! How much a node takes from its members, and the account it keeps of that. Pure: no disk here.

use std::collections::BTreeMap;

use super::message::Refusal;
use super::partial::PartialName;

/// Limits of receiving, settable on the command line of `conclave up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReceiveLimits {
    /// One file.
    pub(crate) file_bytes: u64,
    /// All files of one member since the start, with what lies unfinished in the folder.
    pub(crate) member_bytes: u64,
    /// The same for all members together.
    pub(crate) total_bytes: u64,
    /// Transfers of one member at the same time.
    pub(crate) member_transfers: usize,
    /// Transfers at the same time.
    pub(crate) transfers: usize,
}

impl Default for ReceiveLimits {
    fn default() -> ReceiveLimits {
        ReceiveLimits {
            file_bytes: 64 << 30,
            member_bytes: 256 << 30,
            total_bytes: 1 << 40,
            member_transfers: 8,
            transfers: 64,
        }
    }
}

/// Unfinished files one member may leave in the folder; the oldest makes way for one more.
pub(crate) const MAX_MEMBER_PARTIALS: usize = 64;

/// What even an empty file counts for, so that a flood of them meets a limit too.
pub(crate) const MIN_CHARGE_BYTES: u64 = 4_096;

/// Who has how much in the folder.
#[derive(Debug, Default)]
pub(crate) struct Account {
    stored: BTreeMap<MemberTag, u64>,
    unfinished: BTreeMap<PartialName, Unfinished>,
    clock: u64,
}

/// A member as it appears in the name of an unfinished file.
pub(crate) type MemberTag = [u8; 8];

#[derive(Debug)]
struct Unfinished {
    /// Running: the size of the whole file. Resting: what lies on the disk.
    bytes: u64,
    running: bool,
    /// Larger is later.
    touched: u64,
}

impl Account {
    /// Counts a file that an earlier run left unfinished.
    pub(crate) fn found(&mut self, name: PartialName, bytes: u64) {
        self.note(name, bytes, false);
    }

    /// Sets room aside for a file, or says why not. One that is running already is taken over.
    pub(crate) fn admit(
        &mut self,
        name: PartialName,
        bytes: u64,
        limits: &ReceiveLimits,
    ) -> Result<(), Refusal> {
        if bytes > limits.file_bytes {
            return Err(Refusal::TooLarge { limit_bytes: limits.file_bytes });
        }
        let running = |entry: &(&PartialName, &Unfinished)| entry.1.running && *entry.0 != name;
        let transfers = self.unfinished.iter().filter(running).count();
        let of_member =
            self.unfinished.iter().filter(running).filter(|(other, _)| other.member == name.member).count();
        if transfers >= limits.transfers || of_member >= limits.member_transfers {
            return Err(Refusal::Busy);
        }
        let charge = bytes.max(MIN_CHARGE_BYTES);
        if self.bytes(Some(name.member), name).saturating_add(charge) > limits.member_bytes {
            return Err(Refusal::MemberLimit { limit_bytes: limits.member_bytes });
        }
        if self.bytes(None, name).saturating_add(charge) > limits.total_bytes {
            return Err(Refusal::TotalLimit { limit_bytes: limits.total_bytes });
        }
        self.note(name, charge, true);
        Ok(())
    }

    /// What is set aside for a file, or lies there of it.
    pub(crate) fn bytes_of(&self, name: PartialName) -> u64 {
        self.unfinished.get(&name).map_or(0, |entry| entry.bytes)
    }

    /// The file is whole and has its own name now.
    pub(crate) fn finished(&mut self, name: PartialName) {
        if let Some(entry) = self.unfinished.remove(&name) {
            let stored = self.stored.entry(name.member).or_default();
            *stored = stored.saturating_add(entry.bytes);
        }
    }

    /// The transfer stopped with that much on the disk; nothing of it is left where that is 0.
    pub(crate) fn rests(&mut self, name: PartialName, bytes: u64) {
        match bytes {
            0 => drop(self.unfinished.remove(&name)),
            _ => self.note(name, bytes, false),
        }
    }

    /// The unfinished file of this member that must go before another one comes.
    pub(crate) fn surplus(&self, member: MemberTag) -> Option<PartialName> {
        let of_member = || self.unfinished.iter().filter(|(name, _)| name.member == member);
        if of_member().count() <= MAX_MEMBER_PARTIALS {
            return None;
        }
        of_member()
            .filter(|(_, entry)| !entry.running)
            .min_by_key(|(_, entry)| entry.touched)
            .map(|(name, _)| *name)
    }

    /// What a member, or everybody, has here, but for one file.
    fn bytes(&self, member: Option<MemberTag>, except: PartialName) -> u64 {
        let counts = |tag: MemberTag| member.is_none_or(|member| member == tag);
        let stored = self.stored.iter().filter(|(tag, _)| counts(**tag)).map(|(_, bytes)| *bytes);
        let unfinished = self
            .unfinished
            .iter()
            .filter(|(name, _)| counts(name.member) && **name != except)
            .map(|(_, entry)| entry.bytes);
        stored.chain(unfinished).fold(0, u64::saturating_add)
    }

    fn note(&mut self, name: PartialName, bytes: u64, running: bool) {
        self.clock += 1;
        self.unfinished.insert(name, Unfinished { bytes, running, touched: self.clock });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ReceiveLimits = ReceiveLimits {
        file_bytes: 100_000,
        member_bytes: 150_000,
        total_bytes: 200_000,
        member_transfers: 2,
        transfers: 3,
    };

    fn name(member: u8, key: u8) -> PartialName {
        PartialName { member: [member; 8], key: [key; 16] }
    }

    #[test]
    fn each_limit_is_met_at_its_own_size() {
        let mut account = Account::default();
        assert_eq!(
            account.admit(name(1, 1), 100_001, &LIMITS),
            Err(Refusal::TooLarge { limit_bytes: 100_000 })
        );
        account.admit(name(1, 1), 100_000, &LIMITS).unwrap();
        assert_eq!(
            account.admit(name(1, 2), 50_001, &LIMITS),
            Err(Refusal::MemberLimit { limit_bytes: 150_000 })
        );
        account.admit(name(2, 1), 100_000, &LIMITS).unwrap();
        assert_eq!(account.admit(name(3, 1), 0, &LIMITS), Err(Refusal::TotalLimit { limit_bytes: 200_000 }));
    }

    #[test]
    fn finished_files_count_and_abandoned_ones_do_not() {
        let mut account = Account::default();
        account.admit(name(1, 1), 100_000, &LIMITS).unwrap();
        account.finished(name(1, 1));
        assert_eq!(
            account.admit(name(1, 2), 60_000, &LIMITS),
            Err(Refusal::MemberLimit { limit_bytes: 150_000 })
        );
        account.admit(name(1, 2), 50_000, &LIMITS).unwrap();
        account.rests(name(1, 2), 10_000);
        account.admit(name(1, 3), 40_000, &LIMITS).unwrap();
        account.rests(name(1, 3), 0);
        account.rests(name(1, 2), 0);
        account.admit(name(1, 4), 50_000, &LIMITS).unwrap();
    }

    #[test]
    fn a_file_offered_again_is_counted_once() {
        let mut account = Account::default();
        account.found(name(1, 1), 90_000);
        for _ in 0..5 {
            account.admit(name(1, 1), 100_000, &LIMITS).unwrap();
        }
    }

    #[test]
    fn transfers_at_the_same_time_are_limited_per_member_and_in_all() {
        let mut account = Account::default();
        account.admit(name(1, 1), 1, &LIMITS).unwrap();
        account.admit(name(1, 2), 1, &LIMITS).unwrap();
        assert_eq!(account.admit(name(1, 3), 1, &LIMITS), Err(Refusal::Busy));
        account.admit(name(2, 1), 1, &LIMITS).unwrap();
        assert_eq!(account.admit(name(3, 1), 1, &LIMITS), Err(Refusal::Busy));
        account.finished(name(1, 1));
        account.admit(name(3, 1), 1, &LIMITS).unwrap();
    }

    #[test]
    fn empty_files_meet_a_limit_too() {
        let mut account = Account::default();
        let mut taken = 0;
        while account.admit(name(1, 1), 0, &LIMITS).is_ok() {
            account.finished(name(1, 1));
            taken += 1;
        }
        assert_eq!(taken, LIMITS.member_bytes / MIN_CHARGE_BYTES);
    }

    #[test]
    fn the_oldest_unfinished_file_of_a_member_makes_way() {
        let mut account = Account::default();
        for key in 0..=u8::try_from(MAX_MEMBER_PARTIALS).unwrap() {
            assert_eq!(account.surplus([1; 8]), None);
            account.found(name(1, key), 1);
        }
        assert_eq!(account.surplus([1; 8]), Some(name(1, 0)));
        assert_eq!(account.surplus([2; 8]), None);
        account.found(name(1, 0), 2);
        assert_eq!(account.surplus([1; 8]), Some(name(1, 1)));
    }
}
