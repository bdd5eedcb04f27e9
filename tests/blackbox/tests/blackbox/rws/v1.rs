//! Everything below `/rws/api/v1`.

mod accounts;
mod customers;
mod echo;
mod paging;
mod users;
