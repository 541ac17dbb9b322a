//! The peer's actors from session to session: held again, or forgotten.

use super::aftermath::Aftermath;
use super::{Import, Link, State};
use crate::account::Allowance;
use crate::envelope::{Envelope, Offer, Shape};
use crate::proxy::Proxy;
use crate::table::{Handle, Tag, trim};

impl State {
    /// Somebody needs a session.
    pub(super) fn want(&mut self, after: &mut Aftermath) {
        if self.link == Link::Down && self.over.is_none() {
            self.link = Link::Wanted;
            after.wanted = true;
        }
    }

    pub(super) fn forget_import(&mut self, handle: Handle<Import>) {
        let Some(import) = self.imports.remove(handle) else { return };
        if self.import_ids.get(&import.id) == Some(&handle) {
            self.import_ids.remove(&import.id);
        }
        if let Some(tag) = import.tag {
            self.import_tags.remove(&tag);
        }
        trim(&mut self.import_ids);
        trim(&mut self.import_tags);
    }

    /// The live imports, to be held again in a new session.
    pub(super) fn live_imports(&self) -> Vec<Handle<Import>> {
        let live = |(handle, import): (Handle<Import>, &Import)| {
            let lives = import.proxy.strong_count() > 0 || import.waiting() > 0;
            (lives && import.fate.is_none()).then_some(handle)
        };
        self.imports.iter().filter_map(live).collect()
    }

    /// Forgets what nobody needs, and lets the rest wait for the next session.
    pub(super) fn suspend_imports(&mut self) {
        let handles: Vec<_> = self.imports.iter().map(|(handle, _)| handle).collect();
        self.import_tags.clear();
        for handle in handles {
            let Some(import) = self.imports.get_mut(handle) else { continue };
            import.tag = None;
            import.receipts = 0;
            import.holds = 0;
            import.allowance = Allowance::default();
            import.is_parked = false;
            if import.proxy.strong_count() == 0 && import.waiting() == 0 {
                self.forget_import(handle);
            }
        }
        self.parked.clear();
    }

    /// The peer has said how it calls an import in this session. What nobody wants any more is released.
    pub(super) fn resume_import(&mut self, offer: &Offer) -> Option<Handle<Import>> {
        let handle = self.import_ids.get(&offer.id).copied();
        let import = handle.and_then(|handle| self.imports.get_mut(handle));
        let holds = import.and_then(|import| {
            import.holds = import.holds.checked_sub(1)?;
            Some(())
        });
        let (Some(handle), Some(())) = (handle, holds) else {
            self.say(&Envelope::Release { tag: offer.tag, count: 1 });
            return None;
        };
        self.receipt(handle, offer.tag, offer.limit);
        Some(handle)
    }

    /// The peer has said itself what an actor of its is.
    pub(super) fn learn(&mut self, handle: Handle<Import>, proxy: &Proxy, shape: &Shape) {
        if let Some(import) = self.imports.get_mut(handle) {
            import.direct_only = Some(shape.direct_only);
        }
        proxy.reach.learn(shape.direct_only);
    }

    /// An address came, under the tag that the peer has for it.
    pub(super) fn receipt(&mut self, handle: Handle<Import>, tag: Tag, limit: u64) {
        let Some(import) = self.imports.get_mut(handle) else { return };
        match import.tag {
            Some(known) if known == tag => {
                import.receipts = import.receipts.saturating_add(1);
                import.allowance.raise(limit);
            }
            // A new one, or one that the peer forgot and made anew.
            known => {
                import.tag = Some(tag);
                import.receipts = 1;
                import.allowance = Allowance::new(limit);
                import.fate = None;
                known.map(|known| self.import_tags.remove(&known));
                self.import_tags.insert(tag, handle);
            }
        }
    }

    /// Asks the peer to keep what we have the address of.
    pub(super) fn say_hold(&mut self, handle: Handle<Import>) {
        if !self.is_greeted() {
            // The first words of a session name all that is held.
            return self.greet();
        }
        let Some(import) = self.imports.get_mut(handle) else { return };
        import.holds += 1;
        let id = import.id;
        self.say(&Envelope::Hold { id });
    }
}
