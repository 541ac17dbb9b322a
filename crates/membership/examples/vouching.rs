//! Three people and a fourth: who is in by whose word, and what one revocation does.
//!
//! ```text
//! cargo run -p membership --example vouching
//! ```

use membership::{
    Directory, Error, Grant, Identity, IdentityKey, Policy, Revocation, Revoked, Scope, Settled, Standing,
    Statement, UnixSeconds, Voucher,
};
use rand::{SeedableRng, rngs::StdRng};

fn main() -> Result<(), Error> {
    // Of a fixed seed, so that the example says the same each time. Never do this with keys of your own.
    let mut rng = StdRng::seed_from_u64(1);
    let [ada, bob, carol, dan] = [(); 4].map(|()| Identity::generate(&mut rng));
    let names = [(ada.key(), "Ada"), (bob.key(), "Bob"), (carol.key(), "Carol"), (dan.key(), "Dan")];
    let now = UnixSeconds::new(1_900_000_000)?;
    let policy = Policy::of(ada.key());
    let mut directory = Directory::new();

    // Ada lets Bob in, and believes him about others; Bob introduces Carol, and Carol Dan.
    for (issuer, subject, depth) in [(&ada, &bob, 2), (&bob, &carol, 1), (&carol, &dan, 0)] {
        let grant = Grant { scope: Scope::default(), depth, expires: now.saturating_add(86_400) };
        let version = directory.next_voucher_version(&issuer.key(), &subject.key(), now);
        let voucher = Voucher::issue(issuer, subject.key(), version, grant)?;
        directory.merge(Statement::Voucher(voucher))?;
    }
    show("vouchers", &directory, &policy, now, &names);

    // Bob keeps Carol out: whom she alone let in goes with her.
    let about = Revoked::Member(carol.key());
    let serial = directory.next_serial(&bob.key(), &about, now);
    directory.merge(Statement::Revocation(Revocation::issue(&bob, about, serial)?))?;
    show("Bob revokes Carol", &directory, &policy, now, &names);

    // Nobody else can undo that: not even Ada's own word for her.
    let grant = Grant { scope: Scope::default(), depth: 1, expires: now.saturating_add(86_400) };
    directory.merge(Statement::Voucher(Voucher::issue(&ada, carol.key(), 1, grant)?))?;
    show("Ada vouches for Carol", &directory, &policy, now, &names);

    directory.merge(Statement::Revocation(Revocation::lift(&bob, about, serial)?))?;
    show("Bob takes it back", &directory, &policy, now, &names);
    show("two days later", &directory, &policy, now.saturating_add(2 * 86_400), &names);
    Ok(())
}

fn show(what: &str, directory: &Directory, policy: &Policy, now: UnixSeconds, names: &[(IdentityKey, &str)]) {
    let name = |key: &IdentityKey| names.iter().find(|(known, _)| known == key).map_or("?", |(_, name)| name);
    let world = Settled::new(directory, policy, now);
    println!("{what}:");
    for (key, who) in names {
        match world.standing(key) {
            Standing::Member { by, .. } => println!("  {who}: in, by {}", name(&by)),
            Standing::Revoked { by } => println!("  {who}: kept out by {}", name(&by)),
            Standing::Expired => println!("  {who}: expired"),
            Standing::Unknown => println!("  {who}: unknown"),
        }
    }
}
