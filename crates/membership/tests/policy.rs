//! What a policy says about messages and services.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use membership::{Policy, Relation, Scope, ServiceName, Services, SizeClasses, Who};
use support::Person;

#[test]
fn clients_have_bounds_of_their_own_in_each_direction() {
    let sizes = SizeClasses { client_up_bytes: 10, client_down_bytes: 20, peer_bytes: 30 };
    assert_eq!([sizes.received_bytes(Relation::Client), sizes.sent_bytes(Relation::Client)], [10, 20]);
    assert_eq!([sizes.received_bytes(Relation::Peer), sizes.sent_bytes(Relation::Peer)], [30, 30]);
}

#[test]
fn a_service_is_for_those_whom_scope_and_policy_both_name() {
    let [bob, eve] = [Person::new(1, 1).identity.key(), Person::new(2, 1).identity.key()];
    let service = |name: &str| ServiceName::new(name).unwrap();
    let policy = Policy {
        services: [
            (service("peers"), Who::Peers),
            (service("bob"), Who::Only([bob].into())),
            (service("nobody"), Who::Nobody),
        ]
        .into(),
        ..Policy::of(Person::new(3, 1).identity.key())
    };
    let all = |relation| Scope { relation, services: Services::All };
    let (peer, client) = (all(Relation::Peer), all(Relation::Client));
    for (name, by_peer, by_client, by_eve) in [
        ("peers", true, false, true),
        ("bob", true, true, false),
        ("nobody", false, false, false),
        ("other", true, true, true),
    ] {
        assert_eq!(policy.may_use(&bob, &peer, name), by_peer, "{name}");
        assert_eq!(policy.may_use(&bob, &client, name), by_client, "{name}");
        assert_eq!(policy.may_use(&eve, &peer, name), by_eve, "{name}");
    }
    let other_only = Scope { services: Services::Only([service("other")].into()), ..peer };
    assert!(policy.may_use(&bob, &other_only, "other") && !policy.may_use(&bob, &other_only, "bob"));
}
