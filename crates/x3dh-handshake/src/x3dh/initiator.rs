//! The initiator's half of the X3DH suites.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{EE, ES, KEM, SE, SS, commitment};
use crate::{
    code::{append_door_mac, check_mac},
    dh::{KeyPair, Point},
    error::{Error, Rejected},
    initiator::{FirstFlight, InitiatorConfig},
    kem::{CIPHERTEXT_BYTES, DecapsulationKey},
    keys::StaticSecret,
    packet::{
        ANSWER_BYTES, Answer, HEADER_BYTES, KEY_BYTES, KEY_SHARE_BYTES, Kind, Offer, STATIC_BYTES, field,
        header,
    },
    session::{Exchanged, SessionSecrets},
    suite::{Capabilities, Suite},
    transcript::Transcript,
};

/// What the initiator keeps until a reply comes: the state after `M1a`.
pub(crate) struct Waiting {
    suite: Suite,
    transcript: Transcript,
    ephemeral: KeyPair,
    static_secret: StaticSecret,
    kem: Option<DecapsulationKey>,
    reply_key: Zeroizing<[u8; 32]>,
    offered: Capabilities,
}

/// Makes `M1a`, and `M1b` where the suite has one.
pub(crate) fn start(
    config: &InitiatorConfig<'_>,
    offer: &Offer,
    responder: &Point,
    rng: &mut dyn CryptoRng,
) -> Result<(Waiting, FirstFlight), Error> {
    let suite = config.suite;
    let ephemeral = KeyPair::generate(rng)?;
    let (kem, key_share) = suite.has_kem().then(|| key_share(config, rng)).unzip();

    // h0 = ck0 = H(protocol name, Id_R, B)
    let mut transcript = Transcript::new(suite, config.responder_identity, config.responder_static);
    let mut packet = Vec::with_capacity(Kind::First.packet_bytes(suite).unwrap_or(0));
    packet.extend_from_slice(&header(Kind::First, suite, config.tag));
    packet.extend_from_slice(ephemeral.public());
    // h1 = mix(h0, hdr | X)
    transcript.absorb(&packet);

    // ck1, k1 = KDF("es", ck0, DH(x, B))    S* = AEAD(k1, h1, A | credential)    h2 = mix(h1, S*)
    let key = transcript.mix_key(ES, ephemeral.agree(responder)?.bytes());
    let mut claim = [0; STATIC_BYTES];
    claim[..KEY_BYTES].copy_from_slice(&config.static_secret.public().0);
    claim[KEY_BYTES..].copy_from_slice(&config.credential.0);
    transcript.seal(key, &claim, &mut packet)?;

    // ck2, k2 = KDF("ss", ck1, DH(a, B))    P* = AEAD(k2, h2, offer | commitment)    h3 = mix(h2, P*)
    let key = transcript.mix_key(SS, config.static_secret.pair().agree(responder)?.bytes());
    let mut plaintext = offer.encode().to_vec();
    if let Some(part) = &key_share {
        plaintext.extend_from_slice(&commitment(part));
    }
    transcript.seal(key, &plaintext, &mut packet)?;

    // ck3, k3, m3 = KDF("psk", ck2, psk)    T* = AEAD(k3, h3, "")    h4 = mix(h3, T*)
    let psk = config.ticket.as_ref().map_or(&[][..], |(_, psk)| psk.dangerous_bytes());
    let (key, reply_key) = transcript.mix_psk(psk);
    transcript.seal(key, &[], &mut packet)?;

    append_door_mac(config.door, &mut packet);
    let static_secret = config.static_secret.clone();
    let offered = config.capabilities;
    let waiting = Waiting { suite, transcript, ephemeral, static_secret, kem, reply_key, offered };
    Ok((waiting, FirstFlight { first: packet, cookied: None, key_share }))
}

/// `M1b = hdr | ek`
fn key_share(config: &InitiatorConfig<'_>, rng: &mut dyn CryptoRng) -> (DecapsulationKey, Vec<u8>) {
    let (secret, public) = DecapsulationKey::generate(rng);
    let mut packet = Vec::with_capacity(KEY_SHARE_BYTES);
    packet.extend_from_slice(&header(Kind::KeyShare, config.suite, config.tag));
    packet.extend_from_slice(&public);
    (secret, packet)
}

impl Waiting {
    /// Reads `M2`, whose header has been checked. Nothing changes, whatever the packet is.
    pub(crate) fn read(&self, packet: &[u8]) -> Result<(Answer, Exchanged), Rejected> {
        let packet = check_mac(&self.reply_key, packet)?;
        let mut transcript = self.transcript.clone();
        let ciphertext_bytes = if self.suite.has_kem() { CIPHERTEXT_BYTES } else { 0 };
        let split = HEADER_BYTES + KEY_BYTES + ciphertext_bytes;
        let (open, sealed) = packet.split_at_checked(split).ok_or(Rejected)?;
        let point = Point::check(&field(open, HEADER_BYTES)?)?;

        // h5 = mix(h4, hdr | Y | ct)
        transcript.absorb(open);
        // ck4 = KDF("ee", ck3, DH(x, Y))    ck5, k5 = KDF("se", ck4, DH(a, Y))
        transcript.mix_key(EE, self.ephemeral.agree(&point)?.bytes());
        let mut key = transcript.mix_key(SE, self.static_secret.pair().agree(&point)?.bytes());
        if let Some(kem) = &self.kem {
            // ck6, k6 = KDF("kem", ck5, decapsulate(dk, ct))
            let ciphertext = field(open, HEADER_BYTES + KEY_BYTES)?;
            key = transcript.mix_key(KEM, kem.decapsulate(&ciphertext).bytes());
        }
        // N* = AEAD(k6, h5, answer)    h6 = mix(h5, N*)
        let mut answer = [0; ANSWER_BYTES];
        transcript.open(key, sealed, &mut answer)?;

        let answer = Answer::decode(&answer, self.offered)?;
        let secrets = SessionSecrets::derive(transcript.chain(), transcript.hash());
        Ok((answer, Exchanged { secrets, transcript: *transcript.hash() }))
    }
}
