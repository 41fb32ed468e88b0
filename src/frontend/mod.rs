//! Terminal, files, environment, clock: where bytes go.
