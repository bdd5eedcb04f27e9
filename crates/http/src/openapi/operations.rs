//! What each route does, takes and answers, one row per operation.

use crate::idempotency::IDEMPOTENCY_KEY;
use carnelian_domain::{Problem, Rules};

/// What the operations are grouped by, and what is true of each group.
pub(super) const TAGS: &[(&str, &str)] = &[
    ("Customers", "Create, read, list, edit and erase customers in the accounts that the caller may act in."),
    ("Accounts and users", "What is in the caller's scope."),
    ("Echo", "Shows that a caller is signed in."),
    (
        "Administration",
        "Accounts, groups, users and keys, for users of role OPERATOR; anybody else is refused, which the audit log \
            tells. A `reason` goes to the audit log.",
    ),
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

/// What can go wrong with a body that an operator sends, beside the rules for what is in it.
const FORM: &[Problem] =
    &[Problem::UnsupportedMediaType, Problem::MalformedJson, Problem::RequiredFieldsMissing, Problem::InvalidText];

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
        name: "list_all_accounts",
        tag: "Administration",
        summary: "List every account",
        description: "Lists every account that is not erased, in the order of the ids.",
        parameters: &["pageSize", "pageNumber"],
        body: None,
        reply: json("A page of accounts.", "AccountPage"),
        own_problems: PAGE,
    },
    Operation {
        name: "create_account",
        tag: "Administration",
        summary: "Create account",
        description: "Creates an account.",
        parameters: &[],
        body: Some("NewAccount"),
        reply: json("The account.", "Account"),
        own_problems: &[Problem::NameTaken],
    },
    Operation {
        name: "get_any_account",
        tag: "Administration",
        summary: "Get any account",
        description: "Reads an account.",
        parameters: &["accountId"],
        body: None,
        reply: json("The account.", "Account"),
        own_problems: &[Problem::AccountNotFound],
    },
    Operation {
        name: "request_erasure",
        tag: "Administration",
        summary: "Ask for an account's erasure",
        description: "Puts the account into \"erasure in progress\": from now on nothing is created or edited in it.",
        parameters: &["accountId"],
        body: Some("Reason"),
        reply: json("The account.", "Account"),
        own_problems: &[Problem::AccountNotFound, Problem::ErasureInProgress],
    },
    Operation {
        name: "cancel_erasure",
        tag: "Administration",
        summary: "Take an erasure request back",
        description: "Makes the account active again.",
        parameters: &["accountId", "reason"],
        body: None,
        reply: json("The account.", "Account"),
        own_problems: &[Problem::AccountNotFound, Problem::NoErasureInProgress],
    },
    Operation {
        name: "list_groups",
        tag: "Administration",
        summary: "List groups",
        description: "Lists every group with its accounts, in the order of the ids.",
        parameters: &["pageSize", "pageNumber"],
        body: None,
        reply: json("A page of groups.", "GroupPage"),
        own_problems: PAGE,
    },
    Operation {
        name: "create_group",
        tag: "Administration",
        summary: "Create group",
        description: "Creates a group without accounts.",
        parameters: &[],
        body: Some("NewGroup"),
        reply: json("The group.", "Group"),
        own_problems: &[Problem::NameTaken],
    },
    Operation {
        name: "get_group",
        tag: "Administration",
        summary: "Get group",
        description: "Reads a group.",
        parameters: &["groupId"],
        body: None,
        reply: json("The group.", "Group"),
        own_problems: &[Problem::GroupNotFound],
    },
    Operation {
        name: "add_to_group",
        tag: "Administration",
        summary: "Add an account to a group",
        description: "Every user of the group may act in the account from then on.",
        parameters: &["groupId", "accountId", "reason"],
        body: None,
        reply: json("The group.", "Group"),
        own_problems: &[Problem::GroupNotFound, Problem::AccountNotFound, Problem::AlreadyInGroup],
    },
    Operation {
        name: "remove_from_group",
        tag: "Administration",
        summary: "Take an account out of a group",
        description: "Users of the group may no longer act in the account, unless it is their home.",
        parameters: &["groupId", "accountId", "reason"],
        body: None,
        reply: json("The group.", "Group"),
        own_problems: &[Problem::GroupNotFound, Problem::AccountNotFound, Problem::NotInGroup],
    },
    Operation {
        name: "list_all_users",
        tag: "Administration",
        summary: "List every user",
        description: "Lists every user, in the order of the ids.",
        parameters: &["pageSize", "pageNumber"],
        body: None,
        reply: json("A page of users.", "UserPage"),
        own_problems: PAGE,
    },
    Operation {
        name: "create_user",
        tag: "Administration",
        summary: "Create user",
        description: "Creates a user, who can sign in once there is a key.",
        parameters: &[],
        body: Some("NewUser"),
        reply: json("The user.", "User"),
        own_problems: &[Problem::AccountNotFound, Problem::GroupNotFound, Problem::InvalidRole, Problem::NameTaken],
    },
    Operation {
        name: "get_any_user",
        tag: "Administration",
        summary: "Get any user",
        description: "Reads a user, never a key.",
        parameters: &["userId"],
        body: None,
        reply: json("The user.", "User"),
        own_problems: &[Problem::UserNotFound],
    },
    Operation {
        name: "edit_user",
        tag: "Administration",
        summary: "Edit user",
        description: "Changes what is sent and nothing else. The last operator who can sign in must remain one.",
        parameters: &["userId"],
        body: Some("UserChanges"),
        reply: json("The user.", "User"),
        own_problems: &[
            Problem::UserNotFound,
            Problem::GroupNotFound,
            Problem::InvalidRole,
            Problem::InvalidStatus,
            Problem::LastOperator,
        ],
    },
    Operation {
        name: "list_keys",
        tag: "Administration",
        summary: "List a user's keys",
        description: "Lists a user's keys in the order in which they were made, never the keys themselves.",
        parameters: &["userId", "pageSize", "pageNumber"],
        body: None,
        reply: json("A page of keys.", "KeyPage"),
        own_problems: &[Problem::UserNotFound, Problem::InvalidPageSize, Problem::InvalidPageNumber],
    },
    Operation {
        name: "issue_key",
        tag: "Administration",
        summary: "Make a key, or take one over",
        description: "Makes a key for a user and shows it this once; with `key`, takes over one that was made elsewhere.",
        parameters: &["userId"],
        body: Some("NewKey"),
        reply: json("The key.", "IssuedKey"),
        own_problems: &[
            Problem::UserNotFound,
            Problem::InvalidLifetime,
            Problem::InvalidKey,
            Problem::InvalidAddressRange,
            Problem::KeyKnown,
        ],
    },
    Operation {
        name: "revoke_key",
        tag: "Administration",
        summary: "Revoke key",
        description: "The key no longer works when this is answered.",
        parameters: &["keyId", "reason"],
        body: None,
        reply: json("The key.", "Key"),
        own_problems: &[Problem::KeyNotFound, Problem::AlreadyRevoked],
    },
    Operation {
        name: "list_audit",
        tag: "Administration",
        summary: "List the audit log",
        description: "Lists who changed what, when, from where and why, the oldest first. Conditions hold together. To \
            walk through all of it, give `after` the last `sequence` of the page before, without `pageNumber`, until \
            `lastPage` is true.",
        parameters: &["audit.accountId", "audit.action", "audit.since", "audit.after", "pageSize", "pageNumber"],
        body: None,
        reply: json("A page of entries.", "EntryPage"),
        own_problems: &[
            Problem::RequiredFieldsMissing,
            Problem::InvalidAccountId,
            Problem::InvalidPageSize,
            Problem::InvalidPageNumber,
        ],
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
        if self.tag == "Administration" {
            problems.push(Problem::RoleNotAllowed);
            problems.extend(self.body.iter().flat_map(|_| FORM));
            problems.extend(self.parameters.contains(&"reason").then_some(Problem::InvalidText));
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
