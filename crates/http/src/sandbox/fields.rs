//! The fields of a small JSON object, each taken once; what is left over is unknown.

use crate::{
    json::{self, Json},
    rws::v1::shape,
};
use carnelian_app::Failure;
use carnelian_domain::{Problem, Violation};
use hyper::HeaderMap;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The fields that have not been taken yet, and those that are wrong.
pub(super) struct Fields {
    entries: Map<String, Value>,
    faults: Vec<Violation>,
}

impl Fields {
    /// Reads a body as strictly as the API does.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Fields, Problem> {
        if !shape::is_json(headers) {
            return Err(Problem::UnsupportedMediaType);
        }
        let Ok(Json::Object(keys)) = json::parse(body) else { return Err(Problem::MalformedJson) };
        let entries: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Problem::MalformedJson)?;
        // Of a key that comes twice only one is left.
        if entries.len() != keys.len() {
            return Err(Problem::MalformedJson);
        }
        Ok(Fields { entries, faults: Vec::new() })
    }

    /// Says that a field is missing if there is none at all.
    pub(super) fn expect_any(&mut self, key: &str) {
        if self.entries.values().all(Value::is_null) {
            self.refuse(key);
        }
    }

    /// Takes a field and reads it; one that is null is absent.
    pub(super) fn read_with<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.entries.remove(key).filter(|value| !value.is_null())?;
        let found = read(&value);
        if found.is_none() {
            self.refuse(key);
        }
        found
    }

    /// Takes a field that is a whole number within bounds.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.read_with(key, |value| value.as_u64().filter(|number| range.contains(number)))
    }

    /// Says that a field is wrong.
    pub(super) fn refuse(&mut self, key: &str) {
        if self.faults.iter().all(|fault| fault.field != key) {
            self.faults.push(Violation::new(key, Problem::MalformedJson));
        }
    }

    /// Ends the reading: nothing may be wrong or left over.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        for key in std::mem::take(&mut self.entries).keys() {
            self.refuse(key);
        }
        if self.faults.is_empty() { Ok(()) } else { Err(Failure::Violations(self.faults)) }
    }
}
