//! The running engine against the simulated venue, in one thread and virtual time: same seed, same decisions.

mod alarms;
mod cards;
mod crashes;
mod desks;
mod faults;
mod gates;
mod lies;
mod own_fills;
mod plans;
mod rig;
mod second;
mod seen;
mod soak;
mod trading;
