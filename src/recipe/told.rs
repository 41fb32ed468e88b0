//! The recipe told in other words: as a shell script, as `docker run`, as OCI runtime JSON.
