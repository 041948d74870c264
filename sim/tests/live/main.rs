//! The running engine against the simulated venue, in one thread and virtual time: same seed, same decisions.

mod crashes;
mod faults;
mod rig;
mod second;
mod soak;
mod trading;
