//! What can stand in a path, a query or a header, one row per parameter.

use super::schemas::{short_text, some_text, visible_text};
use crate::{
    idempotency::{IDEMPOTENCY_KEY, MAX_KEY},
    request_id,
    rws::v1::echo::MAX_PARAM,
};
use carnelian_domain::{Action, CustomerField, CustomerId, Rules, paging::MAX_PAGE_SIZE};
use serde_json::{Map, Value, json};

/// The parameter that every operation takes.
pub(super) const REQUEST_ID: &str = "X-Request-Id";

struct Parameter {
    /// What it is called among the parameters: its own name, after a dot where another one has the same.
    name: &'static str,
    place: &'static str,
    description: &'static str,
    schema: fn(&Rules) -> Value,
    example: &'static str,
}

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "customerId",
        place: "path",
        description: "The customer's id: decimal digits.",
        schema: |_| customer_id(),
        example: "1234",
    },
    Parameter {
        name: "accountId",
        place: "path",
        description: "The account's id: decimal digits.",
        schema: |_| digits(),
        example: "1",
    },
    Parameter {
        name: "userId",
        place: "path",
        description: "The user's id: decimal digits.",
        schema: |_| digits(),
        example: "1",
    },
    Parameter {
        name: "param",
        place: "path",
        description: "The text to send back.",
        schema: |_| json!({ "type": "string", "minLength": 1, "maxLength": MAX_PARAM }),
        example: "hello",
    },
    Parameter {
        name: "accountName",
        place: "query",
        description: "Only customers of this account.",
        schema: |rules| some_text(&rules.account_name),
        example: "Acme",
    },
    Parameter {
        name: "name",
        place: "query",
        description: "Only customers of this name, compared as names are.",
        schema: |rules| visible_text(&rules.name),
        example: "Acme Customer",
    },
    Parameter {
        name: "namePrefix",
        place: "query",
        description: "Only customers whose name begins so, compared as names are.",
        schema: |rules| visible_text(&rules.name),
        example: "Acme",
    },
    Parameter {
        name: "modifiedSince",
        place: "query",
        description: "Only customers created or edited at this moment or later.",
        schema: |_| json!({ "type": "string", "format": "date-time" }),
        example: "2026-11-24T08:30:00Z",
    },
    Parameter {
        name: "fields",
        place: "query",
        description: "Only these keys of each customer, between commas; they come in the order of the reply.",
        schema: |_| fields(),
        example: "name,customerId",
    },
    Parameter {
        name: "after",
        place: "query",
        description: "Only customers whose id is greater; not together with `pageNumber`.",
        schema: |_| customer_id(),
        example: "1000",
    },
    Parameter {
        name: "pageSize",
        place: "query",
        description: "How many entries a page has.",
        schema: |_| json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": MAX_PAGE_SIZE }),
        example: "10",
    },
    Parameter {
        name: "pageNumber",
        place: "query",
        description: "Which page; they count from 1, and one past the end is empty.",
        schema: |_| json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": u32::MAX }),
        example: "1",
    },
    Parameter {
        name: "erasureId",
        place: "path",
        description: "The erasure's id: decimal digits.",
        schema: |_| digits(),
        example: "1",
    },
    Parameter {
        name: "groupId",
        place: "path",
        description: "The group's id: decimal digits.",
        schema: |_| digits(),
        example: "1",
    },
    Parameter {
        name: "keyId",
        place: "path",
        description: "The key's id, as it is listed.",
        schema: |_| json!({ "type": "string", "pattern": "^[0-9a-v]{16}$" }),
        example: "0123456789abcdef",
    },
    Parameter {
        name: "reason",
        place: "query",
        description: "Why, for the audit log.",
        schema: |_| short_text(),
        example: "They asked for it",
    },
    Parameter {
        name: "audit.accountId",
        place: "query",
        description: "Only entries that concern this account.",
        schema: |_| digits(),
        example: "1",
    },
    Parameter {
        name: "audit.action",
        place: "query",
        description: "Only entries of this action.",
        schema: |_| json!({ "type": "string", "enum": Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>() }),
        example: "create_account",
    },
    Parameter {
        name: "audit.since",
        place: "query",
        description: "Only entries of this moment or later.",
        schema: |_| json!({ "type": "string", "format": "date-time" }),
        example: "2026-11-24T08:30:00Z",
    },
    Parameter {
        name: "audit.after",
        place: "query",
        description: "Only entries whose `sequence` is greater; not together with `pageNumber`.",
        schema: |_| customer_id(),
        example: "1000",
    },
    Parameter {
        name: "If-Match",
        place: "header",
        description: "Edit or erase only a customer that has one of these versions, as `ETag` shows them: quoted, between \
            commas; `*` allows any. Without it the last write wins.",
        schema: |_| json!({ "type": "string" }),
        example: "\"1\"",
    },
    Parameter {
        name: IDEMPOTENCY_KEY,
        place: "header",
        description: "A text of your own that makes the request safe to send again: it takes effect once, and for 24 \
            hours the same request with the same key gets the same answer. A request that was refused may be sent \
            again with its key.",
        schema: |_| json!({ "type": "string", "pattern": r#"^("[!#-\[\]-~]+"|[!#-\[\]-~]+)$"#, "maxLength": MAX_KEY }),
        example: "8e03978e-40d5-43dd-bc93-6894a57f9324",
    },
    Parameter {
        name: REQUEST_ID,
        place: "header",
        description: "Your own id for the request, taken over if it has letters, digits and `-._:/+=@` only and is \
            not too long; else the server makes one.",
        schema: |_| json!({ "type": "string", "description": format!("At most {} characters.", request_id::MAX_LENGTH) }),
        example: "order-4711",
    },
];

fn customer_id() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": CustomerId::LIMIT })
}

fn digits() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,18}$" })
}

/// Keys of a customer between commas.
fn fields() -> Value {
    let field = CustomerField::ALL.map(CustomerField::name).join("|");
    json!({ "type": "string", "pattern": format!("^({field})(,({field}))*$") })
}

/// Every parameter.
pub(super) fn all(rules: &Rules) -> Map<String, Value> {
    PARAMETERS.iter().map(|parameter| (parameter.name.to_owned(), described(rules, parameter))).collect()
}

fn described(rules: &Rules, parameter: &Parameter) -> Value {
    let schema = (parameter.schema)(rules);
    let number = (schema["type"] == "integer").then(|| parameter.example.parse::<u64>().ok()).flatten();
    json!({
        "name": parameter.name.rsplit('.').next(),
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": schema,
        "example": number.map_or_else(|| json!(parameter.example), |number| json!(number)),
    })
}
