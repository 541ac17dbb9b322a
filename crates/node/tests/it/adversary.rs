//! Everything that went wrong in an earlier system of this kind, and everything that its protocol let an attacker do: one
//! test each, of a node whose members follow from vouchers. `defects` holds M1 to M19, `weaknesses` P1 to P15.

pub(crate) mod attacker;
mod defects;
mod news;
mod weaknesses;
