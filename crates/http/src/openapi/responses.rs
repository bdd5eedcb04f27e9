//! The responses of an operation: every status, with its headers and error codes.

use super::{
    examples,
    operations::{Operation, Reply, UNROUTED},
    schemas::{self, Schemas},
};
use crate::error::{companion_header, status_of};
use carnelian_domain::{Problem, Rules, errors::Row};
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Response headers: name, description, example.
const HEADERS: [(&str, &str, &str); 7] = [
    (
        "X-Request-Id",
        "Identifies the request in the server's log: the id that the request carries, or a new one.",
        "9b165953d3d41a06",
    ),
    ("ETag", "The customer's version, for `If-Match`.", "\"1\""),
    ("WWW-Authenticate", "The authentication scheme.", "Basic realm=\"Carnelian\", charset=\"UTF-8\""),
    ("Retry-After", "The number of seconds to wait before a retry.", "1"),
    (
        "RateLimit-Policy",
        "The limits that apply to the request, each with its quota `q` in a window of `w` seconds: `user`, `account` and \
            `address`. Present if there are limits.",
        "\"user\";q=5;w=1",
    ),
    (
        "RateLimit",
        "What is left of each limit: `r` requests now, and the whole quota in `t` seconds. Present if there are limits.",
        "\"user\";r=4;t=1",
    ),
    ("Allow", "The methods that the path supports.", "GET,HEAD,PUT"),
];

/// The name of the example error with several violations.
const SEVERAL: &str = "SeveralViolations";

/// The headers that are present only if there are limits.
const RATE_LIMITS: [&str; 2] = ["RateLimit-Policy", "RateLimit"];

/// The response headers.
pub(super) fn headers() -> Map<String, Value> {
    let header = |(name, description, example): (&str, &str, &str)| {
        let schema = json!({ "type": "string" });
        let required = !RATE_LIMITS.contains(&name);
        let header = json!({ "required": required, "description": description, "schema": schema, "example": example });
        (name.to_owned(), header)
    };
    HEADERS.into_iter().map(header).collect()
}

/// An example of every error.
pub(super) fn examples(rules: &Rules) -> Map<String, Value> {
    let example = |(problem, value): (Problem, Value)| {
        (name(problem), json!({ "summary": summary(problem.row()), "value": value }))
    };
    let several = json!({ "summary": "Several rules are broken.", "value": examples::several(rules) });
    examples::errors(rules).into_iter().map(example).chain([(SEVERAL.to_owned(), several)]).collect()
}

/// The responses to requests that reach no operation.
pub(super) fn unrouted() -> Map<String, Value> {
    let response = |problem: &Problem| (name(*problem), error(&[*problem], status_of(problem.row().kind)));
    UNROUTED.iter().map(response).collect()
}

/// The responses of an operation by status.
pub(super) fn all(schemas: &Schemas, operation: &Operation, problems: &[Problem]) -> Map<String, Value> {
    let mut by_status = BTreeMap::<StatusCode, Vec<Problem>>::new();
    for problem in problems {
        by_status.entry(status_of(problem.row().kind)).or_default().push(*problem);
    }
    let errors = by_status.iter().map(|(status, problems)| (status.as_str().to_owned(), error(problems, *status)));
    let not_modified = operation.is_conditional_read.then(|| ("304".to_owned(), not_modified()));
    let responses = [("200".to_owned(), success(schemas, operation))].into_iter().chain(not_modified).chain(errors);
    let is_limited = problems.contains(&Problem::RateLimitExceeded);
    let with_limits = |(status, mut response): (String, Value)| {
        for name in RATE_LIMITS.into_iter().filter(|_| is_limited) {
            response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
        (status, response)
    };
    responses.map(with_limits).collect()
}

fn success(schemas: &Schemas, operation: &Operation) -> Value {
    let (description, media_type, content) = match operation.reply {
        Reply::Json { schema_name, .. } => {
            let name = schema_name();
            (schemas.description(&name).clone(), "application/json", schemas.content(&name))
        }
        Reply::Document => ("An OpenAPI document.".into(), "application/json", json!({ "schema": document_schema() })),
        Reply::File => ("A file.".into(), "application/octet-stream", json!({ "schema": {} })),
        Reply::Html => ("An HTML page.".into(), "text/html", json!({ "schema": { "type": "string" } })),
    };
    let version = operation.has_version.then_some("ETag");
    json!({
        "description": description,
        "headers": header_references(version),
        "content": { media_type: content },
    })
}

/// The response to a read of a version that the client knows. It has no body.
fn not_modified() -> Value {
    json!({ "description": "The customer still has the version that the client knows.", "headers": header_references(Some("ETag")) })
}

fn document_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "openapi": { "type": "string" }, "info": { "type": "object" }, "paths": { "type": "object" } },
        "required": ["openapi", "info", "paths"],
    })
}

/// The response of one status, with exactly the problems that have it.
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

/// The header that a problem adds to its response, unless it concerns the connection.
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

/// The name of a problem in the document.
fn name(problem: Problem) -> String {
    format!("{problem:?}")
}

fn summary(row: &Row) -> String {
    row.code.map_or_else(|| row.message.to_owned(), |code| format!("{code} {}", row.message))
}
