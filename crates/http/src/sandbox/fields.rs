//! The fields of a small JSON object. Each is taken once; fields that are left over are unknown and refused.

use crate::{
    json::{self, Json},
    rws::v1::shape,
};
use carnelian_app::Failure;
use carnelian_domain::{BrokenRule, Problem, RawText, Timestamp, Violations};
use hyper::HeaderMap;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The fields that have not been taken yet, and the violations found so far.
pub(super) struct Fields {
    entries: Map<String, Value>,
    violations: Violations,
}

impl Fields {
    /// Reads a body as strictly as the API does.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Fields, Problem> {
        shape::check_content(headers)?;
        let body = shape::trim(body);
        let Ok(Json::Object(keys)) = json::parse(body) else { return Err(Problem::MalformedJson) };
        let entries: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Problem::MalformedJson)?;
        // `Map` keeps one of the entries of a repeated key.
        if entries.len() != keys.len() {
            return Err(Problem::MalformedJson);
        }
        Ok(Fields { entries, violations: Violations::default() })
    }

    /// Reports `key` as missing if there are no fields at all.
    pub(super) fn expect_any(&mut self, key: &str) {
        if self.entries.values().all(Value::is_null) {
            self.refuse(key);
        }
    }

    /// Takes a field and reads it; null counts as absent.
    pub(super) fn read_with<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.entries.remove(key).filter(|value| !value.is_null())?;
        let found = read(&value);
        if found.is_none() {
            self.refuse(key);
        }
        found
    }

    /// Takes a field that is a moment.
    pub(super) fn moment(&mut self, key: &str) -> Option<Timestamp> {
        let text = self.read_with(key, |value| value.as_str().map(str::to_owned))?;
        self.violations.optional(key, RawText::Text(&text), Problem::InvalidDateFormat, Timestamp::from_iso8601)
    }

    /// Takes a field that is a whole number within a range.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.read_with(key, Value::as_u64)?;
        if range.contains(&number) {
            return Some(number);
        }
        let limit = usize::try_from(*range.end()).ok();
        self.violations.add_once(key, BrokenRule { problem: Problem::MalformedJson, limit });
        None
    }

    /// Reports a field as wrong.
    pub(super) fn refuse(&mut self, key: &str) {
        self.violations.add_once(key, Problem::MalformedJson);
    }

    /// Succeeds if no field is wrong or left over.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        for key in std::mem::take(&mut self.entries).keys() {
            self.refuse(key);
        }
        Ok(self.violations.finish(Some(()))?)
    }
}
