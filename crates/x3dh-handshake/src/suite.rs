//! What two ends agree on: suites, traffic AEADs, capabilities, limits.

use crate::error::Error;

/// A handshake suite. Its number is on the wire and in the transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// X3DH on X25519 with an ephemeral ML-KEM-768: from the second message on, secrets hold if either holds.
    X3dhHybrid,
    /// X3DH on X25519 alone.
    X3dh,
    /// `Noise_IK_25519_ChaChaPoly_BLAKE2b`, for foreign implementations.
    NoiseIk,
    /// `Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b`, for foreign implementations that redeem a ticket: never without one.
    NoiseIkPsk2,
    /// `Noise_NK_25519_ChaChaPoly_BLAKE2b`, for callers without a name. See [`anonymous`](crate::anonymous).
    NoiseNk,
}

impl Suite {
    /// Every suite of this version.
    pub const ALL: [Self; 5] =
        [Self::X3dhHybrid, Self::X3dh, Self::NoiseIk, Self::NoiseIkPsk2, Self::NoiseNk];

    /// The number on the wire.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::X3dhHybrid => 0x0001,
            Self::X3dh => 0x0002,
            Self::NoiseIk => 0x0101,
            Self::NoiseIkPsk2 => 0x0102,
            Self::NoiseNk => 0x0103,
        }
    }

    /// The suite with this number.
    #[must_use]
    pub fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id() == id)
    }

    /// Whether the suite carries an ephemeral KEM beside X25519.
    #[must_use]
    pub const fn has_kem(self) -> bool {
        matches!(self, Self::X3dhHybrid)
    }

    /// Whether the first packet may redeem a ticket.
    #[must_use]
    pub const fn has_tickets(self) -> bool {
        matches!(self, Self::X3dhHybrid | Self::X3dh | Self::NoiseIkPsk2)
    }

    /// Whether the first packet must redeem one.
    #[must_use]
    pub const fn needs_ticket(self) -> bool {
        matches!(self, Self::NoiseIkPsk2)
    }

    /// Whether the initiator has no name: no [`Initiator`](crate::Initiator) speaks such a suite and no
    /// [`Knock`](crate::Knock) takes it.
    #[must_use]
    pub const fn is_anonymous(self) -> bool {
        matches!(self, Self::NoiseNk)
    }

    /// The name that is hashed before anything else.
    pub(crate) const fn protocol_name(self) -> &'static str {
        match self {
            Self::X3dhHybrid => "Conclave1 X3DH-25519-MLKEM768-ChaChaPoly-SHA3",
            Self::X3dh => "Conclave1 X3DH-25519-ChaChaPoly-SHA3",
            Self::NoiseIk => "Conclave1 Noise_IK_25519_ChaChaPoly_BLAKE2b",
            Self::NoiseIkPsk2 => "Conclave1 Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b",
            Self::NoiseNk => "Conclave1 Noise_NK_25519_ChaChaPoly_BLAKE2b",
        }
    }
}

/// The AEAD that seals a session's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrafficAead {
    /// AES-256-GCM: several times as fast where the processor helps.
    Aes256Gcm,
    /// ChaCha20-Poly1305: constant time everywhere.
    ChaCha20Poly1305,
}

impl TrafficAead {
    const ALL: [Self; 2] = [Self::Aes256Gcm, Self::ChaCha20Poly1305];

    /// The number on the wire.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }

    /// The AEAD with this number.
    #[must_use]
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|aead| aead.id() == id)
    }

    /// The responder's choice: its preference if both can, else another that both can.
    ///
    /// # Errors
    /// [`Error::NoCommonAead`] if there is none.
    pub(crate) fn choose(preference: Self, own: Capabilities, peer: Capabilities) -> Result<Self, Error> {
        std::iter::once(preference)
            .chain(Self::ALL)
            .find(|aead| own.can_seal_with(*aead) && peer.can_seal_with(*aead))
            .ok_or(Error::NoCommonAead)
    }
}

/// What an end can do, as a set of bits. Those without a name here belong to the layers above and pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// Seals traffic with AES-256-GCM.
    pub const AES_256_GCM: Self = Self(1 << 0);
    /// Seals traffic with ChaCha20-Poly1305.
    pub const CHACHA20_POLY1305: Self = Self(1 << 1);
    /// Both traffic AEADs, and nothing else.
    pub const BOTH_AEADS: Self = Self::AES_256_GCM.and(Self::CHACHA20_POLY1305);

    /// The bits of both.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this end can use the AEAD.
    #[must_use]
    pub const fn can_seal_with(self, aead: TrafficAead) -> bool {
        self.contains(match aead {
            TrafficAead::Aes256Gcm => Self::AES_256_GCM,
            TrafficAead::ChaCha20Poly1305 => Self::CHACHA20_POLY1305,
        })
    }

    pub(crate) const fn has_an_aead(self) -> bool {
        self.0 & Self::BOTH_AEADS.0 != 0
    }
}

/// How much an end is ready to receive before it has said more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Initial credit of the session as a whole, in KiB.
    pub session_window_kib: u32,
    /// Initial credit of each stream, in KiB.
    pub stream_window_kib: u32,
}
