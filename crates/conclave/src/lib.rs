//! An end-to-end encrypted, members-only network of actors.
//!
//! A node is known by its key; you get in because a member has added your card; a stranger gets silence. This crate
//! gathers the layers under one name: each is a module here and a crate of its own, and the handful of types that a
//! first program needs stands at the front. The program `conclave` is built from the feature `program`, which is on
//! by default; a library user turns it off.
//!
//! Two nodes in one process, one message:
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
    Body, Compression, Device, Incoming, Limits, Node, Outgoing, Priority, Receiver, Sender, StreamName,
    StreamOptions,
};
pub use secure_channel;
pub use selfsync_codec;
pub use x3dh_handshake;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
