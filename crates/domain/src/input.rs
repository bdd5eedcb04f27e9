//! Values as received, and the collector that every check of an input reports its violations to.
//!
//! A check reads each value through [`Violations`], which records violations, and ends with
//! [`Violations::finish`]. So a caller sees everything that is wrong with an input in one answer.

use crate::{errors::Problem, rules::TextRule};
use std::fmt;

/// A text field as received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawText<'a> {
    /// Missing or null.
    #[default]
    Absent,
    /// A string.
    Text(&'a str),
    /// A value that is not a string.
    WrongType,
}

/// One violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, as in `contacts[2].mobile`.
    pub field: String,
    /// The problem with its value.
    pub problem: Problem,
    /// The upper limit in force, if the rule has one.
    pub limit: Option<usize>,
}

impl Violation {
    /// A violation of a rule without an upper limit.
    pub fn new(field: impl Into<String>, problem: Problem) -> Violation {
        Violation { field: field.into(), problem, limit: None }
    }
}

/// What a violation of a rule is reported as.
#[derive(Clone, Copy, Debug)]
pub struct BrokenRule {
    /// The problem.
    pub problem: Problem,
    /// The upper limit in force, if the rule has one.
    pub limit: Option<usize>,
}

impl From<Problem> for BrokenRule {
    fn from(problem: Problem) -> BrokenRule {
        BrokenRule { problem, limit: None }
    }
}

impl From<&TextRule> for BrokenRule {
    fn from(rule: &TextRule) -> BrokenRule {
        BrokenRule { problem: rule.invalid, limit: Some(rule.max) }
    }
}

/// Collects the violations of an input.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<Violation>,
    /// Further violations are not recorded beyond this number.
    max: Option<usize>,
}

impl Violations {
    /// A collector that keeps the first `max` violations only, for inputs that can have any number of them.
    pub fn at_most(max: usize) -> Violations {
        Violations { found: Vec::new(), max: Some(max) }
    }

    /// Records a violation.
    pub fn add(&mut self, field: impl fmt::Display, broken: impl Into<BrokenRule>) {
        if self.max.is_none_or(|max| self.found.len() < max) {
            let BrokenRule { problem, limit } = broken.into();
            self.found.push(Violation { field: field.to_string(), problem, limit });
        }
    }

    /// Records a violation unless the field already has one.
    pub fn add_once(&mut self, field: impl fmt::Display, broken: impl Into<BrokenRule>) {
        let field = field.to_string();
        if self.found.iter().all(|violation| violation.field != field) {
            self.add(field, broken);
        }
    }

    /// Whether a problem has been recorded.
    pub fn contains(&self, problem: Problem) -> bool {
        self.found.iter().any(|violation| violation.problem == problem)
    }

    /// Reads a value that may be absent. `None` if it is, or if a violation was recorded.
    pub fn optional<T>(
        &mut self,
        field: impl fmt::Display,
        raw: RawText<'_>,
        broken: impl Into<BrokenRule>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = match raw {
            RawText::Absent => return None,
            RawText::Text(text) => read(text),
            RawText::WrongType => None,
        };
        if value.is_none() {
            self.add(field, broken);
        }
        value
    }

    /// Reads a value that must be present. `None` if a violation was recorded.
    pub fn required<T>(
        &mut self,
        field: impl fmt::Display,
        raw: RawText<'_>,
        broken: impl Into<BrokenRule>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if raw == RawText::Absent {
            self.add(&field, Problem::RequiredFieldsMissing);
        }
        self.optional(field, raw, broken, read)
    }

    /// The checked value, or the violations in the order of the error catalogue and, of each problem, of the input.
    ///
    /// `checked` may be `None` only if a violation was recorded.
    pub fn finish<T>(mut self, checked: Option<T>) -> Result<T, Vec<Violation>> {
        self.found.sort_by_key(|violation| violation.problem);
        match checked {
            Some(checked) if self.found.is_empty() => Ok(checked),
            _ => Err(self.found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_sorted_by_problem_and_then_by_order_of_the_input() {
        let mut violations = Violations::default();
        violations.add("b", Problem::InvalidText);
        violations.add("a", Problem::InvalidText);
        violations.add("c", Problem::MalformedJson);
        let found = violations.finish(Some(())).expect_err("violations");
        assert_eq!(found.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(), ["c", "b", "a"]);
    }

    #[test]
    fn a_limited_collector_keeps_the_first_violations() {
        let mut violations = Violations::at_most(2);
        ["a", "b", "c"].iter().for_each(|field| violations.add(field, Problem::MalformedJson));
        assert_eq!(violations.finish(Some(())).map_err(|found| found.len()), Err(2));
    }

    #[test]
    fn a_missing_value_is_a_violation_only_if_it_is_required() {
        let mut violations = Violations::default();
        let read = |text: &str| text.parse::<u8>().ok();
        assert_eq!(violations.optional("a", RawText::Absent, Problem::InvalidText, read), None);
        assert_eq!(violations.optional("b", RawText::Text("7"), Problem::InvalidText, read), Some(7));
        assert_eq!(violations.required("c", RawText::Absent, Problem::InvalidText, read), None);
        assert_eq!(violations.optional("d", RawText::WrongType, Problem::InvalidText, read), None);
        let expected = [Violation::new("c", Problem::RequiredFieldsMissing), Violation::new("d", Problem::InvalidText)];
        assert_eq!(violations.finish(Some(())), Err(expected.to_vec()));
    }
}
