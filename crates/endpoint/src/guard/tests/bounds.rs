//! Rates, penalties, and the tables that hold them.

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;
use x3dh_handshake::cookie::COOKIE_SECRET_LIFETIME;

use super::{MILLISECOND, SECOND, guard, source};
use crate::HandshakeCause;
use crate::guard::bucket::{Bucket, Rate};
use crate::guard::cookies::{Cookies, Secrets};
use crate::guard::table::Table;
use crate::guard::{
    HOST_RATE, MAX_METERED_HOSTS, NETWORK_RATE, OFFENCE_RATE, Offence, PENALTY_BASE, PENALTY_CAP,
    PENALTY_MEMORY, Refusal,
};

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let start = Instant::now();
    let rate = Rate::per_second(10, 3);
    let mut bucket = Bucket::full(start);
    let taken = (0..10).filter(|_| bucket.take(start, 1, &rate)).count();
    assert_eq!(taken, 3);
    assert!(!bucket.take(start + 99 * MILLISECOND, 1, &rate));
    assert!(bucket.take(start + 100 * MILLISECOND, 1, &rate));
    assert!(!bucket.take(start + 100 * MILLISECOND, 1, &rate));
    // A long rest does not save up more than the burst.
    let later = start + 3_600 * SECOND;
    assert!(!bucket.has(later, 4, &rate) && bucket.take(later, 3, &rate) && !bucket.take(later, 1, &rate));
    let taken = (0..10_000).filter(|tick| bucket.take(later + *tick * MILLISECOND, 1, &rate)).count();
    assert_eq!(taken, 99, "ten seconds at ten a second, of which nothing was left at the start");
}

#[test]
fn a_host_and_a_network_are_held_to_their_rates() {
    let now = Instant::now();
    let mut subject = guard(now);
    let taken = (0..2 * HOST_RATE.burst).filter(|_| subject.enter(now, &source(1, 1)).is_ok()).count();
    assert_eq!(taken, usize::try_from(HOST_RATE.burst).unwrap());
    assert!(subject.enter(now, &source(1, 2)).is_ok(), "a neighbour is another host");
    assert!(subject.enter(now, &source(2, 1)).is_ok());
    // All hosts of one network together have no more than that.
    let mut subject = guard(now);
    let hosts = (0..4 * NETWORK_RATE.burst).map(|path| source(7, path % 256));
    let taken = hosts.filter(|host| subject.enter(now, host).is_ok()).count();
    assert_eq!(taken, usize::try_from(NETWORK_RATE.burst).unwrap());
    assert!(subject.enter(now, &source(8, 1)).is_ok());
}

#[test]
fn who_is_refused_for_the_network_keeps_the_rate_of_the_host() {
    let now = Instant::now();
    let mut guard = guard(now);
    for path in 0..NETWORK_RATE.burst {
        assert!(guard.enter(now, &source(7, 1 + path % 255)).is_ok());
    }
    assert_eq!(guard.enter(now, &source(7, 0)), Err(Refusal::TooOften(None)));
    let later = now + 2 * SECOND;
    let taken = (0..HOST_RATE.burst).filter(|_| guard.enter(later, &source(7, 0)).is_ok()).count();
    assert_eq!(taken, usize::try_from(HOST_RATE.burst).unwrap());
}

#[test]
fn offences_add_up_to_a_penalty_that_doubles_and_is_forgotten() {
    let mut now = Instant::now();
    let mut guard = guard(now);
    let sinner = source(1, 1);
    let forged = HandshakeCause::BadCookie;
    let mut expected = PENALTY_BASE;
    for _ in 0..8 {
        let penalties: Vec<_> = (0..5).filter_map(|_| guard.refused(now, &sinner, &forged)).collect();
        assert_eq!(penalties, [expected], "the fifth forgery is one too many");
        assert_eq!(guard.enter(now, &sinner), Err(Refusal::Penalized));
        assert_eq!(guard.report(now).penalized, 1);
        assert!(guard.enter(now, &source(1, 2)).is_ok(), "nobody else's");
        now += expected;
        assert!(guard.enter(now, &sinner).is_ok(), "over when it is over");
        expected = (2 * expected).min(PENALTY_CAP);
    }
    assert_eq!(expected, PENALTY_CAP);
    now += PENALTY_CAP + PENALTY_MEMORY;
    let penalties: Vec<_> = (0..5).filter_map(|_| guard.refused(now, &sinner, &forged)).collect();
    assert_eq!(penalties, [PENALTY_BASE]);
    assert_eq!(guard.report(now).penalties, 9);
}

#[test]
fn what_honest_neighbours_may_do_earns_nothing() {
    let now = Instant::now();
    let mut guard = guard(now);
    let nat = source(1, 1);
    let identity = x3dh_handshake::IdentityKey([1; 32]);
    let innocent = [
        HandshakeCause::WrongDoor,
        HandshakeCause::Suite,
        HandshakeCause::NotAMember(identity),
        HandshakeCause::Expired(identity),
        HandshakeCause::Replayed,
        HandshakeCause::TimedOut,
        HandshakeCause::TooOften(identity),
        HandshakeCause::MembersOnly(identity),
    ];
    for cause in innocent.iter().cycle().take(100_000) {
        assert_eq!(guard.refused(now, &nat, cause), None);
    }
    assert!(guard.enter(now, &nat).is_ok());
    let refused = guard.report(now).refused;
    assert_eq!((refused.wrong_door, refused.replayed, refused.not_a_member), (25_000, 12_500, 25_000));
}

#[test]
fn a_slow_scanner_is_not_punished_and_a_fast_one_is() {
    let start = Instant::now();
    let mut guard = guard(start);
    for second in 0..600 {
        let now = start + second * SECOND;
        assert_eq!(guard.refused(now, &source(1, 1), &HandshakeCause::Malformed), None);
    }
    let now = start + 600 * SECOND;
    let penalty = (0..100).find_map(|_| guard.refused(now, &source(1, 1), &HandshakeCause::Malformed));
    assert_eq!(penalty, Some(PENALTY_BASE));
}

#[test]
fn who_goes_on_beyond_the_rate_is_punished() {
    let now = Instant::now();
    let mut guard = guard(now);
    let refusals = HOST_RATE.burst + OFFENCE_RATE.burst;
    for _ in 0..refusals {
        assert!(!matches!(
            guard.enter(now, &source(1, 1)),
            Err(Refusal::Penalized | Refusal::TooOften(Some(_)))
        ));
    }
    assert_eq!(guard.enter(now, &source(1, 1)), Err(Refusal::TooOften(Some(PENALTY_BASE))));
    assert_eq!(guard.enter(now, &source(1, 1)), Err(Refusal::Penalized));
    assert_eq!(Offence::of(&HandshakeCause::WrongDoor), None);
}

#[test]
fn a_table_is_bounded_forgives_the_stalest_and_repeats_itself() {
    let start = Instant::now();
    let rate = Rate::per_second(1, 1_000);
    let run = || {
        let mut table: Table<u64, Bucket> = Table::new(MAX_METERED_HOSTS, [1, 2]);
        for key in 0..10_u64 {
            assert!(table.entry(key, Bucket::full(start)).take(start, 500, &rate));
        }
        // A hundred thousand others, none of which has taken as much.
        for key in 1_000..101_000_u64 {
            table.entry(key, Bucket::full(start)).take(start, 1, &rate);
        }
        let live = table.live(start).count();
        assert!(live <= MAX_METERED_HOSTS, "{live}");
        (0..101_000).filter(|key| table.get(key).is_some()).collect::<Vec<u64>>()
    };
    let kept = run();
    assert_eq!(kept[..10], (0..10).collect::<Vec<_>>(), "whoever has taken most is remembered longest");
    assert_eq!(kept, run());
}

#[test]
fn a_cookie_counts_for_two_lifetimes_of_its_secret_whatever_becomes_of_the_load() {
    let start = Instant::now();
    let mut rng = StdRng::seed_from_u64(9);
    let mut cookies = Cookies::default();
    let lifetime = COOKIE_SECRET_LIFETIME;
    let first = cookies.secrets(start, &mut rng)[0].clone();
    let counts =
        |secrets: &Secrets| secrets.iter().any(|secret| secret.dangerous_bytes() == first.dangerous_bytes());
    // The next one is drawn late, so that the two do not rotate in step.
    let late = start + 2 * lifetime - SECOND;
    let both = cookies.secrets(late, &mut rng);
    assert!(both.len() == 2 && counts(&both) && both[0].dangerous_bytes() != first.dangerous_bytes());
    assert!(counts(&cookies.drawn(late)));
    // Pressed or calm, the first has had its time when the second is young.
    let over = start + 2 * lifetime;
    assert!(!counts(&cookies.drawn(over)) && cookies.drawn(over).len() == 1);
    assert_eq!(cookies.secrets(over, &mut rng).len(), 1, "the second is fit to make cookies with");
    assert!(cookies.drawn(late + 2 * lifetime).is_empty(), "nothing counts for ever");
}
