//! What a receiver makes of the segments it gets: pure decisions, and the thread that carries them out on the disk.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::content::ContentHash;
use super::message::Refusal;
use super::partial::{Partial, refusal};
use super::segment::SegmentHeader;

/// Pieces between the network and the disk.
pub(crate) const QUEUE_PIECES: usize = 8;

/// How a segment fits on what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It follows.
    GoOn,
    /// It is the beginning: what is there is from another file.
    StartOver,
}

/// Decides about a segment: `there` bytes are there, of `total`.
pub(crate) fn step(header: &SegmentHeader, there: u64, total: u64) -> Result<Step, Refusal> {
    let end =
        header.offset.checked_add(header.length).filter(|&end| end <= total).ok_or(Refusal::OutOfStep)?;
    // Only the end of the file may come without content, or a peer could keep us busy with nothing.
    if header.length == 0 && end != total {
        return Err(Refusal::OutOfStep);
    }
    match header.offset {
        offset if offset == there => Ok(Step::GoOn),
        0 => Ok(Step::StartOver),
        _ => Err(Refusal::OutOfStep),
    }
}

/// What goes to the disk for one segment.
#[derive(Debug)]
pub(crate) enum Job {
    StartOver,
    Content(Bytes),
    /// Everything so far must have this hash.
    Check(ContentHash),
}

/// Carries out the jobs of one segment; runs on a thread for blocking work. Gives the file back whatever happens.
pub(crate) fn write(mut partial: Partial, mut jobs: mpsc::Receiver<Job>) -> (Partial, Result<(), Refusal>) {
    while let Some(job) = jobs.blocking_recv() {
        let done = match job {
            Job::StartOver => partial.start_over().map_err(|error| refusal(&error)),
            Job::Content(bytes) => partial.write(&bytes).map_err(|error| refusal(&error)),
            Job::Check(hash) if partial.hash().so_far() == hash => Ok(()),
            // Whatever is wrong with it cannot be told apart from the rest: all of it goes.
            Job::Check(_) => {
                partial.start_over().map_err(|error| refusal(&error)).and(Err(Refusal::WrongHash))
            }
        };
        if done.is_err() {
            return (partial, done);
        }
    }
    (partial, Ok(()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::content::RunningHash;
    use super::super::message::TransferId;
    use super::super::partial::PartialName;
    use super::*;

    fn header(offset: u64, length: u64) -> SegmentHeader {
        SegmentHeader { transfer: TransferId::from_bytes([0; 16]), offset, length }
    }

    #[test]
    fn a_segment_goes_on_or_starts_over_or_is_refused() {
        assert_eq!(step(&header(0, 5), 0, 10), Ok(Step::GoOn));
        assert_eq!(step(&header(5, 5), 5, 10), Ok(Step::GoOn));
        assert_eq!(step(&header(10, 0), 10, 10), Ok(Step::GoOn));
        assert_eq!(step(&header(0, 0), 0, 0), Ok(Step::GoOn));
        assert_eq!(step(&header(0, 5), 5, 10), Ok(Step::StartOver));
        for (offset, length, there) in
            [(4, 5, 5), (6, 4, 5), (5, 6, 5), (11, 0, 10), (5, 0, 5), (0, 0, 5), (u64::MAX, 1, 5)]
        {
            assert_eq!(
                step(&header(offset, length), there, 10),
                Err(Refusal::OutOfStep),
                "{offset} {length} {there}"
            );
        }
    }

    proptest! {
        #[test]
        fn accepted_segments_never_leave_a_gap_or_pass_the_end(
            offset: u64, length: u64, there in 0..1_000_u64, more in 0..1_000_u64,
        ) {
            let total = there + more;
            if let Ok(step) = step(&header(offset, length), there, total) {
                let start = if step == Step::GoOn { there } else { 0 };
                prop_assert_eq!(start, offset);
                prop_assert!(offset + length <= total);
            }
        }
    }

    fn run(folder: &Path, jobs: Vec<Job>) -> (Partial, Result<(), Refusal>) {
        let name = PartialName { member: [1; 8], key: [2; 16] };
        let partial = Partial::open(folder, name).unwrap().unwrap();
        let (sender, receiver) = mpsc::channel(100);
        for job in jobs {
            sender.try_send(job).unwrap();
        }
        drop(sender);
        write(partial, receiver)
    }

    fn hash(bytes: &[u8]) -> ContentHash {
        let mut hash = RunningHash::new();
        hash.update(bytes);
        hash.so_far()
    }

    #[test]
    fn a_wrong_hash_throws_everything_away() {
        let folder = tempfile::tempdir().unwrap();
        let content = |bytes: &'static [u8]| Job::Content(Bytes::from_static(bytes));
        let good =
            vec![content(b"old"), Job::StartOver, content(b"ab"), Job::Check(hash(b"ab")), content(b"c")];
        let (partial, result) = run(folder.path(), good);
        assert_eq!((result, partial.hash().so_far()), (Ok(()), hash(b"abc")));
        drop(partial);
        let (partial, result) =
            run(folder.path(), vec![Job::StartOver, content(b"ab"), Job::Check(hash(b"aB"))]);
        assert_eq!((result, partial.hash().bytes()), (Err(Refusal::WrongHash), 0));
        assert_eq!(partial.rest().unwrap(), 0);
    }
}
