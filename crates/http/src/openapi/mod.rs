//! The published interface: an OpenAPI document, and a page to read it on.
//!
//! Both are projections of the tables that the program works with: the routes, the rule table, the error catalogue and
//! the settings. What no table knows is in three more, one row per thing:
//!
//! * [`operations`]: what each route does, takes and answers
//! * [`parameters`]: what can stand in a path or a header
//! * [`schemas`]: how documents look, with an example of each
//!
//! The rest puts them together:
//!
//! * [`answers`]: every status of an operation, with its headers and codes
//! * [`examples`]: the examples, made by the code that answers requests
//! * [`mod@page`]: the document as a page

mod answers;
mod examples;
mod operations;
mod page;
mod parameters;
mod schemas;

pub(crate) use page::{POLICY, page};

use crate::{pipeline, routes::ROUTES};
use carnelian_domain::Rules;
use serde_json::{Map, Value, json};

/// A setting of the server that whoever calls it may want to know.
#[derive(Clone, Debug)]
pub struct PublishedSetting {
    /// Its key in the configuration file.
    pub key: &'static str,
    /// Its value in force.
    pub value: String,
    /// What it does.
    pub help: &'static str,
}

/// What the document shows of a server.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// The settings that concern a caller.
    pub settings: &'a [PublishedSetting],
}

/// What is true of every operation.
const ABOUT: &str = "A customer registry that you run yourself: the customers part of the `rws` API, version 1.\n\n\
    Every answer has an `X-Request-Id`, which finds the server's log line. Every error is one JSON object: \
    `errorMessage`, then `errorCode` where there is one, then `violations` where rules for fields were broken, all of \
    them at once. `HEAD` works where `GET` does.\n\n\
    Elsewhere below the API's paths, another version than `v1` is answered as `InvalidApiVersion`, an unknown path as \
    `NotFound`, and another method as `MethodNotAllowed`.";

/// The OpenAPI document.
pub fn document(interface: &Interface<'_>) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Carnelian",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A self-hosted customer registry",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/", "description": "The server that this document came from" }],
        "tags": operations::TAGS.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect::<Vec<_>>(),
        "paths": paths(interface),
        "components": {
            "securitySchemes": { "basic": {
                "type": "http",
                "scheme": "basic",
                "description": "The user name, and the API key as password.",
            } },
            "parameters": parameters::all(interface.rules),
            "headers": answers::headers(),
            "schemas": schemas::all(interface),
            "responses": answers::elsewhere(),
            "examples": answers::examples(interface.rules),
        },
        "x-settings": interface.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

fn setting(setting: &PublishedSetting) -> Value {
    json!({ "key": setting.key, "value": setting.value, "description": setting.help })
}

/// The routes in the order of their list, those of one path together.
fn paths(interface: &Interface<'_>) -> Map<String, Value> {
    let mut paths = Map::new();
    for route in ROUTES {
        let Some(operation) = operations::of(route.operation) else { continue };
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.to_lowercase()] = described(interface, route.path, operation);
    }
    paths
}

fn described(interface: &Interface<'_>, path: &str, operation: &operations::Operation) -> Value {
    let signed_in = pipeline::is_of_api(path);
    let security = if signed_in { json!([{ "basic": [] }]) } else { json!([]) };
    let parameter = |name| json!({ "$ref": format!("#/components/parameters/{name}") });
    let mut described = json!({
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": security,
        "parameters": operation.parameters.iter().chain(&[parameters::REQUEST_ID]).map(parameter).collect::<Vec<_>>(),
    });
    if let Some(schema) = operation.body {
        let content = schemas::content(schema);
        let required = schemas::is_required(schema, interface);
        described["requestBody"] = json!({ "required": required, "content": { "application/json": content } });
    }
    described["responses"] = answers::of(interface.rules, operation, signed_in).into();
    described
}

#[cfg(test)]
mod tests;
