//! Prints the frozen test vectors, made anew: `cargo run -p x3dh-handshake --example handshake_vectors`.
//!
//! The values come from the second implementation in `tests/oracle/`, which follows `docs/PROTOCOL.md` line by line;
//! `tests/vectors.rs` holds the crate to them.

#[path = "../tests/oracle/mod.rs"]
mod oracle;

fn main() {
    println!("{:#}", serde_json::Value::from(oracle::document::document()));
}
