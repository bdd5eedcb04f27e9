//! What each route does, takes and answers, one row per operation.
//!
//! * [`rws`]: the API itself
//! * [`administration`]: what operators do
//! * [`server`]: what the server tells of itself

mod administration;
mod rws;
mod server;

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

/// Every operation.
fn all() -> impl Iterator<Item = &'static Operation> {
    [rws::OPERATIONS, administration::OPERATIONS, server::OPERATIONS].into_iter().flatten()
}

/// The operation of that name.
pub(super) fn of(name: &str) -> Option<&'static Operation> {
    all().find(|operation| operation.name == name)
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
        let mut described: Vec<_> = all().map(|operation| operation.name).collect();
        routes.sort();
        described.sort();
        assert_eq!(routes, described);
    }
}
