//! Version 1 of the API.

pub(crate) mod accounts;
pub(crate) mod customers;
pub(crate) mod echo;
pub(crate) mod shape;
pub(crate) mod users;
pub(crate) mod wire;

pub use shape::{document, raw_customer};
pub use wire::{Contacts, Fields, shown};

/// The name of this version in a path.
pub(crate) const VERSION: &str = "v1";
