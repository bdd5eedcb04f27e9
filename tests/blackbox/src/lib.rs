//! The harness of the black-box tests: it starts the real binary in a fresh directory and talks to it over the wire.
//!
//! - [`place`]: a fresh directory, and the command line working on it;
//! - [`server`]: a running server, with its signals, its output and its end;
//! - [`request`], [`connection`], [`client`]: HTTP/1.1 by hand, so that a test controls every byte;
//! - [`reply`]: an answer and the questions that tests ask it;
//! - [`invariants`]: what holds for every answer, checked without a test having to remember;
//! - [`problems`]: the errors that the documents promise, typed from the documents;
//! - [`mod@reference`], [`hits`]: the published reference pages, and what the tests have touched of them;
//! - [`sample`], [`json`], [`wait`], [`binary`]: small helpers.

pub mod binary;
pub mod client;
pub mod connection;
pub mod hits;
pub mod invariants;
pub mod json;
pub mod place;
pub mod problems;
pub mod reference;
pub mod reply;
pub mod request;
pub mod sample;
pub mod server;
pub mod wait;

pub use client::{CUSTOMERS, Client};
pub use connection::Connection;
pub use place::{Login, Outcome, Place, Site};
pub use problems::Problem;
pub use reply::Reply;
pub use request::Request;
pub use server::{Launch, Server};
