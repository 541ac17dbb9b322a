//! Self-synchronizing frames in a byte stream: consistent overhead word stuffing.
