//! An end-to-end encrypted, members-only network of actors.
