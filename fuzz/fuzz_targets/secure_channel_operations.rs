//! Any sequence of what two ends and the network between them may do: no text is delivered twice, changed, or to its
//! own sender, and nothing panics.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};
use secure_channel::{
    Association, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Rekey, Role, Sealer,
    SessionSecrets, Suite, Tag, TrafficAead, split,
};

const MAX_OPERATIONS: usize = 200;

struct End {
    sealer: Sealer,
    opener: Opener,
    rekey: Rekey,
}

struct Packet {
    from: usize,
    text: Vec<u8>,
    bytes: Vec<u8>,
}

struct World {
    ends: [End; 2],
    packets: Vec<Packet>,
    delivered: HashSet<usize>,
    rng: StdRng,
}

fuzz_target!(|input: &[u8]| {
    let ends = [Role::Initiator, Role::Responder].map(|role| {
        let secrets = SessionSecrets::dangerous_from_bytes(&std::array::from_fn(|n| n.to_le_bytes()[0]));
        let (suite, aead, tag) = (Suite::X3dh, TrafficAead::Aes256Gcm, Tag(0));
        let association = Association { secrets, role, suite, aead, local_tag: tag, remote_tag: tag };
        let limits = Limits { epoch_packets: 20, rekey_packets: 50, grace_packets: 10 };
        let (sealer, opener, rekey) = split(association, limits).expect("a known cipher");
        End { sealer, opener, rekey }
    });
    let rng = StdRng::seed_from_u64(1);
    let mut world = World { ends, packets: Vec::new(), delivered: HashSet::new(), rng };
    for operation in input.chunks_exact(2).take(MAX_OPERATIONS) {
        world.apply(operation[0], operation[1]);
    }
});

impl World {
    fn apply(&mut self, operation: u8, argument: u8) {
        let who = usize::from(operation & 1);
        let path = PathNumber(u32::from(argument % 3));
        let end = &mut self.ends[who];
        match operation >> 1 & 15 {
            0..=4 => {
                let text = [&[b't'][..], &self.packets.len().to_le_bytes()].concat();
                self.seal(who, path, text);
            }
            5..=9 => self.deliver(argument, 0),
            10 => self.deliver(argument, operation),
            11 => drop(end.sealer.advance_epoch()),
            12 => {
                if let Ok(request) = end.rekey.request(&mut self.rng) {
                    self.seal(who, PathNumber(9), [&[b'q'][..], &request].concat());
                }
            }
            13 => end.opener.forget_previous(),
            14 if argument > 200 => end.opener.retire_path(path),
            15 if argument > 250 => end.sealer.close(),
            _ => drop(end.sealer.reserve(path)),
        }
    }

    fn seal(&mut self, from: usize, path: PathNumber, text: Vec<u8>) {
        let mut bytes = vec![0; OVERHEAD_BYTES + text.len()];
        bytes[HEADER_BYTES..HEADER_BYTES + 1].copy_from_slice(&text[..1]);
        let Ok(ticket) = self.ends[from].sealer.reserve(path) else { return };
        ticket.seal(&mut bytes, &text[1..]).expect("the buffer fits");
        self.packets.push(Packet { from, text, bytes });
    }

    /// Delivers one of the latest packets, with one byte changed if `damage` is not zero, and to both ends.
    fn deliver(&mut self, back: u8, damage: u8) {
        let Some(index) = self.packets.len().checked_sub(1 + usize::from(back)) else { return };
        let Packet { from, text, bytes } = &self.packets[index];
        let mut packet = bytes.clone();
        packet[usize::from(back) % bytes.len()] ^= damage;
        assert!(self.ends[*from].opener.open(&mut packet.clone()).is_err(), "reflected");
        let peer = &mut self.ends[1 - from];
        let Ok((plaintext, committed)) = peer.opener.open(&mut packet) else { return };
        assert!(plaintext == text && damage == 0 && self.delivered.insert(index));
        let (to, message) = (1 - from, plaintext.to_vec());
        if let Some(generation) = committed.generation {
            peer.sealer.follow(generation);
            peer.rekey.handle_followed(generation);
        }
        self.rekey(to, &message);
    }

    fn rekey(&mut self, to: usize, message: &[u8]) {
        let end = &mut self.ends[to];
        match message.split_first() {
            Some((b'q', request)) => {
                let answer = end.rekey.handle_request(&mut self.rng, request).expect("an honest request");
                let Some(answer) = answer else { return };
                let keys = answer.keys.expect("no request is repeated");
                end.opener.install(keys.opening).expect("in turn");
                let _ = end.sealer.install(keys.sealing);
                self.seal(to, PathNumber(9), [&[b'r'][..], &answer.response].concat());
            }
            Some((b'r', response)) => {
                if let Some(keys) = end.rekey.handle_response(response).expect("an honest response") {
                    end.opener.install(keys.opening).expect("in turn");
                    let _ = end.sealer.install(keys.sealing);
                }
            }
            _ => {}
        }
    }
}
