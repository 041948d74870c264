//! The `hedgewire` command.

fn main() {}
