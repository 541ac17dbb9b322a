//! News between members: messages within bounds, what is shared with whom, and what is taken in.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeSet;

use membership::{
    Announcement, Directory, Error, Facts, Grant, Identity, IdentityKey, MAX_NEWS_BYTES, MAX_NEWS_NAMES,
    News, Policy, Profile, Revocation, Revoked, Scope, Settled, Standing, Statement, StatementId, Voucher,
    is_welcome, shared_with,
};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use support::{NOW, Person, date};

fn vouch_until(by: &Person, whom: &Person, depth: u8, expires: u64) -> Statement {
    let grant = Grant { scope: Scope::default(), depth, expires: date(expires) };
    Statement::Voucher(Voucher::issue(&by.identity, whom.identity.key(), 1, grant).unwrap())
}

fn vouch(by: &Person, whom: &Person, depth: u8) -> Statement {
    vouch_until(by, whom, depth, NOW + 9)
}

fn revoke(by: &Person, whom: &Person) -> Statement {
    let about = Revoked::Member(whom.identity.key());
    Statement::Revocation(Revocation::issue(&by.identity, about, 1).unwrap())
}

fn announce(who: &Person) -> Statement {
    let facts = Facts {
        card: who.card("", &[]),
        suites: vec![],
        services: BTreeSet::new(),
        profile: Profile::new(),
        expires: date(NOW + 9),
    };
    Statement::Announcement(Announcement::issue(&who.identity, 1, facts).unwrap())
}

/// A node that takes in what is welcome, as it comes.
struct Node<'a> {
    me: &'a Person,
    directory: Directory,
    introductions: BTreeSet<(IdentityKey, IdentityKey)>,
}

impl<'a> Node<'a> {
    fn new(me: &'a Person, said: impl IntoIterator<Item = Statement>) -> Self {
        let mut directory = Directory::new();
        for statement in said {
            directory.merge(statement).unwrap();
        }
        Self { me, directory, introductions: BTreeSet::new() }
    }

    fn settled(&self) -> Settled {
        Settled::new(&self.directory, &Policy::of(self.me.identity.key()), date(NOW))
    }

    fn shares_with(&self, other: &Person) -> Vec<Statement> {
        let me = self.me.identity.key();
        shared_with(&other.identity.key(), &me, &self.directory, &self.settled(), &self.introductions)
    }

    fn hear(&mut self, message: &News) {
        let News::Statements(statements) = News::from_bytes(&message.to_bytes()).unwrap() else {
            panic!("not statements")
        };
        for statement in statements {
            if is_welcome(&statement, &self.settled()) {
                self.directory.merge(statement).unwrap();
            }
        }
    }

    fn standing(&self, who: &Person) -> Standing {
        self.settled().standing(&who.identity.key())
    }
}

/// One greeting in each direction: names, what is lacking of them, and that.
fn greet(from: &Node<'_>, to: &mut Node<'_>, rng: &mut StdRng) {
    let shared = from.shares_with(to.me);
    let mut lacking = Vec::new();
    for message in News::have(&shared) {
        let News::Have(names) = News::from_bytes(&message.to_bytes()).unwrap() else { panic!("not names") };
        lacking
            .extend(names.into_iter().filter(|name| !to.directory.statements().any(|it| it.id() == *name)));
    }
    let mut asked: Vec<_> =
        shared.into_iter().filter(|statement| lacking.contains(&statement.id())).collect();
    if rng.random_bool(0.5) {
        asked.shuffle(rng);
    }
    News::telling(asked).iter().for_each(|message| to.hear(message));
}

#[test]
fn messages_travel_within_their_bounds() {
    let people: Vec<_> = (0..3).map(|seed| Person::new(seed, 1)).collect();
    let statements: Vec<_> = (0..400)
        .map(|serial| {
            let about = Revoked::Member(people[1].identity.key());
            Statement::Revocation(Revocation::issue(&people[0].identity, about, serial).unwrap())
        })
        .chain([announce(&people[2])])
        .collect();
    let told = News::telling(statements.clone());
    assert!(told.len() > 1);
    let mut again = Vec::new();
    for message in &told {
        assert!(message.to_bytes().len() <= MAX_NEWS_BYTES);
        assert_eq!(News::from_bytes(&message.to_bytes()).unwrap(), *message);
        if let News::Statements(statements) = message {
            again.extend(statements.clone());
        }
    }
    assert_eq!(again, statements);
    assert!(News::telling(vec![]).is_empty() && News::have(&[]).next().is_none());

    let many: Vec<_> = statements.iter().cycle().take(MAX_NEWS_NAMES + 1).cloned().collect();
    let named: Vec<_> = News::have(&many).collect();
    assert_eq!(named.len(), 2);
    assert!(named.iter().all(|message| News::from_bytes(&message.to_bytes()).as_ref() == Ok(message)));
}

#[test]
fn hostile_messages_are_refused() {
    let refused = |bytes: &[u8]| News::from_bytes(bytes).unwrap_err();
    assert!(matches!(refused(&[]), Error::Malformed { .. }));
    assert!(matches!(refused(&[0]), Error::Malformed { .. }));
    assert!(matches!(refused(&[4]), Error::Malformed { .. }));
    assert!(matches!(refused(&vec![1; MAX_NEWS_BYTES + 1]), Error::TooLarge { limit: MAX_NEWS_BYTES, .. }));
    for kind in [1, 2] {
        let names = |bytes: usize| [&[kind][..], &vec![7; bytes]].concat();
        assert!(matches!(refused(&names(31)), Error::Malformed { .. }));
        assert!(matches!(refused(&names(32 * (MAX_NEWS_NAMES + 1))), Error::TooLarge { .. }));
        assert!(News::from_bytes(&names(32 * MAX_NEWS_NAMES)).is_ok());
    }
    assert!(matches!(refused(&[3, 0xff, 0xff]), Error::TooLarge { .. }), "more than a statement may have");
    assert!(matches!(refused(&[3, 1]), Error::Malformed { .. }));
    assert!(matches!(refused(&[3, 5, 0, 1]), Error::Malformed { .. }));

    let [ann, bob] = [Person::new(1, 1), Person::new(2, 1)];
    let bytes = News::Statements(vec![vouch(&ann, &bob, 1), announce(&ann)]).to_bytes();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(News::from_bytes(&changed).is_err(), "byte {place}");
    }
}

/// The story: Ann introduces Bob and Carol to each other, and revokes Bob.
#[test]
fn an_introduction_and_a_revocation_arrive() {
    let [ann, bob, carol] = &[1, 2, 3].map(|seed| Person::new(seed, 1));
    let mut rng = StdRng::seed_from_u64(1);
    let mut at_ann =
        Node::new(ann, [vouch(ann, bob, 1), vouch(ann, carol, 1), announce(bob), announce(carol)]);
    let mut at_bob = Node::new(bob, [vouch(bob, ann, 1)]);
    let mut at_carol = Node::new(carol, [vouch(carol, ann, 1)]);
    greet(&at_ann, &mut at_carol, &mut rng);
    assert_eq!(
        at_carol.standing(bob),
        Standing::Unknown,
        "nobody is told of somebody they are not introduced to"
    );

    let [b, c] = [bob, carol].map(|it| it.identity.key());
    at_ann.introductions.extend([(b, c), (c, b)]);
    for _ in 0..2 {
        greet(&at_ann, &mut at_bob, &mut rng);
        greet(&at_ann, &mut at_carol, &mut rng);
    }
    assert!(matches!(at_carol.standing(bob), Standing::Member { .. }));
    assert!(matches!(at_bob.standing(carol), Standing::Member { .. }));
    assert!(at_carol.directory.announcement(&b).is_some() && at_bob.directory.announcement(&c).is_some());

    at_ann.directory.merge(revoke(ann, bob)).unwrap();
    greet(&at_ann, &mut at_carol, &mut rng);
    assert_eq!(at_carol.standing(bob), Standing::Revoked { by: ann.identity.key() });
    let told: Vec<_> = at_ann.shares_with(carol).iter().map(Statement::id).collect();
    assert!(!told.contains(&announce(bob).id()), "nor how to reach whom one keeps out");
}

#[test]
fn strangers_fill_no_directory() {
    let [me, ann, eve] = &[1, 2, 3].map(|seed| Person::new(seed, 1));
    let mut node = Node::new(me, [vouch(me, ann, 0)]);
    let before = node.directory.clone();
    // Ann is a member whose own word does not count: she speaks of herself alone.
    let told = vec![
        vouch(ann, eve, 0),
        vouch(eve, ann, 3),
        revoke(ann, eve),
        revoke(eve, ann),
        announce(eve),
        Statement::Revocation(
            Revocation::issue(&eve.identity, Revoked::Device(eve.devices[0].id()), 1).unwrap(),
        ),
    ];
    News::telling(told).iter().for_each(|message| node.hear(message));
    assert_eq!(node.directory, before);

    let own = vec![
        announce(ann),
        Statement::Revocation(
            Revocation::issue(&ann.identity, Revoked::Device(ann.devices[0].id()), 1).unwrap(),
        ),
    ];
    News::telling(own).iter().for_each(|message| node.hear(message));
    assert_eq!(node.directory.len(), before.len() + 2);
}

/// Ann's time is up here. What she has revoked is still told, and still taken in.
#[test]
fn a_revocation_is_passed_on_after_its_issuers_time() {
    let [me, ann, bob, carol] = &[1, 2, 3, 4].map(|seed| Person::new(seed, 1));
    let expired = vouch_until(me, ann, 1, NOW - 1);
    let here = Node::new(me, [expired.clone(), vouch(me, carol, 1), revoke(ann, bob)]);
    assert_eq!(here.standing(ann), Standing::Expired);
    assert!(here.shares_with(carol).contains(&revoke(ann, bob)));
    let fresh = Node::new(me, [expired, vouch(me, bob, 0)]);
    assert!(is_welcome(&revoke(ann, bob), &fresh.settled()));
    assert!(is_welcome(&vouch(ann, bob, 0), &fresh.settled()), "it may be made to count again");
    assert!(!is_welcome(&announce(ann), &fresh.settled()));
}

/// Two who keep each other out: both revocations are taken in, whichever comes first.
#[test]
fn a_quarrel_ends_alike_wherever_it_is_heard() {
    let [me, ann, bob] = &[1, 2, 3].map(|seed| Person::new(seed, 1));
    let quarrel = [revoke(ann, bob), revoke(bob, ann)];
    let standings = [[0, 1], [1, 0]].map(|order| {
        let mut node = Node::new(me, [vouch(me, ann, 1), vouch(me, bob, 1)]);
        for place in order {
            node.hear(&News::Statements(vec![quarrel[place].clone()]));
        }
        [ann, bob].map(|who| node.standing(who))
    });
    assert_eq!(standings[0], standings[1]);
    assert!(standings[0].iter().all(|it| matches!(it, Standing::Revoked { .. })));
}

/// Two who trust each other and the same others come to know the same revocations, in however many greetings, lost
/// messages and orders.
#[test]
fn two_directories_come_to_agree_on_who_is_out() {
    let people: Vec<_> = (0..6).map(|seed| Person::new(seed, 1)).collect();
    let [ann, bob, others @ ..] = &people[..] else { unreachable!() };
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut some = |share: f64| -> Vec<Statement> {
            others
                .iter()
                .flat_map(|by| others.iter().map(move |whom| (by, whom)))
                .filter(|(by, whom)| by.identity.key() != whom.identity.key() && rng.random_bool(share))
                .map(|(by, whom)| revoke(by, whom))
                .collect()
        };
        let (first, second) = (some(0.2), some(0.2));
        let trust = |me: &Person| -> Vec<Statement> {
            let known =
                [ann, bob].into_iter().chain(others).filter(|it| it.identity.key() != me.identity.key());
            known.map(|it| vouch(me, it, 1)).collect()
        };
        let mut at_ann = Node::new(ann, trust(ann).into_iter().chain(first));
        let mut at_bob = Node::new(bob, trust(bob).into_iter().chain(second));
        for _ in 0..3 {
            greet(&at_ann, &mut at_bob, &mut rng);
            greet(&at_bob, &mut at_ann, &mut rng);
        }
        let out =
            |node: &Node<'_>| -> BTreeSet<_> { node.settled().revoked().map(|(who, _)| *who).collect() };
        assert_eq!(out(&at_ann), out(&at_bob), "seed {seed}");
        let names = |node: &Node<'_>| -> BTreeSet<StatementId> {
            node.directory.revocations().cloned().map(|it| Statement::Revocation(it).id()).collect()
        };
        assert_eq!(names(&at_ann), names(&at_bob), "seed {seed}");
    }
}

#[test]
fn the_same_identity_is_not_told_apart_by_devices() {
    let me: Identity = Person::new(1, 2).identity;
    let settled = Settled::new(&Directory::new(), &Policy::of(me.key()), date(NOW));
    let lost = Revocation::issue(&me, Revoked::Device(Person::new(1, 2).devices[1].id()), 1).unwrap();
    assert!(is_welcome(&Statement::Revocation(lost), &settled), "one's own devices tell each other");
}
