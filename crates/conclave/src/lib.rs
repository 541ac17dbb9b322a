//! An end-to-end encrypted, members-only network of actors.
//!
//! A node is known by its key; you get in because a member has added your card; a stranger gets silence. This crate
//! gathers the layers under one name: each is a module here and a crate of its own, and the handful of types that a
//! first program needs stands at the front. The program `conclave` is built from the feature `program`, which is on
//! by default; a library user turns it off.
//!
//! An actor is a task that reads an [`Inbox`]. Others speak with it by its [`Address`], found by name or received inside a
//! message, wherever it runs:
//!
//! ```
//! use std::time::Duration;
//!
//! use conclave::{Address, Allow, Inbox, Message, ReplyTo, Schema};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! enum Till {
//!     Put(u64),
//!     Sum(ReplyTo<u64>),
//!     Watch(Address<Sale>),
//! }
//! impl Message for Till {
//!     const SCHEMA: Schema = Schema::new("shop.till/1");
//! }
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Sale(u64);
//! impl Message for Sale {
//!     const SCHEMA: Schema = Schema::new("shop.sale/1");
//! }
//!
//! async fn till(mut inbox: Inbox<Till>) {
//!     let (mut sum, mut watchers) = (0, Vec::<Address<Sale>>::new());
//!     while let Some(message) = inbox.recv().await {
//!         match message {
//!             Till::Put(amount) => {
//!                 sum += amount;
//!                 // Who is not there any more, or does not keep up, misses it.
//!                 watchers.retain(|watcher| watcher.try_send(Sale(amount)).is_ok());
//!             }
//!             Till::Sum(reply) => reply.send(sum),
//!             Till::Watch(watcher) => watchers.push(watcher),
//!         }
//!     }
//! }
//!
//! # use conclave::{Card, Device, DeviceKey, Door, Identity, Node, Record, UnixSeconds};
//! # async fn somebody() -> Result<(Node, Card), Box<dyn std::error::Error>> {
//! #     let mut rng = rand::rng();
//! #     let (identity, key, door) = (Identity::generate(&mut rng), DeviceKey::generate(&mut rng)?, Door::generate(&mut rng));
//! #     let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
//! #     let device = Device::new(key, record.clone())?;
//! #     let node = Node::builder().device(device).door(door.clone()).listen("127.0.0.1:0".parse()?).spawn().await?;
//! #     let address = node.local_addresses()[0].to_string().parse()?;
//! #     Ok((node, Card::new(vec![record], door, vec![address], None)?))
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let ((shop, shops_card), (customer, customers_card)) = (somebody().await?, somebody().await?);
//! # shop.add_member(&customers_card)?;
//! # customer.add_member(&shops_card)?;
//! // At one node:
//! shop.serve("till", Allow::Members, till)?;
//!
//! // At another:
//! let till: Address<Till> = customer.service(shop.identity(), "till").await?;
//! let (sales, mut inbox) = customer.mailbox::<Sale>();
//! till.send(Till::Watch(sales)).await?;
//! till.send(Till::Put(7)).await?;
//! assert_eq!(till.ask(Till::Sum, Duration::from_secs(1)).await?, 7);
//! assert_eq!(inbox.recv().await, Some(Sale(7)));
//! # Ok(()) }
//! ```
//!
//! Below actors there are streams of messages, small or as large as the disk. Two nodes in one process, from their keys to
//! one message:
//!
//! ```
//! use conclave::{Card, Device, DeviceKey, Door, Identity, Node, Record, StreamName, StreamOptions, UnixSeconds};
//! # use rand::rngs::ThreadRng;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let person = |rng: &mut ThreadRng| -> Result<_, Box<dyn std::error::Error>> {
//!     let (identity, key, door) = (Identity::generate(rng), DeviceKey::generate(rng)?, Door::generate(rng));
//!     let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
//!     Ok((Device::new(key, record.clone())?, record, door))
//! };
//! let (alice, alice_record, alice_door) = person(&mut rand::rng())?;
//! let (bob, bob_record, bob_door) = person(&mut rand::rng())?;
//!
//! let bob = Node::builder().device(bob).door(bob_door.clone()).listen("127.0.0.1:0".parse()?).spawn().await?;
//! let alice = Node::builder().device(alice).door(alice_door.clone()).spawn().await?;
//! let address = bob.local_addresses()[0].to_string().parse()?;
//! alice.add_member(&Card::new(vec![bob_record], bob_door, vec![address], None)?)?;
//! bob.add_member(&Card::new(vec![alice_record], alice_door, vec![], None)?)?;
//!
//! let name = StreamName::new("greetings").ok_or("not a name")?;
//! let mut greetings = bob.receiver(name.clone())?;
//! alice.sender(bob.identity(), name, StreamOptions::default()).send("Hello, Bob").await?;
//! let greeting = greetings.recv().await.ok_or("bob has gone")?;
//! assert_eq!(greeting.from, alice.identity());
//! assert_eq!(greeting.body.collect(100).await?, "Hello, Bob");
//! # Ok(()) }
//! ```

pub use actor_proxy;
pub use chunk_proto;
pub use endpoint;
pub use link;
pub use membership;
pub use membership::{
    Card, DeviceKey, Door, Identity, IdentityKey, Member, MemberId, Members, NetAddress, Petname, Record,
    UnixSeconds,
};
pub use node;
pub use node::{
    ActorSendError, Address, Allow, AskError, Blob, Body, CallError, Compression, Device, Echo, Ended,
    Format, Inbox, Incoming, Limits, LookupError, Message, Node, NodeId, Origin, Outgoing, Payload, Priority,
    Receiver, ReplyTo, Request, Route, Run, Schema, Sender, ServeError, ServiceError, ServiceInfo,
    ServiceName, ServiceOptions, SmallMessages, StreamName, StreamOptions, Unreachable, Untyped,
};
pub use secure_channel;
pub use selfsync_codec;
pub use x3dh_handshake;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
