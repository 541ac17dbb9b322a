//! What it costs to keep something: commits that wait for a disk one after the other, and many at once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use node::store::{Batch, Store, Table};
use tokio::runtime::Runtime;

/// A signed statement and its digest, about.
const VALUE: [u8; 300] = [7; 300];

/// Commits that are under way at once.
const AT_ONCE: u32 = 1_000;

/// A batch that puts one value in, under one of ten thousand keys.
fn batch(number: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(Table::Statements, &(number % 10_000).to_be_bytes(), &VALUE);
    batch
}

/// Puts `AT_ONCE` values in, each in a batch of its own.
fn grouped(runtime: &Runtime, store: &Store) {
    runtime.block_on(async {
        let commits: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { store.commit(batch(number)).await })
            })
            .collect();
        for commit in commits {
            commit.await.unwrap().unwrap();
        }
    });
}

fn commits(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    // Where the build goes: a disk as a rule, where the folder for temporary files often is none.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let stores = [("disk", Store::open(folder.path()).unwrap()), ("memory", Store::in_memory().unwrap())];
    for (medium, store) in stores {
        let mut group = criterion.benchmark_group(format!("store/{medium}"));
        group.sample_size(10);
        group.throughput(Throughput::Elements(1));
        let mut number = 0;
        group.bench_function("commit, one after the other", |bencher| {
            bencher.iter(|| {
                number += 1;
                store.commit_blocking(batch(number)).unwrap();
            });
        });
        group.throughput(Throughput::Elements(u64::from(AT_ONCE)));
        group.bench_function("commit, a thousand at once", |bencher| {
            bencher.iter(|| grouped(&runtime, &store));
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function("snapshot and get", |bencher| {
            let key = 7_u32.to_be_bytes();
            bencher.iter(|| store.snapshot().get(Table::Statements, &key).unwrap());
        });
        group.finish();
    }
}

criterion_group!(benches, commits);
criterion_main!(benches);
