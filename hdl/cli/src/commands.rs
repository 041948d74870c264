//! The subcommands, one a file: each has its `Arguments` and a `run`.

pub mod bench;
pub mod emit;
pub mod verify;
