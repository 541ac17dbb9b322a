//! Many at once: how often the disk is waited for, and who wins.

use std::time::Duration;

use node::store::{Batch, Store, StoreError, Table};

use super::disk::{Disk, Event, Fault, apply};
use super::workload::contents;

/// What a sync of a usual disk takes.
const SYNC: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_commits_at_once_cost_few_syncs() {
    let disk = Disk::new(1);
    let store = disk.store().unwrap();
    disk.set_sync_takes(SYNC);
    let before = disk.syncs();
    let commits: Vec<_> = (0..1_000_u32)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                batch.put(Table::Seen, &number.to_be_bytes(), b"record");
                store.commit(batch).await
            })
        })
        .collect();
    for commit in commits {
        commit.await.unwrap().unwrap();
    }
    let syncs = disk.syncs() - before;
    assert!(syncs <= 100, "{syncs} syncs for 1,000 commits");
    assert_eq!(contents(&store).unwrap().len(), 1_000);
    drop(store);
    assert_eq!(contents(&Disk::with_contents(disk.stable(), 1).store().unwrap()).unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_who_redeem_one_ticket_one_wins() {
    for round in 0..5 {
        let store = Store::in_memory().unwrap();
        let id = [round; 16];
        let mut issue = Batch::new();
        issue.put_ticket(&id, b"issued");
        store.commit(issue).await.unwrap();
        let races: Vec<_> = (0..1_000_u32)
            .map(|racer| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut batch = Batch::new();
                    batch.expect_ticket(&id, Some(b"issued")).remove_ticket(&id);
                    batch.put(Table::Statements, &racer.to_be_bytes(), b"voucher");
                    store.commit(batch).await
                })
            })
            .collect();
        let mut winners = Vec::new();
        for (racer, race) in races.into_iter().enumerate() {
            match race.await.unwrap() {
                Ok(()) => winners.push(racer as u32),
                Err(error) => assert!(matches!(error, StoreError::Conflict { table: Table::Tickets })),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(store.snapshot().ticket(&id).unwrap(), None);
        let vouchers: Vec<_> = store.snapshot().entries(Table::Statements, &[]).unwrap().collect();
        assert_eq!(vouchers.len(), 1);
        assert_eq!(vouchers[0].as_ref().unwrap().0, winners[0].to_be_bytes(), "the voucher of the winner");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_fails_does_not_touch_the_others_of_its_group() {
    let disk = Disk::new(2);
    let store = disk.store().unwrap();
    disk.set_sync_takes(5 * SYNC);
    let batches = (0..200_u32).map(|number| {
        let mut batch = Batch::new();
        batch.put(Table::Seen, &number.to_be_bytes(), b"record");
        if number % 2 == 1 {
            batch.expect(Table::Tickets, b"none", Some(b"one"));
        }
        (number, store.commit(batch))
    });
    let commits: Vec<_> = batches.collect();
    let outcomes = futures_in_order(commits).await;
    for (number, outcome) in &outcomes {
        assert_eq!(outcome.is_ok(), number % 2 == 0, "{number}: {outcome:?}");
    }
    let found = contents(&store).unwrap();
    assert_eq!(found.len(), 100);
    assert!(found.keys().all(|(_, key)| key[3] % 2 == 0));
}

/// Runs all of them at once.
async fn futures_in_order<T>(futures: Vec<(u32, impl Future<Output = T>)>) -> Vec<(u32, T)> {
    let mut futures: Vec<_> =
        futures.into_iter().map(|(number, future)| (number, Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        for (_, future, outcome) in &mut futures {
            if outcome.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *outcome = Some(ready);
            }
        }
        if futures.iter().any(|(_, _, outcome)| outcome.is_none()) {
            return std::task::Poll::Pending;
        }
        let outcomes = std::mem::take(&mut futures);
        let done = outcomes.into_iter().filter_map(|(number, _, outcome)| Some((number, outcome?)));
        std::task::Poll::Ready(done.collect())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_to_every_batch_of_the_group() {
    let disk = Disk::new(3);
    let store = disk.store().unwrap();
    disk.set_sync_takes(5 * SYNC);
    disk.set_fault(Some(Fault::WritesFrom(0)));
    let commits: Vec<_> = (0..100_u32)
        .map(|number| {
            let mut batch = Batch::new();
            batch.put(Table::Seen, &number.to_be_bytes(), b"record");
            (number, store.commit(batch))
        })
        .collect();
    for (number, outcome) in futures_in_order(commits).await {
        assert!(
            matches!(outcome, Err(StoreError::Failed { maybe_kept: false, .. })),
            "{number}: {outcome:?}"
        );
    }
    assert!(contents(&store).unwrap().is_empty());
    disk.set_fault(None);
    let mut batch = Batch::new();
    batch.put(Table::Seen, b"key", b"record");
    store.commit(batch).await.unwrap();
    assert_eq!(contents(&store).unwrap().len(), 1);
}

/// Ten tasks write at once; whenever the power is cut, what any of them was told is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_under_many_writers_loses_nothing_that_was_acknowledged() {
    let disk = Disk::new(4);
    let store = disk.store().unwrap();
    disk.set_sync_takes(SYNC / 4);
    let writers: Vec<_> = (0..10_u8)
        .map(|writer| {
            let (store, disk) = (store.clone(), disk.clone());
            tokio::spawn(async move {
                for number in 0..20_u8 {
                    let mut batch = Batch::new();
                    batch.put(Table::Seen, &[writer, number, 0], &[1; 200]);
                    batch.put(Table::Statements, &[writer, number, 1], &[2; 100]);
                    store.commit(batch).await.unwrap();
                    disk.mark(usize::from(writer) * 256 + usize::from(number));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let log = disk.log();
    let (mut stable, mut unsynced, mut acknowledged) = (Vec::new(), Vec::new(), Vec::new());
    for event in &log {
        match event {
            Event::Mark(mark) => acknowledged.push([(*mark / 256) as u8, (*mark % 256) as u8]),
            Event::Sync => unsynced.drain(..).for_each(|event| apply(&mut stable, event)),
            Event::FailedSync(_) => panic!("no sync was to fail"),
            event => unsynced.push(event),
        }
        if matches!(event, Event::SetLen(_)) {
            continue;
        }
        let found = contents(&Disk::with_contents(stable.clone(), 1).store().unwrap()).unwrap();
        for [writer, number] in &acknowledged {
            assert!(found.contains_key(&(Table::Seen, vec![*writer, *number, 0])));
        }
        let (seen, statements): (Vec<_>, Vec<_>) = found.keys().partition(|(table, _)| *table == Table::Seen);
        let names = |keys: Vec<&(Table, Vec<u8>)>| {
            keys.into_iter().map(|(_, key)| key[..2].to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(names(seen), names(statements), "a batch is there as a whole or not at all");
    }
}
