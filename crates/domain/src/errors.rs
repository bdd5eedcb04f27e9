//! The error catalogue: every error of the API, with its code and its message.
//!
//! The codes and messages of rows with a code are those of the original service, to the letter. HTTP responses, the
//! reference page and the tests are generated from this table.

/// The category of a problem, which determines the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request breaks a rule.
    BadRequest,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The object does not exist or is outside the caller's scope.
    NotFound,
    /// The path does not support the method.
    MethodNotAllowed,
    /// The request did not arrive within the time limit.
    RequestTimeout,
    /// A concurrent request conflicts with this one; a retry can succeed.
    Conflict,
    /// The state of the registry conflicts with the request.
    Contradiction,
    /// A precondition of the request does not hold.
    PreconditionFailed,
    /// The body exceeds the limit.
    TooLarge,
    /// The media type of the body is not supported.
    UnsupportedMediaType,
    /// The request conflicts with an earlier one with the same idempotency key.
    Unprocessable,
    /// The caller exceeds the rate limit.
    TooManyRequests,
    /// The header section exceeds the limit.
    HeadersTooLarge,
    /// The server has failed.
    Internal,
    /// The server is temporarily unable to carry out the request; a retry can succeed.
    Unavailable,
}

/// One row of the catalogue.
#[derive(Debug)]
pub struct Row {
    /// The problem that the row describes.
    pub problem: Problem,
    /// Its category.
    pub kind: Kind,
    /// The error code, if the original service has one.
    pub code: Option<&'static str>,
    /// The public message.
    pub message: &'static str,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $problem:ident: $kind:ident, $code:expr, $message:literal;)*) => {
        /// An error of the API, in the order of the codes.
        ///
        /// The order matters: of several violations, the one with the smallest problem becomes the main error.
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
    /// `accountName` breaks its bounds.
    InvalidAccountId: BadRequest, Some("10000004"), "Invalid accountId.";
    /// `pageSize` is out of range.
    InvalidPageSize: BadRequest, Some("10000006"), "Invalid pageSize.";
    /// `pageNumber` is less than 1 or not a number.
    InvalidPageNumber: BadRequest, Some("10000007"), "Invalid pageNumber.";
    /// A field that the configuration makes mandatory, or a path parameter, is missing.
    RequiredFieldsMissing: BadRequest, Some("10000011"), "One or more required fields are missing.";
    /// A moment is not in a form that is read.
    InvalidDateFormat: BadRequest, Some("10000012"), "Invalid date format.";
    /// The body is not the expected JSON document.
    MalformedJson: BadRequest, Some("10000023"), "The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly.";
    /// The version in the path is not 1.
    InvalidApiVersion: BadRequest, Some("10000024"), "Invalid apiVersion.";
    /// A query parameter is unknown, or its value is not one of those that it takes.
    InvalidRequest: BadRequest, Some("10000028"), "Invalid request.";
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
    /// The customer id in the path is not a number.
    InvalidCustomerId: BadRequest, Some("10000600"), "Invalid customerId.";
    /// The name is taken in its account.
    DuplicateCustomerName: BadRequest, Some("10000602"), "Duplicate customer name.";
    /// The account is being erased.
    ErasureInProgress: BadRequest, Some("10000603"), "Invalid account. Account erasure request is in progress for the account.";
    /// The account does not exist or is outside the caller's scope.
    AccountNotFound: NotFound, Some("20000003"), "Resource not found - Invalid accountId.";
    /// The customer does not exist or is outside the caller's scope.
    CustomerNotFound: NotFound, Some("20000004"), "Resource not found - Invalid customerId.";
    /// The user does not exist or is outside the caller's scope.
    UserNotFound: NotFound, Some("20000005"), "Resource not found - Invalid userId.";
    /// The server has failed.
    Internal: Internal, Some("30000001"), "Unknown server error.";
    /// The store is busy, full or unavailable, or the server is stopping.
    Unavailable: Unavailable, Some("30000001"), "Unknown server error.";
    /// The caller exceeds the rate limit.
    RateLimitExceeded: TooManyRequests, Some("40000029"), "Rate Limit Exceeded";
    /// The request carries no credentials.
    AuthenticationRequired: Unauthenticated, None, "Full authentication is required to access this resource";
    /// The path does not exist.
    NotFound: NotFound, None, "Not found";
    /// The path does not support the method.
    MethodNotAllowed: MethodNotAllowed, None, "Method not allowed";
    /// `Idempotency-Key` is not valid.
    InvalidIdempotencyKey: BadRequest, None, "Invalid Idempotency-Key";
    /// A request with the same `Idempotency-Key` is in progress.
    IdempotencyKeyInUse: Conflict, None, "A request with this Idempotency-Key is in progress";
    /// The `Idempotency-Key` was used for a different request.
    IdempotencyKeyReused: Unprocessable, None, "This Idempotency-Key was used for another request";
    /// `If-Match` does not match the version of the customer.
    PreconditionFailed: PreconditionFailed, None, "Precondition failed";
    /// A name, a label or a reason breaks its rule.
    InvalidText: BadRequest, None, "Invalid text. Number of characters allowed 1 - 100, without white space around them.";
    /// The role does not exist.
    InvalidRole: BadRequest, None, "Invalid role.";
    /// The status cannot be set.
    InvalidStatus: BadRequest, None, "Invalid status.";
    /// The lifetime is out of range or not a whole number of seconds.
    InvalidLifetime: BadRequest, None, "Invalid lifetime.";
    /// The key to import does not have the form of a UUID.
    InvalidKey: BadRequest, None, "Invalid key.";
    /// The address range is not valid.
    InvalidAddressRange: BadRequest, None, "Invalid address range.";
    /// The group does not exist.
    GroupNotFound: NotFound, None, "Resource not found - Invalid groupId.";
    /// The key does not exist.
    KeyNotFound: NotFound, None, "Resource not found - Invalid keyId.";
    /// The erasure does not exist.
    ErasureNotFound: NotFound, None, "Resource not found - Invalid erasureId.";
    /// A value of a new job is none of those that it can have.
    InvalidJob: BadRequest, None, "Invalid job.";
    /// The job does not exist.
    JobNotFound: NotFound, None, "Resource not found - Invalid jobId.";
    /// The job has no such file: it is not done, or had nothing to write.
    NoJobResult: NotFound, None, "The job has no result";
    /// The job has ended, or does not wait for a file.
    JobClosed: Contradiction, None, "The job takes no file or cancellation any more";
    /// The job has not ended.
    JobOpen: Contradiction, None, "The job has not ended";
    /// An account, a group or a user with that name exists.
    NameTaken: Contradiction, None, "The name exists already";
    /// No erasure of the account was requested.
    NoErasureInProgress: Contradiction, None, "No erasure of the account is in progress";
    /// The erasure of the account has begun and cannot be cancelled.
    ErasureBegun: Contradiction, None, "The erasure of the account has begun";
    /// The account is already in the group.
    AlreadyInGroup: Contradiction, None, "The account is in the group already";
    /// The account is not in the group.
    NotInGroup: Contradiction, None, "The account is not in the group";
    /// The key to import already exists.
    KeyKnown: Contradiction, None, "The key exists already";
    /// The key is already revoked.
    AlreadyRevoked: Contradiction, None, "The key was revoked before";
    /// The change would leave no operator who can sign in.
    LastOperator: Contradiction, None, "The last operator must remain";
    /// The `Content-Type` of the body is not JSON.
    UnsupportedMediaType: UnsupportedMediaType, None, "Unsupported media type";
    /// The body is compressed, or encoded in another way.
    UnsupportedContentEncoding: UnsupportedMediaType, None, "Unsupported content encoding";
    /// The body exceeds the configured limit.
    BodyTooLarge: TooLarge, None, "Request body too large";
    /// The body did not arrive within the time limit.
    RequestTimeout: RequestTimeout, None, "Request timed out";
    /// The bytes received are not an HTTP request.
    MalformedRequest: BadRequest, None, "Malformed HTTP request";
    /// The header section exceeds the limit.
    HeadersTooLarge: HeadersTooLarge, None, "Request header fields too large";
}

impl Problem {
    /// The catalogue's row for this problem.
    pub fn row(self) -> &'static Row {
        &CATALOGUE[self as usize]
    }

    /// The public message.
    pub fn message(self) -> &'static str {
        self.row().message
    }

    /// The error code, if there is one.
    pub fn code(self) -> Option<&'static str> {
        self.row().code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_maps_to_its_own_row() {
        for row in CATALOGUE {
            assert_eq!(row.problem.row().problem, row.problem);
        }
    }

    #[test]
    fn problems_are_in_the_order_of_their_codes() {
        let codes: Vec<_> = CATALOGUE.iter().filter_map(|row| row.code).collect();
        assert!(codes.is_sorted(), "{codes:?}");
    }

    #[test]
    fn messages_are_unique_except_those_of_the_two_server_errors() {
        for (index, row) in CATALOGUE.iter().enumerate() {
            for other in &CATALOGUE[index + 1..] {
                let server_errors = row.problem == Problem::Internal && other.problem == Problem::Unavailable;
                assert!(server_errors || row.message != other.message, "{:?} and {:?}", row.problem, other.problem);
            }
        }
    }
}
