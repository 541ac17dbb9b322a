//! How much of a campaign each target gets: by who can reach the code with bytes of their own, and how deep it goes.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Anybody who can open a connection reaches it, before anything is proven.
const STRANGERS: u32 = 8;
/// Reached by strangers too, but small, or only with what a person pastes or scans.
const STRANGERS_SMALL: u32 = 4;
/// Whoever is in a session reaches it: members, and callers without a name.
const PEERS: u32 = 4;
/// Members only, and small.
const PEERS_SMALL: u32 = 2;
/// Only this machine's own disk, or the user's own calls.
const OWN: u32 = 1;

/// Each target with its weight and what reaches the code behind it.
pub(super) const WEIGHTS: &[(&str, u32, &str)] = &[
    ("actor_proxy_body", PEERS, "any peer's message, with the user's own types behind it"),
    ("actor_proxy_envelopes", PEERS, "any peer's envelope, and what it makes of addresses"),
    ("actor_proxy_operations", PEERS, "three nodes' actors, one of which may be slow, gone, or mistaken"),
    ("chunk_proto_header", PEERS_SMALL, "a few bytes of every chunk"),
    ("chunk_proto_inflate", PEERS, "decompression of what a peer compressed"),
    ("chunk_proto_reassemble", PEERS, "chunks of a peer, in any order, against a budget"),
    ("chunk_proto_round_trip", OWN, "what this node itself makes"),
    ("endpoint_guard", STRANGERS, "what decides who is worth a Diffie-Hellman, under a flood"),
    ("endpoint_inbound", STRANGERS, "first packets, as they come"),
    ("endpoint_operations", PEERS, "every order of facts about peers and paths"),
    ("link_hostile_member", PEERS, "records of a peer that says anything"),
    ("link_operations", PEERS, "two ends of a session under every order of events"),
    ("membership_card", STRANGERS_SMALL, "what a person pastes"),
    ("membership_list", OWN, "a file of this machine, and what its owner types"),
    ("membership_news", PEERS_SMALL, "what members tell each other"),
    ("membership_record", STRANGERS_SMALL, "stands in every first packet"),
    ("membership_standing", PEERS, "who is in, by what anybody signed"),
    ("membership_statement", PEERS_SMALL, "what members signed"),
    ("membership_ticket", STRANGERS_SMALL, "what a person pastes or scans"),
    ("membership_ticket_book", PEERS_SMALL, "how often a ticket opens, whatever fails in between"),
    ("node_hostile", PEERS, "a whole node with a peer, or a caller without a name, that says anything"),
    ("node_store", OWN, "values on this machine's own disk"),
    ("node_stranger", STRANGERS_SMALL, "a whole node's open door, whose parts are tried faster alone"),
    ("secure_channel_open", STRANGERS, "packets that anybody on the path can forge"),
    ("secure_channel_operations", PEERS, "loss, replay and rekey in every order"),
    ("selfsync_codec_decode", STRANGERS, "the first decoder that any byte meets"),
    ("selfsync_codec_round_trip", OWN, "what this node itself makes"),
    ("x3dh_handshake_answers", STRANGERS_SMALL, "answers that anybody on the path can forge"),
    ("x3dh_handshake_exchange", STRANGERS, "both ends of a handshake with somebody in between"),
    ("x3dh_handshake_first_packet", STRANGERS, "first packets before and behind the door"),
    ("x3dh_handshake_mychips", STRANGERS, "the profile's port is open to anybody"),
    ("x3dh_handshake_rekey", PEERS_SMALL, "a few bytes of a peer"),
];

/// The share of `total` that each of `targets` gets, the largest first.
pub(super) fn shares(targets: &[String], total: Duration) -> Result<Vec<(String, Duration)>> {
    let weight = |name: &String| {
        let known = WEIGHTS.iter().find(|(known, ..)| known == name);
        known.map(|(_, weight, _)| *weight).with_context(|| format!("{name} has no weight in a campaign"))
    };
    let weights = targets.iter().map(weight).collect::<Result<Vec<_>>>()?;
    let sum: u32 = weights.iter().sum();
    let share = |weight: u32| total * weight / sum.max(1);
    let mut shares: Vec<_> = targets.iter().cloned().zip(weights.into_iter().map(share)).collect();
    shares.sort_by(|(a, long), (b, short)| short.cmp(long).then(a.cmp(b)));
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::targets;
    use crate::workspace::Workspace;

    #[test]
    fn every_target_has_a_weight_and_every_weight_a_target() {
        let targets = targets(&Workspace::locate().unwrap()).unwrap();
        let weighed: Vec<_> = WEIGHTS.iter().map(|(name, ..)| (*name).to_owned()).collect();
        assert_eq!(weighed, targets, "in the order of their names");
        assert!(WEIGHTS.iter().all(|(_, weight, reason)| *weight > 0 && !reason.is_empty()));
    }

    #[test]
    fn a_campaign_is_shared_out_by_weight() {
        let two = ["chunk_proto_round_trip", "selfsync_codec_decode"].map(str::to_owned);
        let shares = shares(&two, Duration::from_secs(90)).unwrap();
        assert_eq!(shares[0], (two[1].clone(), Duration::from_secs(80)));
        assert_eq!(shares[1], (two[0].clone(), Duration::from_secs(10)));
        assert!(super::shares(&["nobody".to_owned()], Duration::from_secs(1)).is_err());
    }
}
