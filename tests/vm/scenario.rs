//! The machines of the matrix.

/// A machine.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name, in tests and snapshots.
    pub(crate) name: &'static str,
    /// Series of its kernel.
    pub(crate) series: &'static str,
    /// What its kernel is told.
    pub(crate) kernel_says: &'static str,
    /// Shell lines that make the machine what it is, with the words of `guest/init`: `v2`, `v1`…
    pub(crate) setup: &'static str,
    /// The transcripts of its labs, by the suffix of their snapshots: machines that differ in what no learner sees have
    /// the same.
    pub(crate) transcripts: &'static str,
}

/// All of them.
pub(crate) const TABLE: &[Scenario] =
    &[Scenario { name: "v2", series: "6.1", kernel_says: "", setup: "v2; delegate", transcripts: "v2" }];

/// The one of this name.
pub(crate) fn named(name: &str) -> &'static Scenario {
    TABLE.iter().find(|scenario| scenario.name == name).unwrap()
}
