//! What can stand in a path or a header, one row per parameter.

use crate::{pipeline::MAX_REQUEST_ID, rws::v1::echo::MAX_PARAM};
use carnelian_domain::CustomerId;
use serde_json::{Map, Value, json};

/// The parameter that every operation takes.
pub(super) const REQUEST_ID: &str = "X-Request-Id";

struct Parameter {
    name: &'static str,
    place: &'static str,
    description: &'static str,
    schema: fn() -> Value,
    example: &'static str,
}

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "customerId",
        place: "path",
        description: "The customer's id: decimal digits.",
        schema: || json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": CustomerId::LIMIT }),
        example: "1234",
    },
    Parameter {
        name: "param",
        place: "path",
        description: "The text to send back.",
        schema: || json!({ "type": "string", "minLength": 1, "maxLength": MAX_PARAM }),
        example: "hello",
    },
    Parameter {
        name: "If-Match",
        place: "header",
        description: "Edit only a customer that has one of these versions, as `ETag` shows them: quoted, between \
            commas; `*` allows any. Without it the last write wins.",
        schema: || json!({ "type": "string" }),
        example: "\"1\"",
    },
    Parameter {
        name: REQUEST_ID,
        place: "header",
        description: "Your own id for the request, taken over if it has letters, digits and `-._:/+=@` only and is \
            not too long; else the server makes one.",
        schema: || json!({ "type": "string", "description": format!("At most {MAX_REQUEST_ID} characters.") }),
        example: "order-4711",
    },
];

/// Every parameter.
pub(super) fn all() -> Map<String, Value> {
    PARAMETERS.iter().map(|parameter| (parameter.name.to_owned(), described(parameter))).collect()
}

fn described(parameter: &Parameter) -> Value {
    let schema = (parameter.schema)();
    let number = (schema["type"] == "integer").then(|| parameter.example.parse::<u64>().ok()).flatten();
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": schema,
        "example": number.map_or_else(|| json!(parameter.example), |number| json!(number)),
    })
}
