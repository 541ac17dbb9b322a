//! The outer codes of packets: `mac1` under a door, `mac_R` under a key of the handshake.

use subtle::{Choice, ConstantTimeEq};

use crate::{
    error::Rejected,
    hash::{MAC_BYTES, hash, mac},
    secret::Door,
};

const FIRST: &str = "Conclave1 mac1";
const REPLY: &str = "Conclave1 reply";

/// Appends `mac1 = MAC("Conclave1 mac1", door, all before)`.
pub(crate) fn append_door_mac(door: &Door, packet: &mut Vec<u8>) {
    let code = mac(FIRST, door.dangerous_bytes(), &hash(FIRST, &[packet]));
    packet.extend_from_slice(&code);
}

/// Checks `mac1` under each door; all are computed, whichever fits.
pub(crate) fn check_door_mac<'d>(
    doors: impl IntoIterator<Item = &'d Door>,
    packet: &[u8],
) -> Result<&'d Door, Rejected> {
    let (covered, code) = packet.split_last_chunk::<MAC_BYTES>().ok_or(Rejected)?;
    let digest = hash(FIRST, &[covered]);
    let mut opened = Err(Rejected);
    for door in doors {
        let fits: Choice = mac(FIRST, door.dangerous_bytes(), &digest).ct_eq(code);
        if fits.into() {
            opened = Ok(door);
        }
    }
    opened
}

/// Appends `MAC("Conclave1 reply", key, all before)`, by which an initiator sorts out forged replies for one hash.
pub(crate) fn append_mac(key: &[u8; 32], packet: &mut Vec<u8>) {
    let code = mac(REPLY, key, &hash(REPLY, &[packet]));
    packet.extend_from_slice(&code);
}

/// Checks the code of a reply; gives the bytes that it covers.
pub(crate) fn check_mac<'p>(key: &[u8; 32], packet: &'p [u8]) -> Result<&'p [u8], Rejected> {
    let (covered, code) = packet.split_last_chunk::<MAC_BYTES>().ok_or(Rejected)?;
    let fits = mac(REPLY, key, &hash(REPLY, &[covered])).ct_eq(code);
    if fits.into() { Ok(covered) } else { Err(Rejected) }
}
