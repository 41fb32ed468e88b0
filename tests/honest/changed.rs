//! Labs with lines taken out.

use toml::{Table, Value};

/// A lab that was changed, and how.
pub(crate) struct Changed {
    pub(crate) lab: Table,
    pub(crate) how: String,
}

/// A place for lines in a lab: before the first step, the solution of a step, or a row of its table.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Start,
    Try(usize),
    Row(usize, usize),
}

impl Place {
    /// All of them, in the order in which they are run.
    pub(crate) fn all(lab: &Table) -> Vec<Self> {
        let start = lab.contains_key("start").then_some(Self::Start);
        let below = (0..steps(lab)).flat_map(|step| {
            let table = lab["step"][step].get("ablation");
            let rows = table.map_or(0, |table| table["row"].as_array().unwrap().len());
            (0..rows).map(move |row| Self::Row(step, row)).chain([Self::Try(step)])
        });
        start.into_iter().chain(below).collect()
    }

    /// The lines there.
    pub(crate) fn lines(self, lab: &mut Table) -> &mut Vec<Value> {
        let lines = match self {
            Self::Start => &mut lab["start"],
            Self::Try(step) => &mut lab["step"][step]["try"],
            Self::Row(step, row) => &mut lab["step"][step]["ablation"]["row"][row]["lines"],
        };
        lines.as_array_mut().unwrap()
    }

    fn name(self) -> String {
        match self {
            Self::Start => "start".to_owned(),
            Self::Try(step) => format!("step {}", step + 1),
            Self::Row(step, row) => format!("step {}, row {}", step + 1, row + 1),
        }
    }
}

/// How many steps a lab has.
pub(crate) fn steps(lab: &Table) -> usize {
    lab["step"].as_array().unwrap().len()
}

/// The lab without one of the lines there, once for each.
pub(crate) fn without_one(lab: &Table, place: Place) -> Vec<Changed> {
    let count = place.lines(&mut lab.clone()).len();
    let without = |line| {
        let mut changed = lab.clone();
        let taken = place.lines(&mut changed).remove(line);
        Changed { lab: changed, how: format!("{}: without {taken}", place.name()) }
    };
    (0..count).map(without).collect()
}

/// Every line with nothing before it: alone; and each step with all that come after it.
pub(crate) fn without_what_came_before(lab: &Table) -> Vec<Changed> {
    let mut changed = Vec::new();
    let mut rest = lab.clone();
    for place in Place::all(lab).into_iter().filter(|place| !matches!(place, Place::Row(..))) {
        changed.push(Changed { lab: rest.clone(), how: format!("from {} on", place.name()) });
        for line in std::mem::take(place.lines(&mut rest)) {
            changed.push(Changed { how: format!("nothing but {line}"), lab: alone(lab, place, line) });
        }
    }
    changed
}

/// A lab of one step, and that of one line.
fn alone(lab: &Table, place: Place, line: Value) -> Table {
    let step = if let Place::Try(step) = place { step } else { 0 };
    let mut alone = lab.clone();
    alone.remove("start");
    alone.insert("step".to_owned(), Value::Array(vec![lab["step"][step].clone()]));
    *Place::Try(0).lines(&mut alone) = vec![line];
    alone
}
