//! Everything below `/rws/api/v1/customers`.

mod create;
mod edit;
mod encodings;
mod erase;
mod get;
mod idempotency;
mod list;
mod preconditions;
mod roles;
mod scope;
