//! The shape of an operator's input: a flat object whose known keys have values of the right types and are not repeated.

use crate::{
    error::MAX_VIOLATIONS,
    json::{self, Json},
    rws::v1::shape::{check_content, find_repeated_keys, trim},
};
use carnelian_app::Failure;
use carnelian_domain::{Problem, RawText, Violations};
use hyper::HeaderMap;

/// Reads the body of a request; an absent body is an empty object.
pub(super) fn document<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Json<'a>, Problem> {
    check_content(headers)?;
    let body = trim(body);
    if body.is_empty() {
        return Ok(Json::Object(Vec::new()));
    }
    json::parse(body).map_err(|_| Problem::MalformedJson)
}

/// The type that the value of a key must have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Bool,
    Texts,
}

impl Type {
    fn fits(self, value: &Json<'_>) -> bool {
        match (self, value) {
            (_, Json::Null)
            | (Type::Text, Json::Text(_))
            | (Type::Number, Json::Number(_))
            | (Type::Bool, Json::Bool(_)) => true,
            (Type::Texts, Json::Array(elements)) => elements.iter().all(|element| matches!(element, Json::Text(_))),
            _ => false,
        }
    }
}

/// A document of the right shape.
pub(super) struct Form<'a>(&'a Json<'a>);

impl<'a> Form<'a> {
    /// Reads a document in which these keys have texts, or reports every path where the shape is wrong.
    pub(super) fn read(document: &'a Json<'a>, texts: &[&'static str]) -> Result<Form<'a>, Failure> {
        let types: Vec<_> = texts.iter().map(|key| (*key, Type::Text)).collect();
        Form::read_types(document, &types)
    }

    /// Reads the document of a new API key.
    pub(super) fn read_key(document: &'a Json<'a>) -> Result<Form<'a>, Failure> {
        let texts = ["label", "key", "reason"].map(|key| (key, Type::Text));
        let others = [("lifetimeSeconds", Type::Number), ("allowedAddresses", Type::Texts)];
        Form::read_types(document, &[texts.as_slice(), &others].concat())
    }

    /// Reads the document of a new job.
    pub(super) fn read_job(document: &'a Json<'a>) -> Result<Form<'a>, Failure> {
        let texts = ["kind", "accountName", "format", "onDuplicate", "reason"].map(|key| (key, Type::Text));
        let flags = ["createAccounts", "dryRun"].map(|key| (key, Type::Bool));
        Form::read_types(document, &[texts.as_slice(), &flags].concat())
    }

    fn read_types(document: &'a Json<'a>, types: &[(&'static str, Type)]) -> Result<Form<'a>, Failure> {
        let Json::Object(entries) = document else { return Err(Problem::MalformedJson.into()) };
        let mut violations = Violations::at_most(MAX_VIOLATIONS);
        find_repeated_keys(document, &mut violations);
        for (key, value) in entries {
            let expected = types.iter().find(|(known, _)| *known == key.as_ref());
            if expected.is_some_and(|(_, expected)| !expected.fits(value)) {
                violations.add(key, Problem::MalformedJson);
            }
        }
        Ok(violations.finish(Some(Form(document)))?)
    }

    fn value(&self, key: &str) -> Option<&'a Json<'a>> {
        let Json::Object(entries) = self.0 else { return None };
        entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether the document has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The text of a key.
    pub(super) fn text(&self, key: &str) -> RawText<'a> {
        self.value(key).map_or(RawText::Absent, text)
    }

    /// The texts of a key.
    pub(super) fn texts(&self, key: &str) -> Vec<RawText<'a>> {
        match self.value(key) {
            Some(Json::Array(elements)) => elements.iter().map(text).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the value of a key is `true`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.value(key) == Some(&Json::Bool(true))
    }

    /// The number of a key; the inner value is `None` for a number that is not a whole one from 0 up.
    pub(super) fn number(&self, key: &str) -> Option<Option<u64>> {
        match self.value(key) {
            Some(Json::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

fn text<'a>(value: &'a Json<'a>) -> RawText<'a> {
    match value {
        Json::Null => RawText::Absent,
        Json::Text(text) => RawText::Text(text),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => RawText::WrongType,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(body: &str) -> Vec<String> {
        let document = json::parse(body.as_bytes()).expect("well formed");
        match Form::read_key(&document) {
            Err(Failure::Violations(violations)) => violations.into_iter().map(|violation| violation.field).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_path_of_a_wrong_shape_is_reported() {
        let right = r#"{"label":null,"lifetimeSeconds":1.5,"allowedAddresses":["x"],"other":[1,{}]}"#;
        assert!(violations(right).is_empty());
        let wrong = r#"{"label":1,"lifetimeSeconds":"1","allowedAddresses":[1],"reason":"a","reason":"b"}"#;
        assert_eq!(violations(wrong), ["reason", "label", "lifetimeSeconds", "allowedAddresses"]);
    }

    #[test]
    fn an_absent_body_is_an_empty_object() {
        for body in ["", " \n"] {
            assert_eq!(document(&HeaderMap::new(), body.as_bytes()), Ok(Json::Object(vec![])));
        }
    }
}
