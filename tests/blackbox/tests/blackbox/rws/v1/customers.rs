//! Everything below `/rws/api/v1/customers`.

mod create;
mod edit;
mod erase;
mod get;
mod idempotency;
mod list;
mod roles;
mod scope;
