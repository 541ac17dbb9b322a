//! Addresses of this node's own actors without their type.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::task::Waker;

use crate::body::Format;
use crate::ended::Ended;
use crate::error::SendError;
use crate::node_id::{ActorId, NodeId};
use crate::parcel::{Parcel, Received};
use crate::peer::Peer;
use crate::run::Run;
use crate::schema::Schema;
use crate::slot::Slot;
use crate::table::Tag;

/// Tells when a message that waits for room is in the mailbox.
pub(crate) type LinePlace = Arc<Slot<Result<(), SendError>>>;

/// What an address without its type can do with a mailbox.
pub(crate) trait AnyMailbox: Send + Sync {
    fn schema(&self) -> Schema;
    fn format(&self) -> Format;
    fn is_direct_only(&self) -> bool;
    /// Whether [`permits`](Self::permits) may say no, and runs the user's code: not under a lock.
    fn is_guarded(&self) -> bool;
    /// Whether this node may send there now.
    fn permits(&self, node: &NodeId) -> bool;
    fn id(&self) -> ActorId;
    /// Puts a parcel in. `Err` gives it back: the actor has ended.
    fn deliver(&self, received: Received) -> Result<Option<Waker>, (Box<Received>, Ended)>;
    /// The same for several.
    fn deliver_run(&self, run: Run) -> Result<Option<Waker>, Ended>;
    /// Reads a message of this node and puts it in. With a slot it stands in the line, and the slot tells when it is in.
    fn take_in(&self, parcel: Parcel) -> Result<Option<LinePlace>, SendError>;
    /// Takes a message out of the line again.
    fn leave_line(&self, place: &LinePlace);
    fn ended(&self) -> Option<Ended>;
    /// Ends it for everybody. The first reason counts.
    fn end(&self, why: Ended);
    /// `peer` is to be told when it ends. `Err`: it has.
    fn tell(&self, peer: Weak<Peer>, tag: Tag) -> Result<(), Ended>;
    /// `peer` need not be told any more.
    fn forget(&self, peer: &Arc<Peer>, tag: Tag);
    fn address_added(&self);
    /// `false`: there was none left to be added to.
    fn address_found(&self) -> bool;
    fn address_dropped(&self);
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// An address of an actor of this node. The actor hears when the last one is gone.
pub(crate) struct LocalAddress(Arc<dyn AnyMailbox>);

impl LocalAddress {
    pub(crate) fn new(mailbox: Arc<dyn AnyMailbox>) -> Self {
        mailbox.address_added();
        Self(mailbox)
    }

    /// Another address of an actor.
    pub(crate) fn of<M: AnyMailbox + 'static>(mailbox: &Arc<M>) -> Self {
        let mailbox = Arc::clone(mailbox);
        Self::new(mailbox)
    }

    /// Finds an actor that somebody still has an address of. `Err`: the mailbox, which may be the last reference to it.
    pub(crate) fn find(mailbox: &Weak<dyn AnyMailbox>) -> Result<Self, Option<Arc<dyn AnyMailbox>>> {
        let mailbox = mailbox.upgrade().ok_or(None)?;
        if mailbox.address_found() { Ok(Self(mailbox)) } else { Err(Some(mailbox)) }
    }

    pub(crate) fn mailbox(&self) -> &dyn AnyMailbox {
        &*self.0
    }

    pub(crate) fn share(&self) -> Arc<dyn AnyMailbox> {
        Arc::clone(&self.0)
    }

    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>().addr()
    }
}

impl Clone for LocalAddress {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for LocalAddress {
    fn drop(&mut self) {
        self.0.address_dropped();
    }
}
