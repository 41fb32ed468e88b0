//! The command line: clap types, no side effects.
