//! The documented errors, typed from the documents.

use std::sync::OnceLock;

use crate::{Reply, reference};

/// An error: its HTTP status, its code if it has one, and its exact text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The `errorCode`, if there is one.
    pub code: Option<&'static str>,
    /// The `errorMessage`.
    pub message: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:literal $code:expr, $message:literal;)*) => {
        $(
            #[doc = concat!("\"", $message, "\"")]
            pub const $name: Problem = Problem { status: $status, code: $code, message: $message };
        )*

        /// Every documented error.
        pub const ALL: &[Problem] = &[$($name,)*];
    };
}

problems! {
    INVALID_CREDENTIALS = 401 Some("10000001"), "Invalid credentials";
    INVALID_ACCOUNT_ID = 400 Some("10000004"), "Invalid accountId.";
    INVALID_PAGE_SIZE = 400 Some("10000006"), "Invalid pageSize.";
    INVALID_PAGE_NUMBER = 400 Some("10000007"), "Invalid pageNumber.";
    REQUIRED_FIELDS_MISSING = 400 Some("10000011"), "One or more required fields are missing.";
    INVALID_DATE_FORMAT = 400 Some("10000012"), "Invalid date format.";
    NOT_WELL_FORMED = 400 Some("10000023"), "The JSON in the request is not well formed. Please ensure that commas, colons, braces etc. are formatted properly.";
    INVALID_API_VERSION = 400 Some("10000024"), "Invalid apiVersion.";
    INVALID_REQUEST = 400 Some("10000028"), "Invalid request.";
    ROLE_NOT_ALLOWED = 400 Some("10000030"), "Your role does not have access to this API function.";
    DETAILS_REQUIRED = 400 Some("10000580"), "Customer details required.";
    NAME_REQUIRED = 400 Some("10000581"), "Customer name is required.";
    INVALID_NAME = 400 Some("10000582"), "Invalid customer name. Number of characters allowed 1 - 60.";
    ACCOUNT_REQUIRED = 400 Some("10000583"), "Account Id is required.";
    ANSWER_MISSING = 400 Some("10000584"), "Security answer missing.";
    QUESTION_MISSING = 400 Some("10000585"), "Security question missing.";
    INVALID_QUESTION = 400 Some("10000586"), "Invalid security question. Number of characters allowed 0 - 100.";
    INVALID_ANSWER = 400 Some("10000587"), "Invalid security answer. Number of characters allowed 0 - 100.";
    TOO_MANY_CONTACTS = 400 Some("10000588"), "Maximum 4 contacts can be associated with a customer.";
    INVALID_CONTACT_NAME = 400 Some("10000589"), "Invalid contact name. Number of characters allowed 0 - 40.";
    INVALID_CONTACT_TITLE = 400 Some("10000590"), "Invalid contact title. Number of characters allowed 0 - 40.";
    INVALID_CONTACT_PHONE = 400 Some("10000591"), "Invalid contact phone. Number of characters allowed 0 - 25.";
    INVALID_CONTACT_MOBILE = 400 Some("10000592"), "Invalid contact mobile. Number of characters allowed 0 - 40.";
    INVALID_CONTACT_EMAIL = 400 Some("10000593"), "Invalid contact email. Number of characters allowed 0 - 320.";
    INVALID_LINE1 = 400 Some("10000594"), "Invalid address line1. Number of characters allowed 0 - 40.";
    INVALID_LINE2 = 400 Some("10000595"), "Invalid address line2. Number of characters allowed 0 - 40.";
    INVALID_CITY = 400 Some("10000596"), "Invalid city. Number of characters allowed 0 - 40.";
    INVALID_STATE = 400 Some("10000597"), "Invalid state/region. Number of characters allowed 0 - 40.";
    INVALID_COUNTRY = 400 Some("10000598"), "Invalid country. Number of characters allowed 0 - 100.";
    INVALID_POSTAL_CODE = 400 Some("10000599"), "Invalid postal code. Number of characters allowed 0 - 15.";
    INVALID_CUSTOMER_ID = 400 Some("10000600"), "Invalid customerId.";
    DUPLICATE_NAME = 400 Some("10000602"), "Duplicate customer name.";
    ERASURE_IN_PROGRESS = 400 Some("10000603"), "Invalid account. Account erasure request is in progress for the account.";
    ACCOUNT_NOT_FOUND = 404 Some("20000003"), "Resource not found - Invalid accountId.";
    CUSTOMER_NOT_FOUND = 404 Some("20000004"), "Resource not found - Invalid customerId.";
    USER_NOT_FOUND = 404 Some("20000005"), "Resource not found - Invalid userId.";
    SERVER_ERROR = 500 Some("30000001"), "Unknown server error.";
    UNAVAILABLE = 503 Some("30000001"), "Unknown server error.";
    RATE_LIMIT = 429 Some("40000029"), "Rate Limit Exceeded";
    AUTHENTICATION_REQUIRED = 401 None, "Full authentication is required to access this resource";
    NOT_FOUND = 404 None, "Not found";
    METHOD_NOT_ALLOWED = 405 None, "Method not allowed";
    INVALID_IDEMPOTENCY_KEY = 400 None, "Invalid Idempotency-Key";
    IDEMPOTENCY_KEY_IN_USE = 409 None, "A request with this Idempotency-Key is in progress";
    IDEMPOTENCY_KEY_REUSED = 422 None, "This Idempotency-Key was used for another request";
    INVALID_TEXT = 400 None, "Invalid text. Number of characters allowed 1 - 100, without white space around them.";
    INVALID_ROLE = 400 None, "Invalid role.";
    INVALID_STATUS = 400 None, "Invalid status.";
    INVALID_LIFETIME = 400 None, "Invalid lifetime.";
    INVALID_KEY = 400 None, "Invalid key.";
    INVALID_ADDRESS_RANGE = 400 None, "Invalid address range.";
    GROUP_NOT_FOUND = 404 None, "Resource not found - Invalid groupId.";
    KEY_NOT_FOUND = 404 None, "Resource not found - Invalid keyId.";
    ERASURE_NOT_FOUND = 404 None, "Resource not found - Invalid erasureId.";
    INVALID_JOB = 400 None, "Invalid job.";
    JOB_NOT_FOUND = 404 None, "Resource not found - Invalid jobId.";
    NO_JOB_RESULT = 404 None, "The job has no result";
    JOB_CLOSED = 409 None, "The job takes no file or cancellation any more";
    JOB_OPEN = 409 None, "The job has not ended";
    NAME_TAKEN = 409 None, "The name exists already";
    NO_ERASURE_IN_PROGRESS = 409 None, "No erasure of the account is in progress";
    ERASURE_BEGUN = 409 None, "The erasure of the account has begun";
    ALREADY_IN_GROUP = 409 None, "The account is in the group already";
    NOT_IN_GROUP = 409 None, "The account is not in the group";
    KEY_KNOWN = 409 None, "The key exists already";
    ALREADY_REVOKED = 409 None, "The key was revoked before";
    LAST_OPERATOR = 409 None, "The last operator must remain";
    PRECONDITION_FAILED = 412 None, "Precondition failed";
    UNSUPPORTED_MEDIA_TYPE = 415 None, "Unsupported media type";
    UNSUPPORTED_CONTENT_ENCODING = 415 None, "Unsupported content encoding";
    BODY_TOO_LARGE = 413 None, "Request body too large";
    REQUEST_TIMEOUT = 408 None, "Request timed out";
    MALFORMED_REQUEST = 400 None, "Malformed HTTP request";
    HEADERS_TOO_LARGE = 431 None, "Request header fields too large";
}

/// Whether a response is an error of the published table or, if none was generated, a documented one.
///
/// Without the table, errors of HTTP itself, such as a malformed request line, pass with any text.
pub fn is_published(reply: &Reply) -> bool {
    static TABLE: OnceLock<Option<Vec<reference::ErrorRow>>> = OnceLock::new();
    match TABLE.get_or_init(reference::errors) {
        Some(rows) => rows.iter().any(|row| {
            row.status == reply.status && row.code == reply.code() && Some(&row.message) == reply.message().as_ref()
        }),
        None => {
            let transport = matches!(reply.status, 400 | 408 | 414 | 431 | 505) && reply.code().is_none();
            transport || ALL.iter().any(|problem| reply.is(problem))
        }
    }
}
