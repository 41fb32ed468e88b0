//! Parse, pick the mode, exit code.

fn main() {}
