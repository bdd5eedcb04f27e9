//! What each route does, takes and answers, one row per operation.

use crate::idempotency::IDEMPOTENCY_KEY;
use carnelian_domain::{Problem, Rules};

/// What the operations are grouped by, and what is true of each group.
pub(super) const TAGS: &[(&str, &str)] = &[
    ("Customers", "Create, read, list, edit and erase customers in the accounts that the caller may act in."),
    ("Accounts and users", "What is in the caller's scope."),
    ("Echo", "Shows that a caller is signed in."),
    ("Health", "For whoever starts, stops and watches the server."),
    ("Interface", "This description of the interface."),
];

/// A successful answer.
pub(super) struct Reply {
    /// What it says.
    pub(super) description: &'static str,
    /// Its media type.
    pub(super) media_type: &'static str,
    /// The schema of its body, if there is more to say than the media type.
    pub(super) schema: Option<&'static str>,
    /// Whether it carries the customer's version.
    pub(super) has_version: bool,
}

/// One operation.
pub(super) struct Operation {
    /// Its name, as the list of routes has it.
    pub(super) name: &'static str,
    /// Its group.
    pub(super) tag: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// What else a caller must know.
    pub(super) description: &'static str,
    /// What it takes beside a body, by name; every operation takes a request id.
    pub(super) parameters: &'static [&'static str],
    /// The schema of its body, if it takes one.
    pub(super) body: Option<&'static str>,
    /// What it answers.
    pub(super) reply: Reply,
    /// What can go wrong, beside what can with every operation of its kind.
    own_problems: &'static [Problem],
}

/// What can go wrong with every request.
const ANY: &[Problem] = &[
    Problem::Internal,
    Problem::Unavailable,
    Problem::BodyTooLarge,
    Problem::RequestTimeout,
    Problem::MalformedRequest,
    Problem::HeadersTooLarge,
];

/// What can go wrong where a caller must sign in.
const SIGNED_IN: &[Problem] =
    &[Problem::InvalidCredentials, Problem::AuthenticationRequired, Problem::RateLimitExceeded];

/// What can go wrong with a customer in a body, beside the fields' own rules.
const CUSTOMER: &[Problem] = &[
    Problem::UnsupportedMediaType,
    Problem::CustomerDetailsRequired,
    Problem::MalformedJson,
    Problem::RequiredFieldsMissing,
    Problem::CustomerNameRequired,
    Problem::AccountIdRequired,
    Problem::SecurityAnswerMissing,
    Problem::SecurityQuestionMissing,
    Problem::TooManyContacts,
    Problem::AccountNotFound,
    Problem::ErasureInProgress,
    Problem::DuplicateCustomerName,
    Problem::InvalidIdempotencyKey,
    Problem::IdempotencyKeyInUse,
    Problem::IdempotencyKeyReused,
];

/// What is answered only where no operation is.
pub(super) const ELSEWHERE: &[Problem] = &[Problem::InvalidApiVersion, Problem::NotFound, Problem::MethodNotAllowed];

const fn json(description: &'static str, schema: &'static str) -> Reply {
    Reply { description, media_type: "application/json", schema: Some(schema), has_version: false }
}

const fn with_version(reply: Reply) -> Reply {
    Reply { has_version: true, ..reply }
}

/// What can go wrong with a page.
const PAGE: &[Problem] = &[Problem::InvalidPageSize, Problem::InvalidPageNumber];

static OPERATIONS: &[Operation] = &[
    Operation {
        name: "create_customer",
        tag: "Customers",
        summary: "Create customer",
        description: "Creates a customer in the caller's home account, or in another account of the caller's group. \
            The customer is on stable storage when the answer arrives.",
        parameters: &[IDEMPOTENCY_KEY],
        body: Some("Customer"),
        reply: with_version(json("The customer was created.", "CustomerWritten")),
        own_problems: &[Problem::RoleNotAllowed],
    },
    Operation {
        name: "list_customers",
        tag: "Customers",
        summary: "List and search customers",
        description: "Lists the customers that the caller may read, in the order of their ids. Conditions hold \
            together. To walk through all of them, give `after` the last `customerId` of the page before, without \
            `pageNumber`, until `lastPage` is true.",
        parameters: &[
            "accountName",
            "name",
            "namePrefix",
            "modifiedSince",
            "fields",
            "after",
            "pageSize",
            "pageNumber",
        ],
        body: None,
        reply: json("A page of customers.", "CustomerPage"),
        own_problems: &[
            Problem::AccountNotFound,
            Problem::InvalidAccountId,
            Problem::InvalidCustomerName,
            Problem::RequiredFieldsMissing,
            Problem::InvalidCustomerId,
            Problem::InvalidPageSize,
            Problem::InvalidPageNumber,
        ],
    },
    Operation {
        name: "get_customer",
        tag: "Customers",
        summary: "Get customer details",
        description: "Reads a customer. Every key is there, in this order; absent values are null. The security \
            answer is null for a caller who may not write customers.",
        parameters: &["customerId"],
        body: None,
        reply: with_version(json("The customer.", "CustomerDetails")),
        own_problems: &[Problem::InvalidCustomerId, Problem::CustomerNotFound],
    },
    Operation {
        name: "edit_customer",
        tag: "Customers",
        summary: "Edit customer details",
        description: "Replaces a customer: a field that is missing takes its default. If `accountName` names another \
            account that the caller may act in, the customer moves there.",
        parameters: &["customerId", "If-Match", IDEMPOTENCY_KEY],
        body: Some("Customer"),
        reply: with_version(json("The customer was replaced.", "CustomerWritten")),
        own_problems: &[
            Problem::RoleNotAllowed,
            Problem::InvalidCustomerId,
            Problem::CustomerNotFound,
            Problem::PreconditionFailed,
        ],
    },
    Operation {
        name: "erase_customer",
        tag: "Customers",
        summary: "Erase a customer",
        description: "Erases a customer for good. Its name is free from then on; its id is never given again.",
        parameters: &["customerId", "If-Match"],
        body: None,
        reply: json("The customer was erased.", "CustomerWritten"),
        own_problems: &[
            Problem::RoleNotAllowed,
            Problem::InvalidCustomerId,
            Problem::CustomerNotFound,
            Problem::PreconditionFailed,
        ],
    },
    Operation {
        name: "list_accounts",
        tag: "Accounts and users",
        summary: "List accounts",
        description: "Lists the accounts in the caller's scope, in the order of their ids.",
        parameters: &["pageSize", "pageNumber"],
        body: None,
        reply: json("A page of accounts.", "AccountPage"),
        own_problems: PAGE,
    },
    Operation {
        name: "get_account",
        tag: "Accounts and users",
        summary: "Get account details",
        description: "Reads an account.",
        parameters: &["accountId"],
        body: None,
        reply: json("The account.", "Account"),
        own_problems: &[Problem::AccountNotFound],
    },
    Operation {
        name: "list_users",
        tag: "Accounts and users",
        summary: "List users",
        description: "Lists the users whose home account is in the caller's scope, in the order of their ids.",
        parameters: &["pageSize", "pageNumber"],
        body: None,
        reply: json("A page of users.", "UserPage"),
        own_problems: PAGE,
    },
    Operation {
        name: "get_user",
        tag: "Accounts and users",
        summary: "Get user details",
        description: "Reads a user, never a key.",
        parameters: &["userId"],
        body: None,
        reply: json("The user.", "User"),
        own_problems: &[Problem::UserNotFound],
    },
    Operation {
        name: "echo",
        tag: "Echo",
        summary: "Echo",
        description: "Answers with the path's last part, to any user who is signed in.",
        parameters: &["param"],
        body: None,
        reply: json("What was sent.", "Echo"),
        own_problems: &[Problem::RequiredFieldsMissing],
    },
    Operation {
        name: "live",
        tag: "Health",
        summary: "Is the server running?",
        description: "Answers as long as the process does.",
        parameters: &[],
        body: None,
        reply: json("The process answers.", "Health"),
        own_problems: &[],
    },
    Operation {
        name: "ready",
        tag: "Health",
        summary: "Can requests be served?",
        description: "Reads from the store; 503 if that fails.",
        parameters: &[],
        body: None,
        reply: json("Requests can be served.", "Health"),
        own_problems: &[],
    },
    Operation {
        name: "openapi",
        tag: "Interface",
        summary: "The interface for programs",
        description: "An OpenAPI 3.1 document with the limits of this server.",
        parameters: &[],
        body: None,
        reply: json("The document.", "Document"),
        own_problems: &[],
    },
    Operation {
        name: "docs",
        tag: "Interface",
        summary: "The interface for people",
        description: "The same as one page that needs nothing else.",
        parameters: &[],
        body: None,
        reply: Reply { description: "The page.", media_type: "text/html", schema: None, has_version: false },
        own_problems: &[],
    },
];

/// The operation of that name.
pub(super) fn of(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

impl Operation {
    /// Everything that can go wrong, in the order of the catalogue.
    pub(super) fn problems(&self, rules: &Rules, signed_in: bool) -> Vec<Problem> {
        let mut problems = [ANY, self.own_problems].concat();
        if signed_in {
            problems.extend(SIGNED_IN);
        }
        if self.body == Some("Customer") {
            problems.extend(CUSTOMER);
            problems.extend(rules.text_rules().iter().map(|(_, rule)| rule.invalid));
        }
        problems.sort();
        problems.dedup();
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let mut routes: Vec<_> = ROUTES.iter().map(|route| route.operation).collect();
        let mut described: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        routes.sort();
        described.sort();
        assert_eq!(routes, described);
    }
}
