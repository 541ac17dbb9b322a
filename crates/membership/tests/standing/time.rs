//! Dates only take away.

use membership::{Policy, Revocation, Revoked, Settled, Standing, Statement, UnixSeconds};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::pool::{NOW, Pool, date, directory, people, revoke, settled, vouch_until};

#[test]
fn a_voucher_holds_to_its_last_second_and_a_chain_as_long_as_its_weakest() {
    let [me, ann, bob] = &people(3)[..] else { unreachable!() };
    let said = directory([vouch_until(me, ann, 1, NOW + 5), vouch_until(ann, bob, 0, NOW + 9)]);
    let at = |seconds| Settled::new(&said, &Policy::of(me.key()), date(seconds));
    let until = date(NOW + 5);
    assert_eq!(at(NOW + 5).standing(&bob.key()), Standing::Member { by: ann.key(), until });
    assert_eq!(at(NOW + 6).standing(&bob.key()), Standing::Expired);
    assert_eq!(at(NOW).next_change(), Some(date(NOW + 6)));
    assert_eq!(at(NOW + 6).next_change(), None);
}

#[test]
fn a_voucher_to_the_end_of_dates_does_not_end() {
    let [me, ann] = &people(2)[..] else { unreachable!() };
    let world = settled(me, [vouch_until(me, ann, 1, UnixSeconds::MAX.seconds())]);
    assert_eq!(world.next_change(), None);
}

#[test]
fn a_revocation_keeps_its_weight_when_the_one_who_made_it_has_expired() {
    let [me, ann, bob] = &people(3)[..] else { unreachable!() };
    let said = [vouch_until(me, ann, 1, NOW - 1), vouch_until(me, bob, 0, NOW + 9), revoke(ann, bob)];
    let world = settled(me, said);
    assert_eq!(world.standing(&bob.key()), Standing::Revoked { by: ann.key() });
    assert_eq!(world.standing(&ann.key()), Standing::Expired);
    assert!(world.is_heard(&ann.key()) && !world.word_counts(&ann.key()));
}

#[test]
fn tomorrow_nobody_is_in_who_is_not_in_today() {
    let pool = Pool::new(5);
    for seed in 0..3_000 {
        let said = directory(pool.history(24, &mut StdRng::seed_from_u64(seed)));
        let at = |seconds| Settled::new(&said, &Policy::of(pool.keys[0]), date(seconds));
        let mut before = at(NOW);
        for seconds in NOW..NOW + 33 {
            let world = at(seconds);
            assert!(world.revoked().eq(before.revoked()), "history {seed}: dates keep nobody out or in");
            let stays = |who| before.reach(who).is_some();
            assert!(world.members().all(|(who, _)| stays(who)), "history {seed}, second {seconds}");
            if before.next_change().is_none_or(|change| date(seconds) < change) {
                assert!(world.members().eq(before.members()), "history {seed}: a change untold");
            }
            before = world;
        }
    }
}

/// Nobody's introduction brings back whom the root keeps out, whatever else is said.
#[test]
fn whom_the_root_keeps_out_stays_out() {
    let pool = Pool::new(5);
    let people = people(5);
    for seed in 0..10_000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let subject = rng.random_range(1..5);
        let about = Revoked::Member(people[subject].key());
        let last = Statement::Revocation(Revocation::issue(&people[0], about, 9).unwrap());
        let said = directory(pool.history(24, &mut rng).into_iter().chain([last]));
        let standing =
            Settled::new(&said, &Policy::of(pool.keys[0]), date(NOW)).standing(&pool.keys[subject]);
        assert_eq!(standing, Standing::Revoked { by: pool.keys[0] }, "history {seed}");
    }
}

/// One more revocation by somebody who is heard lets nobody in but by taking somebody's word away: somebody is out no
/// more, of those whom others than the root keep out.
#[test]
fn one_more_revocation_lets_in_only_whom_the_silenced_kept_out() {
    let pool = Pool::new(5);
    let people = people(5);
    let (mut grown, mut strict) = (0, 0);
    for seed in 0..20_000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let said = directory(pool.history(24, &mut rng));
        let policy = Policy::of(pool.keys[0]);
        let before = Settled::new(&said, &policy, date(NOW));
        let (speaker, subject) = (rng.random_range(0..5), rng.random_range(0..5));
        if speaker == subject || !before.is_heard(&pool.keys[speaker]) {
            continue;
        }
        let more = Revocation::issue(&people[speaker], Revoked::Member(pool.keys[subject]), 9).unwrap();
        let mut after = said.clone();
        after.merge(Statement::Revocation(more)).unwrap();
        let after = Settled::new(&after, &policy, date(NOW));
        let freed: Vec<_> =
            before.revoked().filter(|(who, _)| !after.revoked().any(|(out, _)| out == *who)).collect();
        let only_the_root_has_revoked = said.revocations().all(|it| it.issuer() == pool.keys[0]);
        let newcomer = after.members().any(|(who, _)| before.reach(who).is_none());
        assert!(freed.iter().all(|(_, by)| **by != pool.keys[0]), "history {seed}");
        assert!(!newcomer || !freed.is_empty(), "history {seed}");
        assert!(!newcomer || !only_the_root_has_revoked, "history {seed}");
        grown += usize::from(newcomer);
        strict += usize::from(!newcomer);
    }
    assert!(grown > 0 && strict > 5_000, "both cases happen: {grown}, {strict}");
}
