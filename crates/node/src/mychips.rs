//! The MyCHIPs profile: connections with foreign implementations of what the MyCHIPs project describes, at an address of
//! their own (`docs/PROTOCOL.md` §14). Off unless [asked for](crate::Builder::mychips).
//!
//! Nothing of it touches the sessions of the node but who is a member: an *agent* comes in if its id is the identity of
//! a [member](crate::Node::vouch), by the key that the handshake has proven, and for as long as it is one; or by a
//! [ticket](crate::Node::invite), which makes it one. Each connection is a [`Connection`], at either end: whole messages
//! of bytes, in order, up to the moment at which [`recv`](Connection::recv) says why nothing more will come.
//!
//! ```no_run
//! # async fn example(builder: node::Builder, seed: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
//! use node::mychips::{AgentSecret, Config};
//!
//! let config = Config::new(AgentSecret::from_seed(&seed)?);
//! let node = builder.mychips(Some("0.0.0.0:65430".parse()?), config).spawn().await?;
//! let listener = node.mychips_listener().ok_or("somebody else listens")?;
//! listener.serve(|received| async move { Some([b"heard: ", &received.body[..]].concat()) }).await;
//! # Ok(())
//! # }
//! ```

mod admission;
mod book;
mod connection;
mod dial;
mod driver;
mod error;
mod hub;
mod listener;
mod stream;

pub use connection::{Connection, Sender};
pub use dial::Call;
pub use error::{CallError, Ended, SendError};
pub use hub::Config;
pub(crate) use hub::{Hub, Surroundings, listen};
pub use listener::{Listener, Received};
pub use x3dh_handshake::mychips::{AgentSecret, End, Limits, Reason, Token, static_key_of};

/// The service that an agent must be allowed to use, by its voucher and the policy.
pub const SERVICE: &str = "mychips";
