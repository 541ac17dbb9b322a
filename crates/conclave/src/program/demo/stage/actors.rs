//! The steps with actors: carol, in the process of the demonstration, and the desks of alice and bob in theirs.

use std::time::Instant;

use node::{ActorSendError, Address, Ended, Inbox, Message, Origin, Route};

use super::super::desk::{DESK, Desk, Note, Overheard};
use super::super::guest::{Guest, ask, write};
use super::{Failure, Kind, Stage, millis_since, tell};

const GREETING: &str = "a demonstration note for carol";
const HANDED_ON: &str = "a demonstration note for whoever it is";

impl Stage<'_> {
    /// What addresses can do between three processes, and what they say when one of these is killed.
    pub(super) async fn actors(&mut self) -> Result<(), Failure> {
        self.search.add_talk(&[GREETING, HANDED_ON, DESK])?;
        let started = Instant::now();
        let (carol, guest) =
            self.carol.take().ok_or_else(|| Failure::new(Kind::Broken, "carol is missing"))?;
        let desk = guest.desk(&self.bob).await?;
        if !matches!(desk.route(), Route::Direct(node) if self.bob.is(&node.member)?) {
            return broken(format!("the desk of bob is not at bob: {:?}", desk.route()));
        }
        let detail =
            format!("carol, in a third process, found `{DESK}` of bob, of the schema that her type has");
        tell(self.output, "an actor found by its name", detail, started);

        self.answer(&guest, &desk).await?;
        self.return_home(&guest, &desk).await?;
        self.hand_on(&guest, &desk).await?;
        self.kill(&guest, &desk).await?;
        self.carol = Some((carol, guest));
        Ok(())
    }

    /// An address travels to bob inside a message, and bob answers through it.
    async fn answer(&mut self, guest: &Guest, desk: &Address<Desk>) -> Result<(), Failure> {
        let started = Instant::now();
        let (address, mut inbox) = guest.node().mailbox();
        write(desk, &address, GREETING).await?;
        let (note, origin) = next(&mut inbox).await?;
        match origin {
            Origin::Node(node) if note.text == GREETING && self.bob.is(&node.member)? => {}
            _ => return broken(format!("carol heard {:?} from {origin:?}", note.text)),
        }
        let detail = "carol sent one to bob inside a message, and bob wrote to her through it".to_owned();
        tell(self.output, "an address inside a message", detail, started);
        Ok(())
    }

    /// An address that went to bob and back is no way through bob, but the actor itself.
    async fn return_home(&mut self, guest: &Guest, desk: &Address<Desk>) -> Result<(), Failure> {
        let started = Instant::now();
        let (original, mut inbox) = guest.node().mailbox::<Note>();
        let address = original.clone();
        let returned = ask(desk, |reply| Desk::Return { address, reply }).await?;
        if returned != original || returned.route() != Route::Here {
            return broken(format!("{returned:?} came back, by {:?}", returned.route()));
        }
        let sent = returned.send(Note { text: GREETING.to_owned() }).await;
        sent.map_err(|error| Failure::new(Kind::Broken, format!("it is not carol's: {error}")))?;
        if next(&mut inbox).await?.1 != Origin::Here {
            return broken("a message to a returned address left the process".to_owned());
        }
        let detail = "bob gave carol's back: it equals the original, and its messages stay in her process";
        tell(self.output, "an address that comes home", detail.to_owned(), started);
        Ok(())
    }

    /// Carol gives bob the address of an actor of alice; bob speaks with alice directly.
    async fn hand_on(&mut self, guest: &Guest, desk: &Address<Desk>) -> Result<(), Failure> {
        let started = Instant::now();
        let (listener, mut overheard) = guest.node().mailbox::<Overheard>();
        let scribe = ask(&guest.desk(&self.alice).await?, |reply| Desk::Hire { listener, reply }).await?;
        write(desk, &scribe, HANDED_ON).await?;
        let (heard, origin) = next(&mut overheard).await?;
        match origin {
            Origin::Node(node)
                if heard.text == HANDED_ON && self.alice.is(&node.member)? && self.bob.is(&heard.from)? => {}
            _ => return broken(format!("{:?} told of {:?}", origin, heard.text)),
        }
        let detail = "carol gave bob one of alice's actors: bob wrote to it, without carol in between";
        tell(self.output, "an address handed on", detail.to_owned(), started);
        Ok(())
    }

    /// Bob's process is killed: whoever watches one of its actors is told.
    async fn kill(&mut self, guest: &Guest, desk: &Address<Desk>) -> Result<(), Failure> {
        let started = Instant::now();
        let (listener, _overheard) = guest.node().mailbox::<Overheard>();
        let scribe = ask(desk, |reply| Desk::Hire { listener, reply }).await?;
        let watched = scribe.clone();
        let watch = tokio::spawn(async move { watched.ended().await });
        let killed = Instant::now();
        self.bob_up.kill().await?;
        let ended = watch.await.map_err(|error| Failure::new(Kind::Broken, error.to_string()))?;
        if !matches!(ended, Ended::Unreachable(_)) {
            return broken(format!("a killed process ended its actors with: {ended}"));
        }
        let noticed = millis_since(killed);

        let (bob_up, bob_address) = self.bob.up(self.to_bob.address()).await?;
        self.to_bob.lead_to(bob_address);
        (self.bob_up, self.bob_address) = (bob_up, bob_address);
        guest.desk(&self.bob).await?;
        let stale = scribe.send(Note { text: GREETING.to_owned() }).await;
        if stale != Err(ActorSendError::Ended(Ended::Restarted)) {
            return broken(format!("an actor of a killed process took a message: {stale:?}"));
        }
        let detail = format!(
            "SIGKILL for bob: carol's watch on his actor fired after {noticed} ms; started again, his desk is \
             found, and addresses of before say that he was restarted"
        );
        tell(self.output, "a process that is killed", detail, started);
        Ok(())
    }
}

async fn next<M: Message>(inbox: &mut Inbox<M>) -> Result<(M, Origin), Failure> {
    let message = inbox.recv_from().await;
    message.ok_or_else(|| Failure::new(Kind::Broken, "nobody has the address any more"))
}

fn broken<T>(what: String) -> Result<T, Failure> {
    Err(Failure::new(Kind::Broken, what))
}
