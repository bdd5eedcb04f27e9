//! What is true about customers, whatever carries it.
//!
//! * [`errors`]: the error catalogue, one row per thing that can go wrong
//! * [`rules`]: the rule table, one row per field
//! * [`input`]: values as received, and the collector of their violations
//! * [`check`]: checks a customer against the rules
//! * [`customer`]: types that can only hold valid values
//! * [`listing`]: which customers are asked for, and what of them
//! * [`access`]: who may do what, and where
//! * [`addresses`]: ranges of addresses
//! * [`audit`]: who changed what, from where and why
//! * [`directory`]: accounts, groups, users and keys, and what they may be called
//! * [`paging`]: which part of a listing is asked for, and that part
//! * [`ids`]: identifiers and moments
//! * [`moments`]: moments as they are written
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
pub mod paging;
pub mod rules;

pub use access::{Caller, Permission, Role, Scope, SignIn};
pub use addresses::AddressRange;
pub use audit::{Action, Actor, Object, Origin};
pub use check::RawCustomer;
pub use customer::{Address, Contact, CustomerDraft, CustomerName, PersonalDetails, Text};
pub use directory::{AccountState, NameError};
pub use errors::Problem;
pub use ids::{AccountId, CustomerId, ErasureId, GroupId, Timestamp, UserId};
pub use input::{BrokenRule, RawText, Violation, Violations};
pub use listing::{CustomerField, Listing, RawListing};
pub use paging::{Page, Paging, RawPaging};
pub use rules::Rules;
