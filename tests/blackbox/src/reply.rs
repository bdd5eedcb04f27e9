//! A response, and assertions about it.

use serde_json::Value;

use crate::Problem;

/// A response as it was received.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers in the order in which they were received.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer encoding.
    pub body: Vec<u8>,
}

/// One entry of `violations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field.
    pub field: String,
    /// The code; empty if there is none.
    pub code: String,
    /// The text.
    pub message: String,
    /// The true maximum, for a length rule.
    pub limit: Option<u64>,
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(not UTF-8)")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}) in {self:?}"))
    }

    /// The `errorCode`, if there is one.
    pub fn code(&self) -> Option<String> {
        serde_json::from_slice::<Value>(&self.body).ok()?.get("errorCode")?.as_str().map(str::to_owned)
    }

    /// The `errorMessage`, if there is one.
    pub fn message(&self) -> Option<String> {
        serde_json::from_slice::<Value>(&self.body).ok()?.get("errorMessage")?.as_str().map(str::to_owned)
    }

    /// Whether this is the response of `problem`.
    pub fn is(&self, problem: &Problem) -> bool {
        self.status == problem.status
            && self.code().as_deref() == problem.code
            && self.message().as_deref() == Some(problem.message)
    }

    /// Asserts that this is the response of `problem`; `case` describes the request.
    #[track_caller]
    pub fn must_be(&self, problem: &Problem, case: &str) -> &Self {
        assert!(self.is(problem), "{case}: expected {problem:?}, got {} {}", self.status, self.text());
        self
    }

    /// Asserts success; `case` describes the request.
    #[track_caller]
    pub fn must_succeed(&self, case: &str) -> &Self {
        assert_eq!(self.status, 200, "{case}: expected success, got {}", self.text());
        self
    }

    /// The id in the response to a successful create or edit.
    #[track_caller]
    pub fn customer_id(&self) -> u64 {
        self.must_succeed("a response with a customerId");
        self.json()["customerId"].as_u64().unwrap_or_else(|| panic!("no customerId in {}", self.text()))
    }

    /// The entries of `violations`; none if there is no such key.
    #[track_caller]
    pub fn violations(&self) -> Vec<Violation> {
        let body = self.json();
        let Some(entries) = body.get("violations") else { return Vec::new() };
        let entries = entries.as_array().unwrap_or_else(|| panic!("violations is no array: {body}"));
        entries.iter().map(Violation::parse).collect()
    }

    /// The fields that `violations` names.
    #[track_caller]
    pub fn violated_fields(&self) -> Vec<String> {
        self.violations().into_iter().map(|violation| violation.field).collect()
    }

    /// Everything that two equal responses have in common: all but the date and the request id.
    pub fn comparable(&self) -> (u16, Vec<(String, String)>, String) {
        let is_compared = |name: &str| !name.eq_ignore_ascii_case("date") && !name.eq_ignore_ascii_case("x-request-id");
        let headers = self.headers.iter().filter(|(name, _)| is_compared(name)).cloned().collect();
        (self.status, headers, self.text().to_owned())
    }
}

impl Violation {
    #[track_caller]
    fn parse(entry: &Value) -> Self {
        let text = |key: &str| {
            let value = entry.get(key).and_then(Value::as_str);
            value.unwrap_or_else(|| panic!("no {key} in the violation {entry}")).to_owned()
        };
        Self {
            field: text("field"),
            code: entry.get("errorCode").and_then(Value::as_str).unwrap_or_default().to_owned(),
            message: text("errorMessage"),
            limit: entry.get("limit").and_then(Value::as_u64),
        }
    }
}
