//! A number that is claimed: exact, or by comparison.

use std::fmt;
use std::str::FromStr;

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Longest signs first, since `>` begins `>=`.
    const SIGNS: [(&'static str, Self); 6] = [
        ("!=", Self::Unequal),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];
}

/// A claim about a number: `2` in a lab file, or `">= 2"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: i64,
}

impl Number {
    /// Exactly this number.
    pub const fn exactly(value: i64) -> Self {
        Self { comparison: Comparison::Equal, value }
    }

    /// Whether the claim is true of this number.
    pub fn holds(self, observed: impl TryInto<i64>) -> bool {
        // What does not fit is larger than any number a lab can name.
        let observed = observed.try_into().unwrap_or(i64::MAX);
        match self.comparison {
            Comparison::Equal => observed == self.value,
            Comparison::Unequal => observed != self.value,
            Comparison::Less => observed < self.value,
            Comparison::AtMost => observed <= self.value,
            Comparison::Greater => observed > self.value,
            Comparison::AtLeast => observed >= self.value,
        }
    }
}

impl FromStr for Number {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        for (sign, comparison) in Comparison::SIGNS {
            if let Some(rest) = text.strip_prefix(sign) {
                return rest.trim().parse().map(|value| Self { comparison, value }).map_err(|_| ());
            }
        }
        text.parse().map(Self::exactly).map_err(|_| ())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Comparison::SIGNS.iter().find(|(_, known)| *known == self.comparison);
        match sign {
            Some((sign, comparison)) if *comparison != Comparison::Equal => {
                write!(f, "{sign} {}", self.value)
            }
            _ => write!(f, "{}", self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_compares_as_it_says() {
        for (text, below, equal, above) in [
            ("5", false, true, false),
            ("= 5", false, true, false),
            ("!= 5", true, false, true),
            ("< 5", true, false, false),
            ("<=5", true, true, false),
            ("> 5", false, false, true),
            (">= 5", false, true, true),
        ] {
            let number: Number = text.parse().unwrap();
            assert_eq!([4, 5, 6].map(|observed| number.holds(observed)), [below, equal, above], "{text}");
            assert_eq!(number.to_string().parse(), Ok(number), "{text}");
        }
        assert!(Number::from_str("about 5").is_err());
        assert!(Number::from_str(">=").is_err());
    }

    #[test]
    fn a_number_beyond_i64_is_larger_than_any_claim() {
        assert!(Number::from_str("> 5").unwrap().holds(u64::MAX));
        assert!(!Number::exactly(5).holds(u64::MAX));
    }
}
