//! The harness of the black-box tests: it starts the real binary in a fresh directory and uses it over HTTP.
//!
//! - [`test_dir`]: a fresh directory, and commands that run on it;
//! - [`database`]: the database of a registry, used from outside;
//! - [`server`]: a running server: signals, output, exit code;
//! - [`request`], [`connection`], [`client`]: HTTP/1.1 by hand, so that a test controls every byte;
//! - [`reply`]: a response and its assertions;
//! - [`invariants`]: what holds for every response, checked on receipt;
//! - [`problems`]: the documented errors, typed from the documents;
//! - [`mod@reference`], [`hits`]: the published reference pages, and the responses that the tests have received;
//! - [`other_user`]: another user of the system;
//! - [`gaps`]: reports what cannot be tested on this machine;
//! - [`sample`], [`json`], [`moment`], [`wait`], [`binary`]: small helpers.

pub mod binary;
pub mod client;
pub mod connection;
pub mod database;
pub mod gaps;
pub mod hits;
pub mod invariants;
pub mod json;
pub mod moment;
pub mod other_user;
pub mod problems;
pub mod reference;
pub mod reply;
pub mod request;
pub mod sample;
pub mod server;
pub mod test_dir;
pub mod wait;

pub use client::{CUSTOMERS, Client};
pub use connection::Connection;
pub use problems::Problem;
pub use reply::Reply;
pub use request::Request;
pub use server::{Launch, Server};
pub use test_dir::{Fixture, Login, Outcome, TestDir};
