//! Everything below `/rws/api/v1/customers`.

mod create;
mod edit;
mod get;
mod list;
mod roles;
mod scope;
