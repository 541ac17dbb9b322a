//! What hostile members can make it cost.

use std::time::{Duration, Instant};

use membership::{
    Directory, Error, Grant, Identity, MAX_DEPTH, MAX_STATEMENTS, MAX_VOUCHERS_PER_ISSUER, Merged, Policy,
    Revocation, Revoked, Scope, Settled, Standing, Statement, Voucher,
};

use crate::pool::{NOW, date, people};

/// Far more than it takes, also without optimization on a slow and busy machine; what grows with the square of the
/// statements takes longer.
const LONG: Duration = Duration::from_secs(60);

fn vouch(by: &Identity, whom: &Identity, depth: u8) -> Statement {
    let grant = Grant { scope: Scope::default(), depth, expires: date(NOW + 9) };
    Statement::Voucher(Voucher::issue(by, whom.key(), 1, grant).unwrap())
}

fn settle(directory: &Directory, policy: &Policy) -> (Settled, Duration) {
    let start = Instant::now();
    let world = Settled::new(directory, policy, date(NOW));
    (world, start.elapsed())
}

/// A member fills the directory with names of its own that vouch in circles and all turn against it and each other.
/// The directory stays bounded, the answer comes soon, and the root puts an end to it although nothing else fits.
#[test]
fn a_full_directory_settles_soon() {
    let everybody = people(4_000);
    let [me, eve, socks @ ..] = &everybody[..] else { unreachable!() };
    let mut said = Directory::new();
    said.merge(vouch(me, eve, MAX_DEPTH)).unwrap();
    let keeps_out = |by: &Identity, whom: &Identity| {
        Statement::Revocation(Revocation::issue(by, Revoked::Member(whom.key()), 1).unwrap())
    };
    for (place, sock) in socks.iter().enumerate() {
        said.merge(vouch(eve, sock, MAX_DEPTH)).unwrap();
        said.merge(keeps_out(sock, eve)).unwrap();
        for step in 1..=30 {
            let other = &socks[(place + step * step) % socks.len()];
            said.merge(vouch(sock, other, MAX_DEPTH)).unwrap();
        }
    }
    let mut rest = (0..socks.len()).map(|place| (&socks[place], &socks[(place + 31 * 31) % socks.len()]));
    let full = loop {
        let (by, whom) = rest.next().unwrap();
        if let Err(full) = said.merge(vouch(by, whom, MAX_DEPTH)) {
            break full;
        }
        if said.len() == MAX_STATEMENTS - 1 {
            said.merge(vouch(me, &everybody[7], 0)).unwrap();
        }
    };
    assert_eq!(full, Error::TooLarge { what: "statements", limit: MAX_STATEMENTS });
    assert_eq!(said.len(), MAX_STATEMENTS);
    let grant = Grant { scope: Scope::default(), depth: MAX_DEPTH, expires: date(NOW + 99) };
    let longer = Voucher::issue(me, eve.key(), 2, grant).unwrap();
    let merged =
        said.merge(Statement::Voucher(longer)).expect("what takes the place of another needs no room");
    assert!(matches!(merged, Merged::News { replaced: Some(_) }));

    for depth in [3, 16] {
        let policy = Policy { depth, ..Policy::of(me.key()) };
        let (world, took) = settle(&said, &policy);
        assert!(matches!(world.standing(&eve.key()), Standing::Member { .. }));
        println!("{} statements settle in {took:?} with depth {depth}", said.len());
        assert!(took < LONG, "{took:?}");
    }

    let about = Revoked::Member(eve.key());
    let verdict = Statement::Revocation(Revocation::issue(me, about, 1).unwrap());
    said.merge(verdict).expect("there is room for who is to be kept out");
    let policy = Policy::of(me.key());
    let (world, _) = settle(&said, &policy);
    assert_eq!(world.standing(&eve.key()), Standing::Revoked { by: me.key() });
    assert!(said.sweep(&world).len() > MAX_STATEMENTS - MAX_VOUCHERS_PER_ISSUER * 2);
    assert_eq!(settle(&said, &policy).0.standing(&eve.key()), Standing::Revoked { by: me.key() });
}
