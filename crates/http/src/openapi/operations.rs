//! What each route does, takes and answers, one row per operation.
//!
//! Path parameters come from the route, and the errors of parameters from the table of parameters. A row contains only what
//! is specific to its operation.

use super::parameters;
use crate::{
    admin::v1::status::StatusReply,
    admin::v1::wire::{EntriesReply, ErasureReply, GroupReply, IssuedReply, JobReply, KeyReply, SettingsReply},
    health::Health,
    idempotency::IDEMPOTENCY_KEY,
    routes::{RWS_PREFIX, Route},
    rws::v1::{
        echo::Echo,
        wire::{AccountReply, CustomerReply, Listed, PageReply, Selected, UserReply, WrittenReply},
    },
};
use carnelian_domain::{Problem, Rules};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;

/// Who may call the operations of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Anyone,
    Users,
    Operators,
}

/// Operations that belong together.
pub(super) struct Group {
    /// The tag of its operations.
    pub(super) tag: &'static str,
    /// What applies to all of them.
    pub(super) description: &'static str,
    /// Who may call them.
    pub(super) access: Access,
    /// The operations.
    pub(super) operations: &'static [Operation],
}

/// The body of a successful response.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    /// JSON of a wire type.
    Json { schema_name: fn() -> Cow<'static, str>, schema: fn(&mut SchemaGenerator) -> Schema },
    /// An OpenAPI document.
    Document,
    /// A page for browsers.
    Html,
    /// A file.
    File,
}

/// One operation.
pub(super) struct Operation {
    /// Its name, as the list of routes has it.
    pub(super) name: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// What else a caller must know.
    pub(super) description: &'static str,
    /// Its header parameters.
    headers: &'static [&'static str],
    /// The schema of its body, if it takes one.
    pub(super) body: Option<&'static str>,
    /// Its successful response.
    pub(super) reply: Reply,
    /// Whether that response carries the customer's version.
    pub(super) has_version: bool,
    /// Whether a version that the client knows is answered with 304.
    pub(super) is_conditional_read: bool,
    /// The problems that neither its group nor its parameters nor its body imply.
    own_problems: &'static [Problem],
}

/// An operation that answers with JSON.
const fn json<T: JsonSchema>(name: &'static str, summary: &'static str) -> Operation {
    let reply = Reply::Json { schema_name: T::schema_name, schema: SchemaGenerator::subschema_for::<T> };
    Operation::new(name, summary, reply)
}

/// An operation that answers with a page of a listing.
const fn page<T: Listed>(name: &'static str, summary: &'static str) -> Operation {
    json::<PageReply<T>>(name, summary)
}

impl Operation {
    const fn new(name: &'static str, summary: &'static str, reply: Reply) -> Operation {
        Operation {
            name,
            summary,
            description: "",
            headers: &[],
            body: None,
            reply,
            has_version: false,
            is_conditional_read: false,
            own_problems: &[],
        }
    }

    const fn about(self, description: &'static str) -> Operation {
        Operation { description, ..self }
    }

    const fn takes(self, headers: &'static [&'static str]) -> Operation {
        Operation { headers, ..self }
    }

    const fn body(self, schema: &'static str) -> Operation {
        Operation { body: Some(schema), ..self }
    }

    const fn versioned(self) -> Operation {
        Operation { has_version: true, ..self }
    }

    const fn conditional_read(self) -> Operation {
        Operation { is_conditional_read: true, ..self }
    }

    const fn fails(self, own_problems: &'static [Problem]) -> Operation {
        Operation { own_problems, ..self }
    }

    /// The keys of its parameters: those of its path, its headers and its query.
    pub(super) fn parameters(&self, route: &Route) -> Vec<&'static str> {
        let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        in_path.chain(self.headers.iter().copied()).chain(route.query.iter().copied()).collect()
    }

    /// Everything that can go wrong, in the order of the catalogue.
    pub(super) fn problems(&self, rules: &Rules, access: Access, route: &Route) -> Vec<Problem> {
        let mut problems = [ANY, self.own_problems].concat();
        let parameters = self.parameters(route);
        if route.path.starts_with(RWS_PREFIX) {
            problems.push(Problem::InvalidRequest);
        }
        problems.extend(parameters.iter().flat_map(|name| parameters::problems(name)));
        match access {
            Access::Anyone => {}
            Access::Users => problems.extend(SIGNED_IN),
            Access::Operators => {
                problems.extend(SIGNED_IN);
                problems.push(Problem::RoleNotAllowed);
            }
        }
        match self.body {
            None | Some(FILE) => {}
            Some("Customer") => {
                problems.extend(CUSTOMER);
                problems.extend(rules.text_rules().iter().map(|(_, rule)| rule.invalid));
            }
            Some(_) => problems.extend(FORM),
        }
        problems.sort();
        problems.dedup();
        problems
    }
}

/// In the place of the schema of a body that is a file.
pub(super) const FILE: &str = "";

/// The problems of every request.
const ANY: &[Problem] = &[
    Problem::Internal,
    Problem::Unavailable,
    Problem::BodyTooLarge,
    Problem::RequestTimeout,
    Problem::MalformedRequest,
    Problem::HeadersTooLarge,
];

/// The problems of a request that needs credentials.
const SIGNED_IN: &[Problem] =
    &[Problem::InvalidCredentials, Problem::AuthenticationRequired, Problem::RateLimitExceeded];

/// The problems of a body with a customer, except those of its text fields.
const CUSTOMER: &[Problem] = &[
    Problem::RoleNotAllowed,
    Problem::UnsupportedMediaType,
    Problem::UnsupportedContentEncoding,
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
];

/// The problems of a body that an operator sends.
const FORM: &[Problem] = &[
    Problem::UnsupportedMediaType,
    Problem::UnsupportedContentEncoding,
    Problem::MalformedJson,
    Problem::RequiredFieldsMissing,
    Problem::InvalidText,
];

/// The problems of requests that reach no operation.
pub(super) const UNROUTED: &[Problem] = &[Problem::InvalidApiVersion, Problem::NotFound, Problem::MethodNotAllowed];

/// Every operation.
pub(super) const GROUPS: &[Group] = &[
    Group {
        tag: "Customers",
        description: "Create, read, list, edit and erase customers in the accounts that the caller may access.",
        access: Access::Users,
        operations: &[
            json::<WrittenReply>("create_customer", "Create a customer")
                .about(
                    "Creates a customer in the caller's home account, or in another account of the caller's group. \
                    When the response arrives, the customer is on stable storage.",
                )
                .takes(&[IDEMPOTENCY_KEY, "If-Match", "If-None-Match"])
                .body("Customer")
                .versioned(),
            page::<CustomerReply<'_>>("list_customers", "List and search customers")
                .about(
                    "Lists the customers that the caller may read, ordered by id. All conditions must hold. To read all \
                    pages, set `after` to the last `customerId` of the previous page and omit `pageNumber`, until \
                    `lastPage` is true.",
                ),
            json::<CustomerReply<'_>>("get_customer", "Read a customer")
                .about(
                    "Every field is present, in this order; a field without a value is null. The security answer is null \
                    for callers who may not write customers.",
                )
                .takes(&["If-Match", "If-None-Match"])
                .versioned()
                .conditional_read(),
            json::<WrittenReply>("edit_customer", "Replace a customer")
                .about(
                    "A field that is missing takes its default. If `accountName` names another account that the caller \
                    may access, the customer moves to that account.",
                )
                .takes(&["If-Match", "If-None-Match", IDEMPOTENCY_KEY])
                .body("Customer")
                .versioned(),
            json::<WrittenReply>("erase_customer", "Erase a customer")
                .about("Erases a customer permanently. The name becomes available again; the id is never reused.")
                .takes(&["If-Match", "If-None-Match"])
                .fails(&[Problem::RoleNotAllowed]),
        ],
    },
    Group {
        tag: "Accounts and users",
        description: "The accounts that the caller may access, and their users.",
        access: Access::Users,
        operations: &[
            page::<Selected<'_, AccountReply<'_>>>("list_accounts", "List accounts")
                .about("Lists the accounts that the caller may access, ordered by id."),
            json::<Selected<'_, AccountReply<'_>>>("get_account", "Read an account"),
            page::<Selected<'_, UserReply<'_>>>("list_users", "List users")
                .about("Lists the users whose home account the caller may access, ordered by id."),
            json::<Selected<'_, UserReply<'_>>>("get_user", "Read a user"),
        ],
    },
    Group {
        tag: "Echo",
        description: "Test credentials.",
        access: Access::Users,
        operations: &[
            json::<Echo>("echo", "Echo").about("Returns the last part of the path to any user with valid credentials.")
        ],
    },
    Group {
        tag: "Administration",
        description: "Manage accounts, groups, users and keys. Requires the role OPERATOR; other callers are refused, and \
            the attempt is recorded in the audit log. A `reason` is recorded in the audit log.",
        access: Access::Operators,
        operations: &[
            page::<AccountReply<'_>>("list_all_accounts", "List all accounts")
                .about("Lists all accounts that are not erased, ordered by id."),
            json::<AccountReply<'_>>("create_account", "Create an account")
                .body("NewAccount")
                .fails(&[Problem::NameTaken]),
            json::<AccountReply<'_>>("get_any_account", "Read any account"),
            json::<AccountReply<'_>>("request_erasure", "Request the erasure of an account")
                .about(
                    "Sets the account to \"erasure in progress\": customers and users can no longer be created or edited \
                    in it. Refused for the home account of the last operator.",
                )
                .body("Reason")
                .fails(&[Problem::ErasureInProgress, Problem::LastOperator]),
            json::<AccountReply<'_>>("cancel_erasure", "Cancel the erasure of an account")
                .about("Makes the account active again, unless its erasure has begun.")
                .fails(&[Problem::NoErasureInProgress, Problem::ErasureBegun]),
            page::<ErasureReply<'_>>("list_erasures", "List erasures")
                .about("Lists the erasures of all accounts, ordered by the time of the request."),
            json::<ErasureReply<'_>>("get_erasure", "Read an erasure")
                .about("Shows the progress of an erasure, and its receipt once it is complete."),
            page::<GroupReply<'_>>("list_groups", "List groups")
                .about("Lists all groups with their accounts, ordered by id."),
            json::<GroupReply<'_>>("create_group", "Create a group")
                .about("Creates a group without accounts.")
                .body("NewGroup")
                .fails(&[Problem::NameTaken]),
            json::<GroupReply<'_>>("get_group", "Read a group"),
            json::<GroupReply<'_>>("add_to_group", "Add an account to a group")
                .about("From now on, the users of the group may access the account.")
                .fails(&[Problem::AlreadyInGroup]),
            json::<GroupReply<'_>>("remove_from_group", "Remove an account from a group")
                .about("From now on, the users of the group may not access the account, except those whose home it is.")
                .fails(&[Problem::NotInGroup]),
            page::<UserReply<'_>>("list_all_users", "List all users").about("Lists all users, ordered by id."),
            json::<UserReply<'_>>("create_user", "Create a user")
                .about("Creates a user. To sign in, the user needs a key.")
                .body("NewUser")
                .fails(&[Problem::AccountNotFound, Problem::GroupNotFound, Problem::InvalidRole, Problem::NameTaken]),
            json::<UserReply<'_>>("get_any_user", "Read any user"),
            json::<UserReply<'_>>("edit_user", "Edit a user")
                .about(
                    "Changes the fields that are sent. Refused if it would leave no operator who can sign in.",
                )
                .body("UserChanges")
                .fails(&[Problem::GroupNotFound, Problem::InvalidRole, Problem::InvalidStatus, Problem::LastOperator]),
            page::<KeyReply<'_>>("list_keys", "List a user's keys")
                .about("Lists the keys of a user, ordered by the time they were created. The keys themselves are not shown."),
            json::<IssuedReply<'_>>("issue_key", "Create or import a key")
                .about("Creates a key for a user and shows it once. With `key`, imports an existing key instead.")
                .body("NewKey")
                .fails(&[
                    Problem::InvalidLifetime,
                    Problem::InvalidKey,
                    Problem::InvalidAddressRange,
                    Problem::KeyKnown,
                ]),
            json::<KeyReply<'_>>("get_key", "Read a key").about("The key itself is not shown."),
            json::<KeyReply<'_>>("revoke_key", "Revoke a key")
                .about("When the response arrives, the key is no longer accepted.")
                .fails(&[Problem::AlreadyRevoked]),
            json::<SettingsReply<'_>>("get_settings", "Get the settings")
                .about("Returns the settings of the server that answers, and where the value of each comes from. Secrets are left out."),
            json::<StatusReply<'_>>("get_status", "Get the status")
                .about(
                    "Returns how the registry and the server that answers are doing: what to watch, and what to look at when \
                    something is wrong.",
                ),
            json::<EntriesReply<'_>>("list_audit", "Search the audit log")
                .about(
                    "Finds out who changed what, when, from where and why. All conditions must hold. A page may have fewer \
                    entries than `pageSize`, even none: a search examines a limited part of the log. To read everything, \
                    set `after`, or `before` with the newest entries first, to the `next` of the previous page until \
                    `lastPage` is true.",
                ),
        ],
    },
    Group {
        tag: "Jobs",
        description: "What takes long and runs in the server beside requests: one job at a time, in the order of their ids. \
            A job survives a restart of the server. It belongs to the server that answers, as its files do: of several \
            servers, each has its own. Requires the role OPERATOR.",
        access: Access::Operators,
        operations: &[
            page::<JobReply<'_>>("list_jobs", "List jobs").about("Lists the jobs of this server, the newest first."),
            json::<JobReply<'_>>("create_job", "Create a job")
                .about(
                    "Creates a job. It begins when those before it have ended; an import begins only when its file has \
                    been sent.",
                )
                .body("NewJob")
                .fails(&[Problem::InvalidJob, Problem::AccountNotFound]),
            json::<JobReply<'_>>("get_job", "Read a job").about("Shows the progress of a job, and how it ended."),
            json::<JobReply<'_>>("delete_job", "Delete a job")
                .about("Deletes a job that has ended, with its files.")
                .fails(&[Problem::JobOpen]),
            json::<JobReply<'_>>("cancel_job", "Cancel a job")
                .about("A job that has not begun is cancelled at once, one that runs as soon as it notices.")
                .body("Reason")
                .fails(&[Problem::JobClosed]),
            json::<JobReply<'_>>("put_job_input", "Send the file of an import")
                .about(
                    "The body is the file, in CSV or JSON Lines. When the response arrives, the file is on stable storage \
                    and the import is in the queue. Its size is limited by the setting `jobs.upload_bytes`, and each part \
                    of it must arrive within the time for a body.",
                )
                .body(FILE)
                .fails(&[Problem::JobClosed]),
            Operation::new("get_job_result", "Download the result of a job", Reply::File)
                .about(
                    "Returns the file that the job has written: customers, a backup, or the rows that an import has \
                    rejected, with the reasons, in the format of its file.",
                )
                .fails(&[Problem::NoJobResult]),
        ],
    },
    Group {
        tag: "Health",
        description: "Checks for supervisors, load balancers and monitoring.",
        access: Access::Anyone,
        operations: &[
            json::<Health>("live", "Is the server running?").about("Succeeds as long as the process runs."),
            json::<Health>("ready", "Is the server ready?").about("Reads from the store. Answers 503 if that fails."),
        ],
    },
    Group {
        tag: "Interface",
        description: "This description of the interface.",
        access: Access::Anyone,
        operations: &[
            Operation::new("openapi", "The OpenAPI document", Reply::Document)
                .about("An OpenAPI 3.1 document with the limits that are configured on this server."),
            Operation::new("docs", "The documentation page", Reply::Html)
                .about("The same document as one self-contained HTML page."),
        ],
    },
];

/// Every operation with its group.
fn all() -> impl Iterator<Item = (&'static Group, &'static Operation)> {
    GROUPS.iter().flat_map(|group| group.operations.iter().map(move |operation| (group, operation)))
}

/// The operation of that name, with its group.
pub(super) fn find(name: &str) -> Option<(&'static Group, &'static Operation)> {
    all().find(|(_, operation)| operation.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_route_has_one_operation() {
        let mut routes: Vec<_> = ROUTES.iter().map(|route| route.operation).collect();
        let mut described: Vec<_> = all().map(|(_, operation)| operation.name).collect();
        routes.sort();
        described.sort();
        assert_eq!(routes, described);
    }
}
