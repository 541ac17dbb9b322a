//! The program as its users meet it: real processes in temporary homes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, missing_docs)]

mod conversation;
mod demo;
mod doctor;
mod files;
mod home;
mod manual;
mod members;
mod nodes;
mod passphrase;
mod played;
mod recovery;
mod services;
mod story;
mod support;
mod talk;
mod terminal;
mod wire;
