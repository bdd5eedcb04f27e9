//! Every status of an operation, with its headers and codes.

use super::{
    examples,
    operations::{ELSEWHERE, Operation, Reply},
    schemas,
};
use crate::error::{companion_header, status_of};
use carnelian_domain::{Problem, Rules, errors::Row};
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The headers of answers, with what they say and an example.
const HEADERS: [(&str, &str, &str); 5] = [
    ("X-Request-Id", "Names the request in the server's log: the request's own id, or a new one.", "9b165953d3d41a06"),
    ("ETag", "The customer's version, for `If-Match`.", "\"1\""),
    ("WWW-Authenticate", "How to sign in.", "Basic realm=\"Carnelian\""),
    ("Retry-After", "After how many seconds another try is welcome.", "1"),
    ("Allow", "The methods that the path takes.", "GET,HEAD,PUT"),
];

/// What an error of several violations is called among the examples.
const SEVERAL: &str = "SeveralViolations";

/// The headers of answers.
pub(super) fn headers() -> Map<String, Value> {
    let header = |(name, description, example): (&str, &str, &str)| {
        let schema = json!({ "type": "string" });
        let header = json!({ "required": true, "description": description, "schema": schema, "example": example });
        (name.to_owned(), header)
    };
    HEADERS.into_iter().map(header).collect()
}

/// An example of every error.
pub(super) fn examples(rules: &Rules) -> Map<String, Value> {
    let example = |(problem, value): (Problem, Value)| {
        (name(problem), json!({ "summary": summary(problem.row()), "value": value }))
    };
    let several = json!({ "summary": "Several rules are broken at once.", "value": examples::several(rules) });
    examples::errors(rules).into_iter().map(example).chain([(SEVERAL.to_owned(), several)]).collect()
}

/// The answers where no operation is.
pub(super) fn elsewhere() -> Map<String, Value> {
    let answer = |problem: &Problem| (name(*problem), error(&[*problem], status_of(problem.row().kind)));
    ELSEWHERE.iter().map(answer).collect()
}

/// The answers of an operation by status.
pub(super) fn of(rules: &Rules, operation: &Operation, signed_in: bool) -> Map<String, Value> {
    let mut by_status = BTreeMap::<StatusCode, Vec<Problem>>::new();
    for problem in operation.problems(rules, signed_in) {
        by_status.entry(status_of(problem.row().kind)).or_default().push(problem);
    }
    let errors = by_status.iter().map(|(status, problems)| (status.as_str().to_owned(), error(problems, *status)));
    [("200".to_owned(), success(&operation.reply))].into_iter().chain(errors).collect()
}

fn success(reply: &Reply) -> Value {
    let content = reply.schema.map_or_else(|| json!({ "schema": { "type": "string" } }), schemas::content);
    let version = if reply.has_version { Some("ETag") } else { None };
    json!({
        "description": reply.description,
        "headers": header_references(version),
        "content": { reply.media_type: content },
    })
}

/// One status with the problems that it can mean, and no others.
fn error(problems: &[Problem], status: StatusCode) -> Value {
    let mut messages: Vec<_> = problems.iter().map(|problem| problem.message()).collect();
    messages.dedup();
    let codes: Vec<_> = problems.iter().filter_map(|problem| problem.code()).collect();
    let mut schema = schemas::reference("Error");
    schema["properties"] = json!({ "errorMessage": { "enum": messages } });
    if codes.is_empty() {
        schema["properties"]["errorCode"] = json!(false);
    } else {
        schema["properties"]["errorCode"] = json!({ "enum": codes });
    }
    let mut names: Vec<_> = problems.iter().map(|problem| name(*problem)).collect();
    if problems.contains(&Problem::CustomerNameRequired) {
        names.push(SEVERAL.to_owned());
    }
    let reference = |name: &String| (name.clone(), json!({ "$ref": format!("#/components/examples/{name}") }));
    json!({
        "description": status.canonical_reason().unwrap_or_default(),
        "headers": header_references(problems.first().copied().and_then(header_of)),
        "content": { "application/json": {
            "schema": schema,
            "examples": names.iter().map(reference).collect::<Map<_, _>>(),
        } },
    })
}

/// The header that comes with a problem, if it is one for callers rather than for connections.
fn header_of(problem: Problem) -> Option<&'static str> {
    if problem == Problem::MethodNotAllowed {
        return Some("Allow");
    }
    let (header, _) = companion_header(problem.row())?;
    HEADERS.iter().map(|(name, ..)| *name).find(|name| name.eq_ignore_ascii_case(header.as_str()))
}

fn header_references(more: Option<&str>) -> Map<String, Value> {
    let reference = |name: &str| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    ["X-Request-Id"].into_iter().chain(more).map(reference).collect()
}

/// What a problem is called in the document.
fn name(problem: Problem) -> String {
    format!("{problem:?}")
}

fn summary(row: &Row) -> String {
    row.code.map_or_else(|| row.message.to_owned(), |code| format!("{code} {}", row.message))
}
