//! The keys of one session: sealed packets in any order, replay windows, epochs, rekey.
