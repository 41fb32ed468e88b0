//! `cgroup FILE=VALUE…`: limits, with the names of the kernel's control files.
//!
//! Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1/memory.rst for the synonyms.

use super::LineError;
use super::ingredients::shown;
use super::scan::Word;
use super::words::Own;
use crate::recipe::ingredient::{Amount, Limit, Resource};
use crate::recipe::nearest::nearest;

/// Names of limits: the v2 file, and what v1 calls it.
const FILES: &[(&str, Resource)] = &[
    ("memory.max", Resource::Memory),
    ("pids.max", Resource::Pids),
    ("cpu.max", Resource::Cpu),
    ("memory.limit_in_bytes", Resource::Memory),
    ("cpu.cfs_quota_us", Resource::Cpu),
];

/// Microseconds of the period where none is named; the kernel's own default.
const PERIOD: u64 = 100_000;

/// The resource of a control file's name, v2 or v1.
pub(crate) fn resource(name: &str) -> Option<Resource> {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, resource)| *resource)
}

/// `cgroup [FILE=VALUE…]`.
pub(super) fn read(line: &Own<'_>) -> Result<Vec<Limit>, LineError> {
    let mut limits: Vec<Limit> = Vec::new();
    for token in line.args {
        let limit = limit(token)?;
        if limits.iter().any(|known| known.resource == limit.resource) {
            let name = limit.resource.name();
            return Err(
                LineError::new(token.at, format!("`{name}` is given twice")).hint("keep one of the two")
            );
        }
        limits.push(limit);
    }
    Ok(limits)
}

fn limit(token: &Word) -> Result<Limit, LineError> {
    let Some((name, value)) = token.text.split_once('=') else {
        let error = LineError::new(token.at, format!("`{}` has no value", shown(&token.text)));
        return Err(match resource(&token.text).or_else(|| by_controller(&token.text)) {
            Some(known) => error.hint(format!("write `{}={}`, without blanks", known.name(), example(known))),
            None => error.hint("write `cgroup memory.max=7340032`, without blanks around the `=`"),
        });
    };
    let resource = resource(name).ok_or_else(|| unknown(token.at, name))?;
    let value = Value { at: token.at + name.len() + 1, text: value.trim(), resource };
    let amount = match resource {
        Resource::Memory => value.bytes(),
        Resource::Pids => value.count(),
        Resource::Cpu => value.cpu(name == "cpu.cfs_quota_us"),
    }?;
    Ok(Limit { resource, amount })
}

fn by_controller(name: &str) -> Option<Resource> {
    Resource::ALL.into_iter().find(|resource| resource.controller() == name)
}

const fn example(resource: Resource) -> &'static str {
    match resource {
        Resource::Memory => "7340032",
        Resource::Pids => "64",
        Resource::Cpu => "50000/100000",
    }
}

fn unknown(at: usize, name: &str) -> LineError {
    let error = LineError::new(at, format!("there is no limit `{}` here", shown(name)));
    if matches!(name, "memory.swap.max" | "memory.memsw.limit_in_bytes") {
        return error.hint("rlab closes swap off by itself where there is a `memory.max`");
    }
    if name == "cpu.cfs_period_us" {
        return error.hint("write quota and period together: `cpu.max=50000/100000`");
    }
    if let Some(known) = by_controller(name) {
        return error.hint(format!("write `{}={}`", known.name(), example(known)));
    }
    match nearest(name, FILES.iter().map(|(file, _)| *file)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("the limits are memory.max, pids.max and cpu.max"),
    }
}

/// What stands behind the `=`.
struct Value<'a> {
    at: usize,
    text: &'a str,
    resource: Resource,
}

impl Value<'_> {
    fn error(&self, what: impl Into<String>) -> LineError {
        LineError::new(self.at, what)
    }

    fn name(&self) -> &'static str {
        self.resource.name()
    }

    /// The digits as a number, and what follows them; what is wrong with every number is told here.
    fn number(&self, text: &str) -> Result<(u64, String), LineError> {
        let shown = shown(self.text);
        if text.is_empty() {
            return Err(self.error(format!("`{}` needs a value", self.name())).hint(format!(
                "write `{}={}`, or `max` for no limit",
                self.name(),
                example(self.resource)
            )));
        }
        if text.starts_with('-') {
            return Err(self
                .error(format!("a limit cannot be negative (`{shown}`)"))
                .hint(format!("write `{}=max` to lift the limit", self.name())));
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at(digits);
        if digits.is_empty() {
            return Err(self.error(format!("`{shown}` is not a number")).hint(format!(
                "write `{}={}`, or `max` for no limit",
                self.name(),
                example(self.resource)
            )));
        }
        let number: u64 = digits.parse().map_err(|_| self.too_large())?;
        // `0x10`, `0b1`, `0o7`: no 0, and no unit either.
        if number == 0 && rest.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.len() > 1 {
            return Err(self
                .error(format!("`{shown}` is no number that a limit can have: only decimal ones are read"))
                .hint(format!("write `{}={}`, or `max` for no limit", self.name(), example(self.resource))));
        }
        if number == 0 {
            return Err(self
                .error(format!("a limit of 0 leaves nothing to run with (`{}`)", self.name()))
                .hint(format!(
                    "write a larger one such as `{}={}`, or `max`",
                    self.name(),
                    example(self.resource)
                )));
        }
        if rest.starts_with('.') || rest.starts_with(',') {
            return Err(self
                .error(format!("`{shown}` is not a whole number"))
                .hint("write whole numbers: `1536M`"));
        }
        Ok((number, rest.to_owned()))
    }

    fn too_large(&self) -> LineError {
        self.error(format!("`{}` is more than any machine has", shown(self.text))).hint(format!(
            "write a smaller one such as `{}={}`, or `max`",
            self.name(),
            example(self.resource)
        ))
    }

    /// Bytes, with a unit of 1024.
    fn bytes(&self) -> Result<Amount, LineError> {
        const LEAST_IMPOSSIBLE: u64 = 1 << 60;
        if self.text == "max" {
            return Ok(Amount::Max);
        }
        let (number, unit) = self.number(self.text)?;
        let shift = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kib" => 10,
            "m" | "mib" => 20,
            "g" | "gib" => 30,
            "t" | "tib" => 40,
            "p" | "pib" => 50,
            "e" | "eib" => 60,
            "kb" | "mb" | "gb" | "tb" => {
                let letter = unit[..1].to_ascii_uppercase();
                return Err(self.error(format!("`{unit}` can mean two numbers")).hint(format!(
                    "write `{number}{letter}` or `{number}{letter}iB` for units of 1024, or plain bytes"
                )));
            }
            _ => {
                return Err(self.error(format!("there is no unit `{}`", shown(&unit))).hint(
                    "the units are K, M, G and T, each 1024 of the one before; without a unit it is bytes",
                ));
            }
        };
        match number.checked_mul(1 << shift) {
            Some(bytes) if bytes < LEAST_IMPOSSIBLE => Ok(Amount::Number(bytes)),
            _ => Err(self.too_large()),
        }
    }

    /// Processes and threads.
    fn count(&self) -> Result<Amount, LineError> {
        // The kernel's PID_MAX_LIMIT: it refuses more with EINVAL.
        const MOST: u64 = 4_194_304;
        if self.text == "max" {
            return Ok(Amount::Max);
        }
        let (number, unit) = self.number(self.text)?;
        if !unit.is_empty() {
            return Err(self
                .error(format!("a number of processes has no unit (`{}`)", shown(&unit)))
                .hint("write `pids.max=64`"));
        }
        if number > MOST {
            return Err(self
                .error(format!("`{number}` is more processes than Linux can have ({MOST})"))
                .hint("write a smaller one such as `pids.max=64`, or `max`"));
        }
        Ok(Amount::Number(number))
    }

    /// Processor time: `QUOTA`, `QUOTA/PERIOD`, `"QUOTA PERIOD"` in microseconds, or `N%` of one processor.
    fn cpu(&self, quota_only: bool) -> Result<Amount, LineError> {
        // The kernel's own bounds (kernel/sched/core.c): 1 ms to 1 s a period, and 44 bits of quota.
        const LEAST: u64 = 1000;
        const LONGEST: u64 = 1_000_000;
        const MOST: u64 = (1 << 44) - 1;
        let mut parts = self.text.split(['/', ' ']).filter(|part| !part.is_empty());
        let first = parts.next().unwrap_or_default();
        let second = parts.next();
        if parts.next().is_some() || (quota_only && second.is_some()) {
            return Err(self
                .error(format!("`{}` is not a quota and a period", shown(self.text)))
                .hint("write `cpu.max=50000/100000`: that many microseconds in each period of so many"));
        }
        let period = match second {
            None => PERIOD,
            Some(text) => match self.number(text)? {
                (period, rest) if rest.is_empty() && (LEAST..=LONGEST).contains(&period) => period,
                _ => {
                    return Err(self
                        .error(format!("`{}` is not a period", shown(text)))
                        .hint("a period has 1000 to 1000000 microseconds"));
                }
            },
        };
        if first == "max" {
            return Ok(Amount::Max);
        }
        let (number, unit) = self.number(first)?;
        let quota = match unit.as_str() {
            "" => Some(number),
            "%" if !quota_only => number.checked_mul(period).map(|quota| quota / 100),
            _ => {
                return Err(self
                    .error(format!("there is no unit `{}` of processor time", shown(&unit)))
                    .hint("write microseconds a period, `cpu.max=50000/100000`, or `cpu.max=50%`"));
            }
        };
        match quota {
            Some(quota) if quota < LEAST => Err(self
                .error(format!("a quota of {quota} microseconds is less than the kernel takes"))
                .hint("write at least 1000 microseconds, such as `cpu.max=1000/100000`")),
            Some(quota) if quota <= MOST => Ok(Amount::Cpu { quota, period }),
            _ => Err(self.too_large()),
        }
    }
}
