//! Path, query and header parameters, one row each.

use super::texts::{required_text, short_text, visible_text};
use crate::{
    idempotency::{IDEMPOTENCY_KEY, MAX_KEY},
    request_id,
    routes::parameter_name,
    rws::v1::{
        echo::MAX_PARAM,
        wire::{AccountField, UserField},
    },
};
use carnelian_app::audit::AuditOrder;
use carnelian_domain::{Action, CustomerField, CustomerId, Problem, Rules, SelectableField, paging::MAX_PAGE_SIZE};
use serde_json::{Map, Value, json};

/// The parameter of every operation.
pub(super) const REQUEST_ID: &str = "X-Request-Id";

struct Parameter {
    /// Its key among the parameters: its own name, after a dot where another parameter has the same name.
    key: &'static str,
    place: &'static str,
    description: &'static str,
    schema: fn(&Rules) -> Value,
    example: &'static str,
    /// The problems that it can cause.
    problems: &'static [Problem],
}

type SchemaFn = fn(&Rules) -> Value;

const fn path(key: &'static str, description: &'static str, schema: SchemaFn, example: &'static str) -> Parameter {
    Parameter { key, place: "path", description, schema, example, problems: &[] }
}

const fn query(key: &'static str, description: &'static str, schema: SchemaFn, example: &'static str) -> Parameter {
    Parameter { place: "query", ..path(key, description, schema, example) }
}

const fn header(key: &'static str, description: &'static str, schema: SchemaFn, example: &'static str) -> Parameter {
    Parameter { place: "header", ..path(key, description, schema, example) }
}

impl Parameter {
    const fn fails(self, problems: &'static [Problem]) -> Parameter {
        Parameter { problems, ..self }
    }
}

static PARAMETERS: &[Parameter] = &[
    path("customerId", "The customer's id in decimal digits.", number, "1234")
        .fails(&[Problem::InvalidCustomerId, Problem::CustomerNotFound]),
    path("accountId", "The account's id in decimal digits.", digits, "1").fails(&[Problem::AccountNotFound]),
    path("userId", "The user's id in decimal digits.", digits, "1").fails(&[Problem::UserNotFound]),
    path("groupId", "The group's id in decimal digits.", digits, "1").fails(&[Problem::GroupNotFound]),
    path("erasureId", "The erasure's id in decimal digits.", digits, "1").fails(&[Problem::ErasureNotFound]),
    path("jobId", "The job's id in decimal digits.", digits, "1796034600000").fails(&[Problem::JobNotFound]),
    path("keyId", "The key's id, as listed.", key_id, "0123456789abcdef").fails(&[Problem::KeyNotFound]),
    path("param", "The text to return.", echoed, "hello").fails(&[Problem::RequiredFieldsMissing]),
    query("accountName", "Only customers of this account.", |rules| required_text(&rules.account_name), "Acme")
        .fails(&[Problem::AccountNotFound, Problem::InvalidAccountId]),
    query("name", "Only the customers with this name. White space around it does not count, case does.", |rules| visible_text(&rules.name), "Acme Customer")
        .fails(&[Problem::InvalidCustomerName]),
    query("namePrefix", "Only customers whose name starts with this. Case counts.", |rules| visible_text(&rules.name), "Acme")
        .fails(&[Problem::InvalidCustomerName]),
    query("search", "Only customers whose name has all these words, or words that begin so, in any order. Case and accents do not count.", |rules| visible_text(&rules.name), "acme cust")
        .fails(&[Problem::InvalidRequest]),
    query("modifiedSince", "Only customers created or edited at or after this time.", moment, "2026-11-24T08:30:00Z")
        .fails(&[Problem::InvalidDateFormat]),
    query("fields", "Only these fields of each customer, separated by commas.", fields::<CustomerField>, "name,customerId")
        .fails(&[Problem::InvalidRequest]),
    query("accounts.fields", "Only these fields of each account, separated by commas.", fields::<AccountField>, "accountName,status")
        .fails(&[Problem::InvalidRequest]),
    query("users.fields", "Only these fields of each user, separated by commas.", fields::<UserField>, "username,roleName")
        .fails(&[Problem::InvalidRequest]),
    query("accounts.accountName", "Only the account with this name.", |_| json!({ "type": "string" }), "Acme")
        .fails(&[Problem::InvalidRequest]),
    query("groupName", "Only the group with this name.", |_| json!({ "type": "string" }), "Acme Group")
        .fails(&[Problem::InvalidRequest]),
    query("username", "Only the user with this name.", |_| json!({ "type": "string" }), "ann")
        .fails(&[Problem::InvalidRequest]),
    query("after", "Only customers with a greater id. Cannot be combined with `pageNumber`.", number, "1000")
        .fails(&[Problem::InvalidCustomerId]),
    query("pageSize", "The number of entries in a page.", page_size, "10").fails(&[Problem::InvalidPageSize]),
    query("pageNumber", "The page, counted from 1. A page past the last one is empty.", page_number, "1")
        .fails(&[Problem::InvalidPageNumber]),
    query("reason", "Recorded in the audit log.", |_| short_text(), "Requested by the customer")
        .fails(&[Problem::InvalidText]),
    query(
        "audit.object",
        "Only entries of this object. Those of a customer include the exports and erasures of every account that it has been \
            in, and of the whole registry.",
        |_| json!({ "type": "string", "pattern": "^((customer|account|group|user):[0-9]{1,16}|(key|operation):.*|registry)$" }),
        "customer:17",
    )
    .fails(&[Problem::InvalidRequest]),
    query("audit.actor", "Only entries of this actor.", |_| json!({ "type": "string", "pattern": "^(user:[0-9]{1,18}|command_line|server)$" }), "user:1")
        .fails(&[Problem::InvalidRequest]),
    query("audit.action", "Only entries of this action.", action, "create_account")
        .fails(&[Problem::InvalidRequest]),
    query("audit.accountId", "Only entries that concern this account.", digits, "1").fails(&[Problem::InvalidAccountId]),
    query("audit.requestId", "Only entries of the request with this id.", |_| json!({ "type": "string" }), "order-4711")
        .fails(&[Problem::InvalidRequest]),
    query("audit.since", "Only entries at or after this time.", moment, "2026-11-24T08:30:00Z")
        .fails(&[Problem::InvalidDateFormat]),
    query("audit.until", "Only entries before this time.", moment, "2026-11-25T08:30:00Z")
        .fails(&[Problem::InvalidDateFormat]),
    query("audit.order", "Whether the oldest or the newest entries come first.", order, "newest")
        .fails(&[Problem::InvalidRequest]),
    query("audit.after", "Only entries with a greater `sequence`.", number, "1000").fails(&[Problem::InvalidRequest]),
    query("audit.before", "Only entries with a smaller `sequence`.", number, "2000").fails(&[Problem::InvalidRequest]),
    header(
        "If-Match",
        "Respond only if the customer has one of these versions: values of `ETag`, quoted and separated by commas, or `*` \
            for any version. Without this header, the last write wins. A list of customers has no version.",
        |_| json!({ "type": "string" }),
        "\"1\"",
    )
    .fails(&[Problem::PreconditionFailed]),
    header(
        "If-None-Match",
        "Respond only if the customer has none of these versions; `*` stands for any version. A read of a known version is \
            answered with 304.",
        |_| json!({ "type": "string" }),
        "\"1\"",
    )
    .fails(&[Problem::PreconditionFailed]),
    header(
        IDEMPOTENCY_KEY,
        "A text chosen by the client that makes the request safe to retry: it takes effect once, and for 24 hours the \
            same request with the same key gets the same response. A request that was refused may be sent again with the \
            same key.",
        idempotency_key,
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
    )
    .fails(&[Problem::InvalidIdempotencyKey, Problem::IdempotencyKeyInUse, Problem::IdempotencyKeyReused]),
    header(
        REQUEST_ID,
        "The client's own id for the request. The server uses it if it consists of letters, digits and `-._:/+=@` and is \
            not too long, and generates an id otherwise.",
        request_id,
        "order-4711",
    ),
];

fn number(_: &Rules) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": CustomerId::LIMIT })
}

fn digits(_: &Rules) -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,18}$" })
}

fn key_id(_: &Rules) -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-v]{16}$" })
}

fn echoed(_: &Rules) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_PARAM })
}

fn moment(_: &Rules) -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn fields<F: SelectableField>(_: &Rules) -> Value {
    let field = F::EVERY.iter().map(|field| field.field_name()).collect::<Vec<_>>().join("|");
    json!({ "type": "string", "pattern": format!("^({field})(,({field}))*$") })
}

fn page_size(_: &Rules) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": MAX_PAGE_SIZE })
}

fn page_number(_: &Rules) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": u32::MAX })
}

fn action(_: &Rules) -> Value {
    json!({ "type": "string", "enum": Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>() })
}

fn order(_: &Rules) -> Value {
    let names = AuditOrder::ALL.map(AuditOrder::name);
    json!({ "type": "string", "enum": names, "default": AuditOrder::default().name() })
}

fn idempotency_key(_: &Rules) -> Value {
    json!({ "type": "string", "pattern": r#"^("[!#-\[\]-~]+"|[!#-\[\]-~]+)$"#, "maxLength": MAX_KEY })
}

/// Without `maxLength`: the server ignores longer ids, it does not refuse them.
fn request_id(_: &Rules) -> Value {
    json!({ "type": "string", "description": format!("At most {} characters.", request_id::MAX_LENGTH) })
}

/// The problems that a parameter can cause.
pub(super) fn problems(key: &str) -> &'static [Problem] {
    PARAMETERS.iter().find(|parameter| parameter.key == key).map_or(&[], |parameter| parameter.problems)
}

/// Every parameter by its key.
pub(super) fn all(rules: &Rules) -> Map<String, Value> {
    PARAMETERS.iter().map(|parameter| (parameter.key.to_owned(), described(rules, parameter))).collect()
}

fn described(rules: &Rules, parameter: &Parameter) -> Value {
    let schema = (parameter.schema)(rules);
    let number = (schema["type"] == "integer").then(|| parameter.example.parse::<u64>().ok()).flatten();
    json!({
        "name": parameter_name(parameter.key),
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": schema,
        "example": number.map_or_else(|| json!(parameter.example), |number| json!(number)),
    })
}
