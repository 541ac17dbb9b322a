//! Who is out, by the word of whom.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Out, World};

impl World<'_> {
    /// Who is out, and who was heard.
    pub(super) fn hear(&self) -> (Out, BTreeSet<u32>) {
        let mut out: Out = self.keeps_out(self.root).iter().map(|subject| (*subject, self.root)).collect();
        let mut heard = BTreeSet::new();
        for distance in 1..=self.depth {
            let verdicts = self.hear_at(distance, &out, &mut heard);
            out.extend(verdicts);
        }
        (out, heard)
    }

    /// What those at one distance have to say. They are heard at once: none of them is out by another of them yet.
    fn hear_at(&self, distance: u8, out: &Out, heard: &mut BTreeSet<u32>) -> Out {
        let found = self.reach(out, None);
        // Costs several walks. Nobody has it made but who speaks against one that they are here by.
        let mut mandatory = None;
        let mut verdicts = BTreeMap::new();
        for (speaker, _) in found.words.iter().filter(|(_, word)| word.distance == distance) {
            heard.insert(*speaker);
            for subject in self.keeps_out(*speaker) {
                if *subject == self.root || out.contains_key(subject) {
                    continue;
                }
                let here_by_them = found.leads_through(*speaker, *subject)
                    && mandatory
                        .get_or_insert_with(|| self.mandatory(out))
                        .get(speaker)
                        .is_some_and(|needed| needed.contains(subject));
                if !here_by_them {
                    verdicts.entry(*subject).or_insert(*speaker);
                }
            }
        }
        verdicts
    }
}
