//! The responder's half of the X3DH suites, one Diffie-Hellman a stage until the reply.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{EE, ES, KEM, SE, SS, commitment};
use crate::{
    aead::TAG_BYTES,
    code::append_mac,
    dh::{KeyPair, Point},
    error::{Error, Rejected},
    kem::EncapsulationKey,
    keys::{Credential, StaticKey},
    packet::{
        Answer, COMMITMENT_BYTES, HEADER_BYTES, KEY_BYTES, Kind, OFFER_BYTES, Offer, STATIC_BYTES, field,
        offer_bytes,
    },
    responder::ResponderKeys,
    session::{Exchanged, SessionSecrets},
    suite::Suite,
    transcript::Transcript,
};

/// After `S*`: somebody who knows `B` says that it is `A`.
pub(crate) struct Claimed {
    suite: Suite,
    transcript: Transcript,
    ephemeral: Point,
    static_point: Point,
    /// `P* | T*`
    sealed: Vec<u8>,
}

/// Opens `S*` of a packet whose size, suite and `mac1` are right.
pub(crate) fn claim(
    keys: &ResponderKeys,
    suite: Suite,
    packet: &[u8],
) -> Result<(Claimed, StaticKey, Credential), Rejected> {
    const OPEN: usize = HEADER_BYTES + KEY_BYTES;
    const STATIC_END: usize = OPEN + STATIC_BYTES + TAG_BYTES;
    let ephemeral = Point::check(&field(packet, HEADER_BYTES)?)?;
    // h0 = ck0 = H(protocol name, Id_R, B)
    let mut transcript = Transcript::new(suite, &keys.identity, &keys.static_secret.public());
    // h1 = mix(h0, hdr | X)
    transcript.absorb(packet.get(..OPEN).ok_or(Rejected)?);
    // ck1, k1 = KDF("es", ck0, DH(b, X))    S* = AEAD(k1, h1, A | credential)    h2 = mix(h1, S*)
    let key = transcript.mix_key(ES, keys.static_secret.pair().agree(&ephemeral)?.bytes());
    let mut plaintext = [0; STATIC_BYTES];
    transcript.open(key, packet.get(OPEN..STATIC_END).ok_or(Rejected)?, &mut plaintext)?;

    let static_key = StaticKey(field(&plaintext, 0)?);
    let credential = Credential(field(&plaintext, KEY_BYTES)?);
    let static_point = static_key.point()?;
    let sealed_end = STATIC_END + offer_bytes(suite) + 2 * TAG_BYTES;
    let sealed = packet.get(STATIC_END..sealed_end).ok_or(Rejected)?.to_vec();
    Ok((Claimed { suite, transcript, ephemeral, static_point, sealed }, static_key, credential))
}

/// After `P*`: it is `A`, or somebody who holds `b`, or an old packet of `A`'s.
pub(crate) struct Proved {
    transcript: Transcript,
    ephemeral: Point,
    static_point: Point,
    commitment: Option<[u8; COMMITMENT_BYTES]>,
    /// `T*`
    token: [u8; TAG_BYTES],
}

impl Claimed {
    pub(crate) fn prove(mut self, keys: &ResponderKeys) -> Result<(Proved, Offer), Rejected> {
        // ck2, k2 = KDF("ss", ck1, DH(b, A))    P* = AEAD(k2, h2, offer | commitment)    h3 = mix(h2, P*)
        let key = self.transcript.mix_key(SS, keys.static_secret.pair().agree(&self.static_point)?.bytes());
        let mut plaintext = [0; OFFER_BYTES + COMMITMENT_BYTES];
        let plaintext = plaintext.get_mut(..offer_bytes(self.suite)).ok_or(Rejected)?;
        let (sealed, token) = self.sealed.split_last_chunk::<TAG_BYTES>().ok_or(Rejected)?;
        self.transcript.open(key, sealed, plaintext)?;

        let offer = Offer::decode(&field(plaintext, 0)?);
        let commitment = match self.suite.has_kem() {
            true => Some(field(plaintext, OFFER_BYTES)?),
            false => None,
        };
        let Self { transcript, ephemeral, static_point, .. } = self;
        Ok((Proved { transcript, ephemeral, static_point, commitment, token: *token }, offer))
    }
}

/// After `T*`: the ticket, or that there is none, fits as well.
pub(crate) struct Taken {
    transcript: Transcript,
    ephemeral: Point,
    static_point: Point,
    commitment: Option<[u8; COMMITMENT_BYTES]>,
    encapsulation_key: Option<EncapsulationKey>,
    reply_key: Zeroizing<[u8; 32]>,
}

impl Proved {
    pub(crate) fn accept(mut self, psk: &[u8]) -> Result<Taken, Rejected> {
        // ck3, k3, m3 = KDF("psk", ck2, psk)    T* = AEAD(k3, h3, "")    h4 = mix(h3, T*)
        let (key, reply_key) = self.transcript.mix_psk(psk);
        self.transcript.open(key, &self.token, &mut [])?;
        let Self { transcript, ephemeral, static_point, commitment, .. } = self;
        Ok(Taken { transcript, ephemeral, static_point, commitment, encapsulation_key: None, reply_key })
    }
}

impl Taken {
    pub(crate) fn needs_key_share(&self) -> bool {
        self.commitment.is_some() && self.encapsulation_key.is_none()
    }

    /// Takes `M1b` in, if it is the one that `M1a` committed to.
    pub(crate) fn key_share(&mut self, packet: &[u8]) -> Result<(), Rejected> {
        let committed = self.commitment.as_ref().ok_or(Rejected)?;
        if Some(packet.len()) != Kind::KeyShare.packet_bytes(Suite::X3dhHybrid) {
            return Err(Rejected);
        }
        // H("Conclave1 part", M1b) = commitment
        if !bool::from(commitment(packet).ct_eq(committed)) {
            return Err(Rejected);
        }
        self.encapsulation_key = Some(EncapsulationKey::check(&field(packet, HEADER_BYTES)?)?);
        Ok(())
    }

    /// Appends the rest of `M2` to its header.
    pub(crate) fn reply(
        mut self,
        packet: &mut Vec<u8>,
        answer: &Answer,
        rng: &mut dyn CryptoRng,
    ) -> Result<Exchanged, Error> {
        let ephemeral = KeyPair::generate(rng)?;
        packet.extend_from_slice(ephemeral.public());
        let kem = match &self.encapsulation_key {
            Some(key) => {
                let (ciphertext, secret) = key.encapsulate(rng);
                packet.extend_from_slice(&ciphertext);
                Some(secret)
            }
            None if self.commitment.is_some() => return Err(Error::KeyShareMissing),
            None => None,
        };
        // h5 = mix(h4, hdr | Y | ct)
        self.transcript.absorb(packet);
        // ck4 = KDF("ee", ck3, DH(y, X))    ck5, k5 = KDF("se", ck4, DH(y, A))
        self.transcript.mix_key(EE, ephemeral.agree(&self.ephemeral)?.bytes());
        let mut key = self.transcript.mix_key(SE, ephemeral.agree(&self.static_point)?.bytes());
        if let Some(secret) = kem {
            // ck6, k6 = KDF("kem", ck5, kem secret)
            key = self.transcript.mix_key(KEM, secret.bytes());
        }
        // N* = AEAD(k6, h5, answer)    h6 = mix(h5, N*)
        self.transcript.seal(key, &answer.encode(), packet)?;
        append_mac(&self.reply_key, packet);
        let secrets = SessionSecrets::derive(self.transcript.chain(), self.transcript.hash());
        Ok(Exchanged { secrets, transcript: *self.transcript.hash() })
    }
}
