//! The simulated venue from outside: bytes in, bytes out. What is expected is written by hand from the venue's byte
//! tables, or comes from a naive book; nothing of the venue's own codec is used.

mod client;
mod cross;
mod faults;
mod matching;
mod orders;
mod packets;
mod sessions;

use client::*;
