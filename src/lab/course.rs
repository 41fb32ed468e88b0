//! The labs that are built into the program.
