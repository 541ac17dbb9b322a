//! Whole nodes, their network, their disks and their clocks in one thread: everything that happens follows from a seed.

mod actor;
mod air;
mod calm;
mod clock;
mod coverage;
mod disk;
mod entrance;
mod flow;
mod invariant;
mod ledger;
mod life;
mod machine;
mod member;
mod promise;
mod replay;
mod run;
mod trace;
mod traffic;
mod trouble;
mod workload;
mod world;

pub use coverage::Coverage;
pub use run::{Failure, Summary, run};
