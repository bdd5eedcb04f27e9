//! The domain: customers and their rules, independent of HTTP, storage and time.
//!
//! * [`errors`]: the error catalogue, one row for each problem
//! * [`rules`]: the rule table, one row for each field
//! * [`input`]: values as received, and the collector of their violations
//! * [`check`]: checks a customer against the rules
//! * [`customer`]: types that hold only valid values
//! * [`listing`]: the query of a customer listing
//! * [`names`]: how names are compared
//! * [`search`]: how customers are searched by the words of their names
//! * [`paging`]: pages of a listing
//! * [`access`]: roles, permissions and scopes
//! * [`addresses`]: ranges of IP addresses
//! * [`audit`]: the vocabulary of the audit log
//! * [`directory`]: states of accounts, and the rules for names
//! * [`ids`]: identifiers and timestamps
//! * [`moments`]: the text form of timestamps
//!
//! Nothing here is asynchronous, does I/O or reads a clock.

pub mod access;
pub mod addresses;
pub mod audit;
pub mod check;
pub mod customer;
pub mod directory;
pub mod errors;
pub mod ids;
pub mod input;
pub mod listing;
pub mod moments;
pub mod names;
pub mod paging;
pub mod rules;
pub mod search;

pub use access::{Caller, Permission, Role, Scope, SignIn};
pub use addresses::{AddressRange, network_of};
pub use audit::{Action, Actor, Object, Origin};
pub use check::RawCustomer;
pub use customer::{Address, Contact, CustomerDraft, CustomerName, PersonalDetails, Text};
pub use directory::{AccountState, NameError};
pub use errors::Problem;
pub use ids::{AccountId, CustomerId, ErasureId, GroupId, JobId, Timestamp, UserId};
pub use input::{BrokenRule, RawText, Violation, Violations};
pub use listing::{CustomerField, Listing, RawListing, SelectableField};
pub use names::unique_name;
pub use paging::{Page, Paging, RawPaging};
pub use rules::Rules;
pub use search::Search;
