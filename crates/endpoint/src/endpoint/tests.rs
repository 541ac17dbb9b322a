//! Each rule of the control plane, on a virtual clock. Handshakes are facts here: no keys.

mod admission;
mod dialing;
mod glare;
mod replays;
mod rig;
mod sessions;
mod standing;
