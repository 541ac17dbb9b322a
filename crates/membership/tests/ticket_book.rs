//! The book of tickets: its rules one by one, and against a model that keeps lists.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use membership::{
    Error, Grant, IdentityKey, MAX_DEPTH, MAX_OPEN_TICKETS, MAX_TICKET_USES, Psk, Redemption, Scope,
    TicketBook, TicketId, TicketRefusal, TicketTerms,
};
use proptest::prelude::*;
use support::{NOW, date};

fn terms(uses_left: u16, expires: u64, bound: Option<IdentityKey>) -> TicketTerms {
    let grant = Grant { scope: Scope::default(), depth: 1, expires: date(NOW + 1_000_000) };
    TicketTerms { secret: Psk::from_bytes([0xa7; 32]), expires: date(expires), uses_left, bound, grant }
}

fn id(n: u16) -> TicketId {
    let mut id = [1; 16];
    id[..2].copy_from_slice(&n.to_le_bytes());
    TicketId(id)
}

fn who(n: u16) -> IdentityKey {
    let mut key = [2; 32];
    key[..2].copy_from_slice(&n.to_le_bytes());
    IdentityKey(key)
}

fn book_with(terms: TicketTerms) -> TicketBook {
    let mut book = TicketBook::default();
    book.issue(id(1), terms).unwrap();
    book
}

#[test]
fn of_a_thousand_who_race_one_comes_in() {
    let mut book = book_with(terms(1, NOW, None));
    let reserved: Vec<_> = (0..1_000).map(|n| book.reserve(&id(1), &who(n), date(NOW))).collect();
    assert_eq!(reserved.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(reserved[1..].iter().all(|it| *it == Err(TicketRefusal::Reserved)));
    let begun: Vec<_> = (0..1_000).filter_map(|n| book.begin(&id(1), &who(n), date(NOW)).ok()).collect();
    let [redemption] = &begun[..] else { panic!("{} began", begun.len()) };
    assert_eq!((redemption.by, &redemption.after), (who(0), &None));
    book.finish(redemption);
    assert!((0..1_000).all(|n| book.reserve(&id(1), &who(n), date(NOW)) == Err(TicketRefusal::Unknown)));
    assert!(book.open().is_empty());
}

/// All of them present it, and each of the others confirms just when the one before has failed to.
#[test]
fn a_reservation_that_is_given_up_is_free_for_the_next() {
    let mut book = book_with(terms(1, NOW, None));
    for n in 0..1_000 {
        book.reserve(&id(1), &who(n), date(NOW)).unwrap();
        assert_eq!(book.reserve(&id(1), &who(n + 1), date(NOW)), Err(TicketRefusal::Reserved));
        book.reserve(&id(1), &who(n), date(NOW)).unwrap();
        book.release(&id(1), &who(n + 1));
        book.release(&id(1), &who(n));
        assert_eq!(book.begin(&id(1), &who(n), date(NOW)), Err(TicketRefusal::Reserved));
    }
    assert!(!book.open().is_empty());
}

/// The session of whoever comes in is lost while the store works: nobody else gets the same use meanwhile.
#[test]
fn a_use_that_is_being_stored_is_not_given_to_another() {
    let mut book = book_with(terms(1, NOW, None));
    book.reserve(&id(1), &who(1), date(NOW)).unwrap();
    let redemption = book.begin(&id(1), &who(1), date(NOW)).unwrap();
    book.release(&id(1), &who(1));
    assert_eq!(book.reserve(&id(1), &who(2), date(NOW)), Err(TicketRefusal::Reserved));
    assert!(book.begin(&id(1), &who(1), date(NOW)).is_err(), "nor twice to the same");

    let mut failed = book.clone();
    failed.abandon(&redemption);
    failed.reserve(&id(1), &who(2), date(NOW)).unwrap();
    failed.finish(&redemption);
    assert!(!failed.open().is_empty(), "what was abandoned is not finished");

    book.finish(&redemption);
    assert!(book.open().is_empty());
    book.abandon(&redemption);
    assert_eq!(book.reserve(&id(1), &who(2), date(NOW)), Err(TicketRefusal::Unknown));
}

/// What is stored for the second use follows from what is stored for the first, also when both are on the way.
#[test]
fn uses_follow_from_each_other() {
    for at_once in [1, 2, 3] {
        let mut book = book_with(terms(3, NOW, None));
        (1..=3).for_each(|n| book.reserve(&id(1), &who(n), date(NOW)).unwrap());
        assert_eq!(book.reserve(&id(1), &who(4), date(NOW)), Err(TicketRefusal::Reserved));
        let mut stored = Some(terms(3, NOW, None));
        for group in [1, 2, 3].chunks(at_once) {
            let begun: Vec<_> =
                group.iter().map(|n| book.begin(&id(1), &who(*n), date(NOW)).unwrap()).collect();
            assert!(group.iter().all(|n| book.begin(&id(1), &who(*n), date(NOW)).is_err()), "not twice");
            for redemption in begun {
                assert_eq!(stored.as_ref(), Some(&redemption.before));
                stored = redemption.after.clone();
                book.finish(&redemption);
                book.finish(&redemption);
            }
        }
        assert_eq!(stored, None);
        assert!(book.open().is_empty());
    }
}

#[test]
fn the_last_second_opens_and_the_next_does_not() {
    let mut book = book_with(terms(1, NOW, None));
    assert!(book.open().secret(&id(1), &who(1), date(NOW)).is_ok());
    book.reserve(&id(1), &who(1), date(NOW)).unwrap();
    let mut late = book.clone();
    assert!(book.begin(&id(1), &who(1), date(NOW)).is_ok());
    assert_eq!(late.begin(&id(1), &who(1), date(NOW + 1)), Err(TicketRefusal::Expired), "confirmed too late");
    assert_eq!(late.open().secret(&id(1), &who(1), date(NOW + 1)).unwrap_err(), TicketRefusal::Expired);
    assert_eq!(late.reserve(&id(1), &who(2), date(NOW + 1)), Err(TicketRefusal::Expired));
}

#[test]
fn a_clock_that_is_set_back_revives_nothing() {
    let mut book = book_with(terms(1, NOW, None));
    assert_eq!(book.reserve(&id(1), &who(1), date(NOW + 1)), Err(TicketRefusal::Expired));
    assert_eq!(book.horizon(), date(NOW + 1));
    assert_eq!(book.reserve(&id(1), &who(1), date(NOW - 9)), Err(TicketRefusal::Expired));
    book.note_date(date(5));
    let stored: Vec<_> = book.iter().map(|(id, terms)| (*id, terms.clone())).collect();
    let mut restarted = TicketBook::restore(stored, book.horizon());
    assert_eq!(restarted.reserve(&id(1), &who(1), date(NOW - 9)), Err(TicketRefusal::Expired));
    assert_eq!(restarted.expire(date(NOW - 9)), [id(1)]);
    assert!(restarted.open().is_empty() && restarted.expire(date(NOW + 1)).is_empty());
}

/// Whoever takes a bound ticket from another's hands neither uses it nor spoils it.
#[test]
fn a_bound_ticket_stays_for_the_one_it_is_bound_to() {
    let mut book = book_with(terms(1, NOW, Some(who(7))));
    assert_eq!(book.open().secret(&id(1), &who(8), date(NOW)).unwrap_err(), TicketRefusal::NotForYou);
    assert_eq!(book.reserve(&id(1), &who(8), date(NOW)), Err(TicketRefusal::NotForYou));
    assert_eq!(book.begin(&id(1), &who(8), date(NOW)), Err(TicketRefusal::NotForYou));
    book.reserve(&id(1), &who(7), date(NOW)).unwrap();
    let redemption = book.begin(&id(1), &who(7), date(NOW)).unwrap();
    book.finish(&redemption);
    assert!(book.open().is_empty());
}

#[test]
fn what_is_withdrawn_does_not_come_back() {
    let mut book = book_with(terms(2, NOW, None));
    book.reserve(&id(1), &who(1), date(NOW)).unwrap();
    let redemption = book.begin(&id(1), &who(1), date(NOW)).unwrap();
    assert!(book.withdraw(&id(1)) && !book.withdraw(&id(1)));
    book.finish(&redemption);
    assert_eq!(book.reserve(&id(1), &who(1), date(NOW)), Err(TicketRefusal::Unknown));
}

#[test]
fn what_nobody_can_use_is_not_entered() {
    let mut book = TicketBook::default();
    let mut refused = |ticket, terms| book.issue(ticket, terms).unwrap_err();
    assert!(matches!(refused(TicketId([0; 16]), terms(1, NOW, None)), Error::Malformed { .. }));
    assert!(matches!(refused(id(1), terms(0, NOW, None)), Error::Malformed { .. }));
    assert!(matches!(refused(id(1), terms(MAX_TICKET_USES + 1, NOW, None)), Error::TooLarge { .. }));
    let mut deep = terms(1, NOW, None);
    deep.grant.depth = MAX_DEPTH + 1;
    assert!(matches!(refused(id(1), deep.clone()), Error::TooLarge { .. }), "no voucher can say so");
    assert!(TicketTerms::from_bytes(&deep.dangerous_bytes().unwrap()).is_err());
    book.issue(id(1), terms(1, NOW, None)).unwrap();
    assert!(matches!(book.issue(id(1), terms(1, NOW, None)).unwrap_err(), Error::Malformed { .. }));
    for n in 2..=u16::try_from(MAX_OPEN_TICKETS).unwrap() {
        book.issue(id(n), terms(1, NOW, None)).unwrap();
    }
    let full = book.issue(id(u16::MAX), terms(1, NOW, None)).unwrap_err();
    assert_eq!(full, Error::TooLarge { what: "open tickets", limit: MAX_OPEN_TICKETS });
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let mut book = book_with(terms(1, NOW, None));
    let before = book.open().clone();
    book.withdraw(&id(1));
    assert!(!before.is_empty() && book.open().is_empty());
    assert_eq!((before.terms(&id(1)), before.terms(&id(2))), (Some(&terms(1, NOW, None)), None));
    assert_eq!(book.open().terms(&id(1)), None);
}

#[test]
fn entries_are_stored_and_read_in_one_form() {
    for bound in [None, Some(who(3))] {
        let terms = terms(9, NOW, bound);
        let bytes = terms.dangerous_bytes().unwrap();
        assert_eq!(TicketTerms::from_bytes(&bytes).unwrap(), terms);
        for place in 0..bytes.len() {
            assert!(TicketTerms::from_bytes(&bytes[..place]).is_err());
            let mut changed = bytes.to_vec();
            changed[place] ^= 1;
            if let Ok(other) = TicketTerms::from_bytes(&changed) {
                assert_ne!(other, terms);
                assert_eq!(other.dangerous_bytes().unwrap()[..], changed);
            }
        }
        assert!(TicketTerms::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }
}

/// What may happen, with one of three tickets and one of four presenters.
#[derive(Debug, Clone)]
enum Step {
    Reserve(u16, u16),
    Release(u16, u16),
    Begin(u16, u16),
    Finish(usize),
    Abandon(usize),
    Withdraw(u16),
    Expire,
    Later(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let pair = || (0..3_u16, 0..4_u16);
    prop_oneof![
        6 => pair().prop_map(|(ticket, by)| Step::Reserve(ticket, by)),
        2 => pair().prop_map(|(ticket, by)| Step::Release(ticket, by)),
        6 => pair().prop_map(|(ticket, by)| Step::Begin(ticket, by)),
        4 => any::<usize>().prop_map(Step::Finish),
        1 => any::<usize>().prop_map(Step::Abandon),
        1 => (0..3_u16).prop_map(Step::Withdraw),
        1 => Just(Step::Expire),
        2 => (-3..4_i64).prop_map(Step::Later),
        1 => Just(Step::Restart),
    ]
}

/// One ticket as the model sees it.
#[derive(Debug, Clone)]
struct Modelled {
    uses: u16,
    expires: u64,
    bound: Option<IdentityKey>,
    reserved: Vec<IdentityKey>,
    begun: Vec<IdentityKey>,
}

impl Modelled {
    fn refusal(&self, by: &IdentityKey, latest: u64) -> Option<TicketRefusal> {
        if latest > self.expires {
            Some(TicketRefusal::Expired)
        } else if self.bound.is_some_and(|bound| bound != *by) {
            Some(TicketRefusal::NotForYou)
        } else {
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_book_does_as_the_model(
        uses in prop::array::uniform3(1..4_u16),
        ends in prop::array::uniform3(0..8_u64),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut book = TicketBook::default();
        let mut model = BTreeMap::new();
        // What the store has, and who came in by what.
        let mut store = BTreeMap::new();
        let mut came_in: Vec<(TicketId, IdentityKey)> = Vec::new();
        for n in 0..3_u16 {
            let bound = (n == 2).then(|| who(1));
            let (uses, expires) = (uses[usize::from(n)], NOW + ends[usize::from(n)]);
            let terms = terms(uses, expires, bound);
            store.insert(id(n), terms.clone());
            book.issue(id(n), terms).unwrap();
            model.insert(id(n), Modelled { uses, expires, bound, reserved: vec![], begun: vec![] });
        }
        let allowed = uses;
        let (mut clock, mut latest) = (NOW, 0_u64);
        let mut in_flight: Vec<Redemption> = Vec::new();
        // Whether a use was given up before its turn: those begun after it may not follow any more.
        let mut out_of_turn = false;
        for step in steps {
            match step {
                Step::Later(seconds) => clock = clock.saturating_add_signed(seconds),
                Step::Reserve(ticket, by) => {
                    latest = latest.max(clock);
                    let got = book.reserve(&id(ticket), &who(by), date(clock));
                    let expected = match model.get_mut(&id(ticket)) {
                        None => Err(TicketRefusal::Unknown),
                        Some(known) => match known.refusal(&who(by), latest) {
                            Some(refusal) => Err(refusal),
                            None if known.reserved.contains(&who(by)) => Ok(()),
                            None if known.reserved.len() >= usize::from(known.uses) => {
                                Err(TicketRefusal::Reserved)
                            }
                            None => {
                                known.reserved.push(who(by));
                                Ok(())
                            }
                        },
                    };
                    prop_assert_eq!(got, expected);
                }
                Step::Release(ticket, by) => {
                    book.release(&id(ticket), &who(by));
                    let known = model.get_mut(&id(ticket)).filter(|known| !known.begun.contains(&who(by)));
                    known.map(|known| known.reserved.retain(|it| *it != who(by))).unwrap_or_default();
                }
                Step::Begin(ticket, by) => {
                    latest = latest.max(clock);
                    let got = book.begin(&id(ticket), &who(by), date(clock));
                    let expected = match model.get_mut(&id(ticket)) {
                        None => Err(TicketRefusal::Unknown),
                        Some(known) => match known.refusal(&who(by), latest) {
                            Some(refusal) => Err(refusal),
                            None if known.begun.contains(&who(by)) || !known.reserved.contains(&who(by)) => {
                                Err(TicketRefusal::Reserved)
                            }
                            None => {
                                known.begun.push(who(by));
                                Ok(known.uses + 1 - u16::try_from(known.begun.len()).unwrap())
                            }
                        },
                    };
                    prop_assert_eq!(got.as_ref().map(|it| it.before.uses_left), expected.as_ref().copied());
                    in_flight.extend(got);
                }
                Step::Finish(_) | Step::Abandon(_) if in_flight.is_empty() => {}
                Step::Finish(which) => {
                    let redemption = in_flight.remove(which % in_flight.len());
                    // The store refuses what does not follow from what it has.
                    if store.get(&redemption.ticket) != Some(&redemption.before) {
                        book.abandon(&redemption);
                        if let Some(known) = model.get_mut(&redemption.ticket) {
                            // It would have come in, had it been stored in its turn.
                            prop_assert!(known.begun.first() != Some(&redemption.by) || out_of_turn);
                            known.begun.retain(|it| *it != redemption.by);
                            known.reserved.retain(|it| *it != redemption.by);
                            out_of_turn = true;
                        }
                        continue;
                    }
                    match redemption.after.clone() {
                        Some(after) => drop(store.insert(redemption.ticket, after)),
                        None => drop(store.remove(&redemption.ticket)),
                    }
                    came_in.push((redemption.ticket, redemption.by));
                    book.finish(&redemption);
                    let known = model.get_mut(&redemption.ticket).unwrap();
                    known.begun.retain(|it| *it != redemption.by);
                    known.reserved.retain(|it| *it != redemption.by);
                    known.uses -= 1;
                    if known.uses == 0 {
                        model.remove(&redemption.ticket);
                    }
                }
                Step::Abandon(which) => {
                    out_of_turn = true;
                    let redemption = in_flight.remove(which % in_flight.len());
                    book.abandon(&redemption);
                    if let Some(known) = model.get_mut(&redemption.ticket) {
                        known.begun.retain(|it| *it != redemption.by);
                        known.reserved.retain(|it| *it != redemption.by);
                    }
                }
                Step::Withdraw(ticket) => {
                    prop_assert_eq!(book.withdraw(&id(ticket)), model.remove(&id(ticket)).is_some());
                    store.remove(&id(ticket));
                }
                Step::Expire => {
                    latest = latest.max(clock);
                    let over = |known: &Modelled| latest > known.expires;
                    let gone: Vec<_> =
                        model.iter().filter(|(_, known)| over(known)).map(|(id, _)| *id).collect();
                    prop_assert_eq!(book.expire(date(clock)), gone.clone());
                    for id in gone {
                        model.remove(&id);
                        store.remove(&id);
                    }
                }
                Step::Restart => {
                    let stored: Vec<_> = store.iter().map(|(id, terms)| (*id, terms.clone())).collect();
                    book = TicketBook::restore(stored, book.horizon());
                    in_flight.clear();
                    for known in model.values_mut() {
                        known.reserved.clear();
                        known.begun.clear();
                    }
                    out_of_turn = false;
                }
            }
            let left: Vec<_> = book.iter().map(|(id, terms)| (*id, terms.uses_left)).collect();
            prop_assert_eq!(left, model.iter().map(|(id, known)| (*id, known.uses)).collect::<Vec<_>>());
            for n in 0..3_u16 {
                let uses = came_in.iter().filter(|(ticket, _)| *ticket == id(n)).count();
                prop_assert!(uses <= usize::from(allowed[usize::from(n)]), "more came in than may");
            }
        }
    }
}
