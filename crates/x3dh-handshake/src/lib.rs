//! A hybrid X3DH handshake (X25519 and ML-KEM-768) and Noise IK, sans-IO.
