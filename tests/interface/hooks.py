"""What Schemathesis must know about this API beyond its document."""

import schemathesis

# The account that the test has made.
ACCOUNT = "Acme"

# What a request that keeps every rule can still be refused for: what is in the registry already.
STATE = {
    "10000602",
    "10000603",
    "20000003",
    "20000004",
    "20000005",
    "Resource not found - Invalid groupId.",
    "Resource not found - Invalid keyId.",
    "Resource not found - Invalid erasureId.",
    "Resource not found - Invalid jobId.",
    "The job has no result",
}

# The user who administers in the tests, and must go on doing so.
OPERATOR = 2


def in_account(values):
    """Names an account that exists, so that something is created and found; a name that breaks a rule stays."""
    name = values.get("accountName") if isinstance(values, dict) else None
    if isinstance(name, str) and 1 <= len(name) <= 100 and name.isprintable() and name.strip():
        return {**values, "accountName": ACCOUNT}
    return values


@schemathesis.hook
def map_body(context, body):
    if context.operation.path == "/admin/v1/accounts":
        return body  # Here the name is one to be given.
    return in_account(body)


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """Leaves the operator alone."""
    user = str((path_parameters or {}).get("userId"))
    return context.operation.method.upper() != "PATCH" or not user.isdigit() or int(user) != OPERATOR


@schemathesis.hook
def map_query(context, query):
    return in_account(query)


@schemathesis.hook
def filter_query(context, query):
    """Leaves out parameters that nobody knows: to Schemathesis they make a request wrong, here they are ignored."""
    return set(query or ()) <= {parameter.name for parameter in context.operation.query}


@schemathesis.check
def valid_requests_are_refused_for_stored_state_alone(ctx, response, case):
    """The document's rules are the server's: what the document allows is refused by no rule."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code in (400, 404):
        error = response.json()
        code = error.get("errorCode", error["errorMessage"])
        if code == "10000007" and "after" in (case.query or {}):
            return  # A page of the rest is refused, which a schema of single parameters cannot say.
        assert code in STATE, f"{code} for a request that the document allows"


@schemathesis.check
def keys_come_in_the_documented_order(ctx, response, case):
    """The keys of an answer stand in the order of its schema."""
    if response.status_code != 200 or "json" not in response.headers.get("content-type", [""])[0]:
        return
    documented = case.operation.definition.raw["responses"]["200"]
    schema = documented["content"]["application/json"]["schema"]
    root = case.operation.schema.raw_schema
    if "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("additionalProperties") is False:
        chosen = (case.query or {}).get("fields")
        keys = list(response.json())
        documented = list(schema["properties"])
        needed = schema.get("required", []) if chosen is None else []
        documented = [key for key in documented if key in keys or key in needed]
        assert keys == documented
