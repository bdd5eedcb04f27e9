//! The error catalogue: everything a caller can be told went wrong, with its code and its words.
//!
//! The rows with a code are those of the API's own documents, to the letter. Everything that shows errors (the
//! HTTP answers, the reference page, the tests) is a projection of this table.

/// What sort of failure a problem is; the HTTP room turns it into a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request breaks a rule.
    BadRequest,
    /// Nobody has been identified.
    Unauthenticated,
    /// There is no such thing, or not for this caller.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request took longer to arrive than the server waits.
    RequestTimeout,
    /// Another request stands in the way for the moment.
    Conflict,
    /// What is in the registry already stands in the way.
    Contradiction,
    /// A condition that the caller set does not hold.
    PreconditionFailed,
    /// The body exceeds the limit.
    TooLarge,
    /// The body is not in a format that is read here.
    UnsupportedMediaType,
    /// The request contradicts an earlier one.
    Unprocessable,
    /// The caller asks too often.
    TooManyRequests,
    /// The header section exceeds the limit.
    HeadersTooLarge,
    /// Our fault.
    Internal,
    /// Nobody's fault, and worth another try.
    Unavailable,
}

/// One row of the catalogue.
#[derive(Debug)]
pub struct Row {
    /// The problem that the row describes.
    pub problem: Problem,
    /// What sort of failure it is.
    pub kind: Kind,
    /// The API's error code, where it has one.
    pub code: Option<&'static str>,
    /// The public text, to the letter.
    pub message: &'static str,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $problem:ident: $kind:ident, $code:expr, $message:literal;)*) => {
        /// Everything a caller can be told went wrong, in the order of the codes.
        ///
        /// The order matters: of several broken field rules, the smallest problem is answered first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Problem { $($(#[$doc])* $problem,)* }

        /// The whole catalogue, one row per problem, in the order of [`Problem`].
        pub static CATALOGUE: &[Row] = &[$(
            Row { problem: Problem::$problem, kind: Kind::$kind, code: $code, message: $message },
        )*];
    };
}

catalogue! {
    /// Wrong or unusable credentials, a disabled user, or an expired or revoked key.
    InvalidCredentials: Unauthenticated, Some("10000001"), "Invalid credentials";
    /// `accountName` could not name any account.
    InvalidAccountId: BadRequest, Some("10000004"), "Invalid accountId.";
    /// A page has another size than is allowed.
    InvalidPageSize: BadRequest, Some("10000006"), "Invalid pageSize.";
    /// Pages count from 1.
    InvalidPageNumber: BadRequest, Some("10000007"), "Invalid pageNumber.";
    /// A field that the configuration makes mandatory, or a path parameter, is missing.
    RequiredFieldsMissing: BadRequest, Some("10000011"), "One or more required fields are missing.";
    /// The body is not the JSON document that is expected.
    MalformedJson: BadRequest, Some("10000023"), "The JSON in the request is not well formed.";
    /// The path names another version than 1.
    InvalidApiVersion: BadRequest, Some("10000024"), "Invalid apiVersion.";
    /// The caller's role may not call the function.
    RoleNotAllowed: BadRequest, Some("10000030"), "Your role does not have access to this API function.";
    /// The body is empty.
    CustomerDetailsRequired: BadRequest, Some("10000580"), "Customer details required.";
    /// `name` is missing or blank.
    CustomerNameRequired: BadRequest, Some("10000581"), "Customer name is required.";
    /// `name` is too long or holds a control character.
    InvalidCustomerName: BadRequest, Some("10000582"), "Invalid customer name. Number of characters allowed 1 - 60.";
    /// `accountName` is missing.
    AccountIdRequired: BadRequest, Some("10000583"), "Account Id is required.";
    /// A question without an answer.
    SecurityAnswerMissing: BadRequest, Some("10000584"), "Security answer missing.";
    /// An answer without a question.
    SecurityQuestionMissing: BadRequest, Some("10000585"), "Security question missing.";
    /// `securityQuestion` breaks its bounds.
    InvalidSecurityQuestion: BadRequest, Some("10000586"), "Invalid security question. Number of characters allowed 0 - 100.";
    /// `securityAnswer` breaks its bounds.
    InvalidSecurityAnswer: BadRequest, Some("10000587"), "Invalid security answer. Number of characters allowed 0 - 100.";
    /// More than four contacts.
    TooManyContacts: BadRequest, Some("10000588"), "Maximum 4 contacts can be associated with a customer.";
    /// A contact's `name` breaks its bounds.
    InvalidContactName: BadRequest, Some("10000589"), "Invalid contact name. Number of characters allowed 0 - 40.";
    /// A contact's `title` breaks its bounds.
    InvalidContactTitle: BadRequest, Some("10000590"), "Invalid contact title. Number of characters allowed 0 - 40.";
    /// A contact's `phone` breaks its bounds.
    InvalidContactPhone: BadRequest, Some("10000591"), "Invalid contact phone. Number of characters allowed 0 - 25.";
    /// A contact's `mobile` breaks its bounds.
    InvalidContactMobile: BadRequest, Some("10000592"), "Invalid contact mobile. Number of characters allowed 0 - 40.";
    /// A contact's `email` breaks its bounds.
    InvalidContactEmail: BadRequest, Some("10000593"), "Invalid contact email. Number of characters allowed 0 - 320.";
    /// An address's `addressLine1` breaks its bounds.
    InvalidAddressLine1: BadRequest, Some("10000594"), "Invalid address line1. Number of characters allowed 0 - 40.";
    /// An address's `addressLine2` breaks its bounds.
    InvalidAddressLine2: BadRequest, Some("10000595"), "Invalid address line2. Number of characters allowed 0 - 40.";
    /// An address's `city` breaks its bounds.
    InvalidCity: BadRequest, Some("10000596"), "Invalid city. Number of characters allowed 0 - 40.";
    /// An address's `state` breaks its bounds.
    InvalidState: BadRequest, Some("10000597"), "Invalid state/region. Number of characters allowed 0 - 40.";
    /// An address's `country` breaks its bounds.
    InvalidCountry: BadRequest, Some("10000598"), "Invalid country. Number of characters allowed 0 - 100.";
    /// An address's `postalCode` breaks its bounds.
    InvalidPostalCode: BadRequest, Some("10000599"), "Invalid postal code. Number of characters allowed 0 - 15.";
    /// The path's customer id is not one.
    InvalidCustomerId: BadRequest, Some("10000600"), "Invalid customerId.";
    /// The name is taken in its account.
    DuplicateCustomerName: BadRequest, Some("10000602"), "Duplicate customer name.";
    /// The account is being erased.
    ErasureInProgress: BadRequest, Some("10000603"), "Invalid account. Account erasure request is in progress for the account.";
    /// No such account, or not for this caller.
    AccountNotFound: NotFound, Some("20000003"), "Resource not found - Invalid accountId.";
    /// No such customer, or not for this caller.
    CustomerNotFound: NotFound, Some("20000004"), "Resource not found - Invalid customerId.";
    /// No such user, or not for this caller.
    UserNotFound: NotFound, Some("20000005"), "Resource not found - Invalid userId.";
    /// Our fault.
    Internal: Internal, Some("30000001"), "Unknown server error.";
    /// Storage is busy, full or out of reach; also a server that is stopping.
    Unavailable: Unavailable, Some("30000001"), "Unknown server error.";
    /// The caller asks too often.
    RateLimitExceeded: TooManyRequests, Some("40000029"), "Rate Limit Exceeded";
    /// The request carries no credentials.
    AuthenticationRequired: Unauthenticated, None, "Full authentication is required to access this resource";
    /// Nothing is served at this path.
    NotFound: NotFound, None, "Not found";
    /// The path is served, this method is not.
    MethodNotAllowed: MethodNotAllowed, None, "Method not allowed";
    /// `Idempotency-Key` is none.
    InvalidIdempotencyKey: BadRequest, None, "Invalid Idempotency-Key";
    /// A request with the same `Idempotency-Key` has no answer yet.
    IdempotencyKeyInUse: Conflict, None, "A request with this Idempotency-Key is in progress";
    /// `Idempotency-Key` was sent with another request before.
    IdempotencyKeyReused: Unprocessable, None, "This Idempotency-Key was used for another request";
    /// `If-Match` names another version.
    PreconditionFailed: PreconditionFailed, None, "Precondition failed";
    /// A name, a label or a reason cannot be put so.
    InvalidText: BadRequest, None, "Invalid text. Number of characters allowed 1 - 100, without white space around them.";
    /// No role is called so.
    InvalidRole: BadRequest, None, "Invalid role.";
    /// A user's status is another than those that can be set.
    InvalidStatus: BadRequest, None, "Invalid status.";
    /// A key's lifetime is not a number of seconds.
    InvalidLifetime: BadRequest, None, "Invalid lifetime.";
    /// A key made elsewhere has another shape than that of a UUID.
    InvalidKey: BadRequest, None, "Invalid key.";
    /// A range of addresses is none.
    InvalidAddressRange: BadRequest, None, "Invalid address range.";
    /// No such group.
    GroupNotFound: NotFound, None, "Resource not found - Invalid groupId.";
    /// No such key.
    KeyNotFound: NotFound, None, "Resource not found - Invalid keyId.";
    /// No such erasure.
    ErasureNotFound: NotFound, None, "Resource not found - Invalid erasureId.";
    /// An account, a group or a user is called so already.
    NameTaken: Contradiction, None, "The name exists already";
    /// No erasure of the account was asked for.
    NoErasureInProgress: Contradiction, None, "No erasure of the account is in progress";
    /// The erasure of the account is being carried out.
    ErasureBegun: Contradiction, None, "The erasure of the account has begun";
    /// The account is in the group.
    AlreadyInGroup: Contradiction, None, "The account is in the group already";
    /// The account is not in the group.
    NotInGroup: Contradiction, None, "The account is not in the group";
    /// The very key is in use.
    KeyKnown: Contradiction, None, "The key exists already";
    /// The key was revoked before.
    AlreadyRevoked: Contradiction, None, "The key was revoked before";
    /// Without this user nobody could administer the registry any more.
    LastOperator: Contradiction, None, "The last operator must remain";
    /// The body's `Content-Type` is not JSON.
    UnsupportedMediaType: UnsupportedMediaType, None, "Unsupported media type";
    /// The body exceeds the configured limit.
    BodyTooLarge: TooLarge, None, "Request body too large";
    /// The body did not arrive in time.
    RequestTimeout: RequestTimeout, None, "Request timed out";
    /// What arrived is not an HTTP request.
    MalformedRequest: BadRequest, None, "Malformed HTTP request";
    /// The header section exceeds the limit.
    HeadersTooLarge: HeadersTooLarge, None, "Request header fields too large";
}

impl Problem {
    /// The catalogue's row for this problem.
    pub fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }

    /// The public text.
    pub fn message(self) -> &'static str {
        self.row().message
    }

    /// The API's error code, where there is one.
    pub fn code(self) -> Option<&'static str> {
        self.row().code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_finds_its_own_row() {
        for row in CATALOGUE {
            assert_eq!(row.problem.row().problem, row.problem);
        }
    }

    #[test]
    fn problems_stand_in_the_order_of_their_codes() {
        let codes: Vec<_> = CATALOGUE.iter().filter_map(|row| row.code).collect();
        assert!(codes.is_sorted(), "{codes:?}");
    }

    #[test]
    fn no_two_problems_look_the_same_but_the_two_server_errors() {
        for (index, row) in CATALOGUE.iter().enumerate() {
            for other in &CATALOGUE[index + 1..] {
                let server_errors = row.problem == Problem::Internal && other.problem == Problem::Unavailable;
                assert!(server_errors || row.message != other.message, "{:?} and {:?}", row.problem, other.problem);
            }
        }
    }
}
