//! The published interface: an OpenAPI document, and the same document as an HTML page.
//!
//! Both are generated from the tables that the program works with (the routes, the rule table, the error catalogue, the
//! settings) and from the wire types:
//!
//! * [`operations`]: what each route does, takes and answers, one row per operation
//! * [`parameters`]: path, query and header parameters
//! * [`requests`]: the schemas of request bodies, with the bounds of the rule table
//! * [`schemas`]: the schemas of responses, derived from the wire types
//! * [`texts`]: the schemas of texts: lengths and patterns
//! * [`responses`]: the statuses of an operation, with headers and error codes
//! * [`examples`]: example customers and errors, made by the code that answers requests
//! * [`mod@page`]: the document as a page

mod examples;
mod interface;
mod operations;
mod page;
mod parameters;
mod requests;
mod responses;
mod schemas;
mod texts;

pub use interface::{Interface, PublishedSetting};
pub(crate) use page::{POLICY, page};

use crate::routes::{ROUTES, Route};
use operations::{Access, FILE, GROUPS, Group, Operation};
use schemas::Schemas;
use serde_json::{Map, Value, json};

/// What applies to every operation.
const DESCRIPTION: &str = "A self-hosted customer registry: the customers part of the `rws` API, version 1.\n\n\
    Every response has an `X-Request-Id` header, which identifies the request in the server's log. Every error is one JSON \
    object: `errorMessage`, `errorCode` if the error has one, and `violations` with all broken rules if fields of the \
    request are invalid. `HEAD` is accepted wherever `GET` is.\n\n\
    Below the API's paths, any version other than `v1` is answered with `InvalidApiVersion`, an unknown path with \
    `NotFound`, and a method that a path does not support with `MethodNotAllowed`.";

/// Generates the OpenAPI document.
pub fn document(interface: &Interface<'_>) -> Value {
    let schemas = Schemas::new(interface);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Carnelian",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A self-hosted customer registry",
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/", "description": "The server that this document came from" }],
        "tags": GROUPS.iter().map(|group| json!({ "name": group.tag, "description": group.description })).collect::<Vec<_>>(),
        "paths": paths(interface, &schemas),
        "components": {
            "securitySchemes": { "basic": {
                "type": "http",
                "scheme": "basic",
                "description": "The user name, and an API key as the password.",
            } },
            "parameters": parameters::all(interface.rules),
            "headers": responses::headers(),
            "schemas": schemas.all(),
            "responses": responses::unrouted(),
            "examples": responses::examples(interface.rules),
        },
        "x-settings": interface.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

fn setting(setting: &PublishedSetting) -> Value {
    json!({ "key": setting.key, "value": setting.value, "description": setting.help })
}

/// The routes in the order of their list, grouped by path.
fn paths(interface: &Interface<'_>, schemas: &Schemas) -> Map<String, Value> {
    let mut paths = Map::new();
    for route in ROUTES {
        let Some((group, operation)) = operations::find(route.operation) else { continue };
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.to_lowercase()] = described(interface, schemas, route, group, operation);
    }
    paths
}

fn described(
    interface: &Interface<'_>,
    schemas: &Schemas,
    route: &Route,
    group: &Group,
    operation: &Operation,
) -> Value {
    let parameters = operation.parameters(route);
    let reference = |name: &&str| json!({ "$ref": format!("#/components/parameters/{name}") });
    let mut described = json!({ "operationId": operation.name, "tags": [group.tag], "summary": operation.summary });
    if !operation.description.is_empty() {
        described["description"] = json!(operation.description);
    }
    described["security"] = if group.access == Access::Anyone { json!([]) } else { json!([{ "basic": [] }]) };
    described["parameters"] = parameters.iter().chain(&[parameters::REQUEST_ID]).map(reference).collect();
    if operation.body == Some(FILE) {
        described["requestBody"] =
            json!({ "required": true, "content": { "application/octet-stream": { "schema": {} } } });
    } else if let Some(schema) = operation.body {
        let content = schemas.content(schema);
        let required = schemas.requires_content(schema);
        described["requestBody"] = json!({ "required": required, "content": { "application/json": content } });
    }
    let problems = operation.problems(interface.rules, group.access, route);
    described["responses"] = responses::all(schemas, operation, &problems).into();
    described
}

#[cfg(test)]
mod tests;
