//! The shape of what an operator sends: one flat object, in which what is known has the right type and comes once.

use crate::{
    json::{self, Json},
    rws::v1::shape::{Faults, find_repeated_keys, is_json, trim},
};
use carnelian_app::Failure;
use carnelian_domain::{Problem, RawText};
use hyper::HeaderMap;

/// Reads the body of a request; where there is none, nothing is said, which is an empty object.
pub(super) fn document<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Json<'a>, Problem> {
    if !is_json(headers) {
        return Err(Problem::UnsupportedMediaType);
    }
    if matches!(trim(body), b"" | b"null") {
        return Ok(Json::Object(Vec::new()));
    }
    json::parse(body).map_err(|_| Problem::MalformedJson)
}

/// What must stand under a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Texts,
}

impl Type {
    fn fits(self, value: &Json<'_>) -> bool {
        match (self, value) {
            (_, Json::Null) | (Type::Text, Json::Text(_)) | (Type::Number, Json::Number(_)) => true,
            (Type::Texts, Json::Array(elements)) => elements.iter().all(|element| matches!(element, Json::Text(_))),
            _ => false,
        }
    }
}

/// A document whose shape is right.
pub(super) struct Form<'a>(&'a Json<'a>);

impl<'a> Form<'a> {
    /// A document in which these keys have texts, or names every place where its shape is wrong.
    pub(super) fn read(document: &'a Json<'a>, texts: &[&'static str]) -> Result<Form<'a>, Failure> {
        let types: Vec<_> = texts.iter().map(|key| (*key, Type::Text)).collect();
        Form::read_types(document, &types)
    }

    /// The document of a new key.
    pub(super) fn read_key(document: &'a Json<'a>) -> Result<Form<'a>, Failure> {
        let texts = ["label", "key", "reason"].map(|key| (key, Type::Text));
        let others = [("lifetimeSeconds", Type::Number), ("allowedAddresses", Type::Texts)];
        Form::read_types(document, &[texts.as_slice(), &others].concat())
    }

    fn read_types(document: &'a Json<'a>, types: &[(&'static str, Type)]) -> Result<Form<'a>, Failure> {
        let Json::Object(entries) = document else { return Err(Problem::MalformedJson.into()) };
        let mut faults = Faults::default();
        find_repeated_keys(document, &mut String::new(), &mut faults);
        for (key, value) in entries {
            let expected = types.iter().find(|(known, _)| *known == key.as_ref());
            if expected.is_some_and(|(_, expected)| !expected.fits(value)) {
                faults.add(key);
            }
        }
        faults.none().map(|()| Form(document))
    }

    fn value(&self, key: &str) -> Option<&'a Json<'a>> {
        let Json::Object(entries) = self.0 else { return None };
        entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether a key was sent.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The text under a key.
    pub(super) fn text(&self, key: &str) -> RawText<'a> {
        self.value(key).map_or(RawText::Absent, text)
    }

    /// The texts under a key.
    pub(super) fn texts(&self, key: &str) -> Vec<RawText<'a>> {
        match self.value(key) {
            Some(Json::Array(elements)) => elements.iter().map(text).collect(),
            _ => Vec::new(),
        }
    }

    /// The number under a key; what is inside is `None` if it counts nothing.
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

    fn faults(body: &str) -> Vec<String> {
        let document = json::parse(body.as_bytes()).expect("well formed");
        match Form::read_key(&document) {
            Err(Failure::Violations(violations)) => violations.into_iter().map(|violation| violation.field).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_place_of_a_wrong_shape_is_named() {
        let right = r#"{"label":null,"lifetimeSeconds":1.5,"allowedAddresses":["x"],"other":[1,{}]}"#;
        assert!(faults(right).is_empty());
        let wrong = r#"{"label":1,"lifetimeSeconds":"1","allowedAddresses":[1],"reason":"a","reason":"b"}"#;
        assert_eq!(faults(wrong), ["reason", "label", "lifetimeSeconds", "allowedAddresses"]);
    }

    #[test]
    fn nothing_is_an_empty_object() {
        for body in ["", " \n", "null"] {
            assert_eq!(document(&HeaderMap::new(), body.as_bytes()), Ok(Json::Object(vec![])));
        }
    }
}
