//! Everything below `/rws/api/v1`.

mod customers;
mod echo;
