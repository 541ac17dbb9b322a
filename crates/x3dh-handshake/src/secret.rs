//! The newtypes of secrets: erased on drop, redacted in `Debug`, compared in constant time, never `Copy`.

/// Defines a 32-byte secret.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the secret's bytes in.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The secret itself: keep it out of logs, messages and files that others read.
            #[must_use]
            pub const fn dangerous_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]).into()
            }
        }

        impl Eq for $name {}
    };
}

secret! {
    /// The secret a node hands out in its tickets and member records.
    ///
    /// Whoever knows it may have a first packet looked at; whoever does not is not worth a Diffie-Hellman.
    Door
}
secret! {
    /// The secret of a one-time ticket, mixed into the handshake as a pre-shared key.
    Psk
}
secret! {
    /// `r0`: the root from which a session's later epochs of fresh keys descend.
    RootSecret
}
secret! {
    /// `c_I` or `c_R`: where the packet keys of one direction begin.
    ChainSecret
}
secret! {
    /// What the exporter derives from: keys for a user's own purposes, bound to this one session.
    ExporterSecret
}
secret! {
    /// What a responder makes and checks cookies with; it never leaves the node and rotates every few minutes.
    CookieSecret
}

macro_rules! generate {
    ($($name:ident),*) => {$(
        impl $name {
            /// Draws a new one.
            pub fn generate(rng: &mut dyn rand_core::CryptoRng) -> Self {
                let mut secret = Self([0; 32]);
                rng.fill_bytes(&mut secret.0);
                secret
            }
        }
    )*};
}

generate!(Door, Psk, CookieSecret);
