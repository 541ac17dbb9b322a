//! The list of members that follows from a directory.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::Directory;
use crate::standing::{Reach, Settled};
use crate::{Card, IdentityKey, MAX_MEMBERS, Member, Members, Petname};

impl Members {
    /// Everybody who is in by what was said, those too of whom it is not known how to reach them.
    ///
    /// `names` are what this node's owner calls them; who has none there is called what they suggest, unless another
    /// is called that. Where two suggest one name the nearer has it, and of two at one distance the one with the
    /// smaller key.
    #[must_use]
    pub fn settled(directory: &Directory, settled: &Settled, names: &BTreeMap<IdentityKey, Petname>) -> Self {
        let mut nearest_first: Vec<(&IdentityKey, &Reach)> = settled.members().collect();
        nearest_first.sort_by_key(|(identity, reach)| (reach.distance, **identity));
        let taken: BTreeSet<&Petname> = names.values().collect();
        let mut members = Self::new();
        for (identity, reach) in nearest_first.into_iter().take(MAX_MEMBERS) {
            let card = directory.card(identity);
            let addresses = card.map(|card| card.addresses().to_vec()).unwrap_or_default();
            let mut member = Member::new(*identity, None, card.map(|card| card.door().clone()), addresses);
            let announced = directory.announcement(identity).map(|known| &known.facts().card);
            for record in card.into_iter().chain(announced).flat_map(Card::records) {
                // A contradiction within what a member says about itself is its own affair: the first word counts.
                member.learn(record).ok();
            }
            let lost = directory.said(identity).into_iter().flat_map(|said| said.lost_devices());
            member.bind(reach.clone(), lost.collect());
            let suggested = || card?.petname().filter(|name| !taken.contains(name));
            let name = names.get(identity).or_else(suggested).cloned();
            member.set_petname(name.filter(|name| !members.is_taken(name)));
            let id = member.id();
            if members.by_id(&id).is_none() {
                // Nothing is left that could be refused.
                members.put(id, member).ok();
            }
        }
        for (identity, _) in settled.revoked() {
            members.keep_out(*identity);
        }
        members
    }
}
