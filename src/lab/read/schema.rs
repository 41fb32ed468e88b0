//! What a lab file may hold: every key with its value, what it is for, and an example.
//!
//! The reader of lab files takes from here which keys there are and what is told where one is missing, and the book's
//! chapters "The lab format" and "Checks" are made of the same rows: so the page and the reader cannot drift apart.
//!
//! - `lab`, `step`, `asked`: the keys of a lab, of a step, of a prediction and an ablation table.
//! - `outcome`, `seen`, `state`: the keys of a check.

mod asked;
mod lab;
mod outcome;
mod seen;
mod state;
mod step;
#[cfg(test)]
mod tests;

const STRING: &str = "a string";
const STRINGS: &str = "a list of strings";
const TEXTS: &str = "a string or a list of strings";
const INTEGER: &str = "a whole number";
const NUMBER: &str = "a number or a comparison such as `\">= 2\"`";
const BOOLEAN: &str = "`true` or `false`";
const TABLE: &str = "a table";
const TABLES: &str = "a list of tables";

/// One key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value is, in the words of the mistake that another value is.
    pub value: &'static str,
    /// Where the key has to be there: what is told when it is not.
    pub missing: Option<&'static str>,
    /// What it is for, in Markdown.
    pub about: &'static str,
    /// An example, in TOML.
    pub example: &'static str,
    /// What there is to say after the example, in Markdown; of a condition, when it passes and when it fails.
    pub more: &'static str,
}

/// The keys of a table that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// A heading, where a table has more than one group.
    pub title: &'static str,
    /// What holds of all of them, in Markdown.
    pub about: &'static str,
    /// The keys.
    pub fields: &'static [Field],
}

/// A table of a lab file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The word for it: `step`.
    pub name: &'static str,
    /// How it is written.
    pub written: &'static str,
    /// How a mistake speaks of it.
    pub of: &'static str,
    /// Its keys, in groups.
    pub groups: &'static [Group],
}

/// The whole file.
pub const LAB: Table = Table { name: "lab", written: "the lab", of: "a lab", groups: &[only(lab::LAB)] };

/// A step.
pub const STEP: Table =
    Table { name: "step", written: "`[[step]]`", of: "a step", groups: &[only(step::STEP)] };

/// What a learner is asked before a step.
pub const PREDICT: Table =
    Table { name: "predict", written: "`[step.predict]`", of: "`predict`", groups: &[only(asked::PREDICT)] };

/// The table of the word `ablate`.
pub const ABLATION: Table = Table {
    name: "ablation",
    written: "`[step.ablation]`",
    of: "`ablation`",
    groups: &[only(asked::ABLATION)],
};

/// One row of it.
pub const ROW: Table =
    Table { name: "row", written: "`[[step.ablation.row]]`", of: "a row", groups: &[only(asked::ROW)] };

const ENDED: Group = Group { title: "How it ended", about: "", fields: outcome::ENDED };
const PRINTED: Group = Group { title: "What it printed", about: "", fields: outcome::PRINTED };
const SEEN: Group = Group {
    title: "What the host saw of the process",
    about: "These are read from the host in the moment before the program starts, when everything is set up.",
    fields: seen::SEEN,
};
const GROUP: Group = Group { title: "The control group of the process", about: "", fields: state::GROUP };
const NOW: Group = Group { title: "The machine now", about: "", fields: state::NOW };

/// What must be true after a step.
pub const CHECK: Table = Table {
    name: "check",
    written: "`[[step.check]]`",
    of: "a check",
    groups: &[
        Group { title: "The frame", about: "", fields: outcome::FRAME },
        ENDED,
        PRINTED,
        SEEN,
        GROUP,
        NOW,
        Group {
            title: "The ablation table",
            about: "The step needs a [`[step.ablation]`](lab-format.md#ablation), and `ablate` among the lines of its \
                    `try`.",
            fields: state::ABLATED,
        },
    ],
};

/// What `rlab challenge` wants to see: a check with fewer keys, of which not every condition is observed.
pub const GOAL: Table = Table {
    name: "goal",
    written: "`[[goal]]`",
    of: "a goal",
    groups: &[only(outcome::GOAL), ENDED, PRINTED, SEEN, GROUP, NOW],
};

/// Which cell of the ablation table a check is about.
pub const CELL: Table =
    Table { name: "cell", written: "`cell = { … }`", of: "`cell`", groups: &[only(state::CELL)] };

/// Every table, in the order in which they are told.
pub const ALL: [Table; 6] = [LAB, STEP, PREDICT, ABLATION, ROW, CHECK];

const fn only(fields: &'static [Field]) -> Group {
    Group { title: "", about: "", fields }
}

impl Table {
    /// Its keys.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().flat_map(|group| group.fields)
    }

    /// The names of its keys.
    pub fn keys(&self) -> Vec<&'static str> {
        self.fields().map(|field| field.key).collect()
    }

    /// One of its keys.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.key == key)
    }
}
