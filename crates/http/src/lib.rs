//! The HTTP face: it speaks HTTP and decides nothing.
//!
//! * [`server`]: the accept loop, connection limits, shutdown
//! * [`workers`]: the threads that serve connections
//! * [`together`]: when answers leave
//! * [`tls`]: certificates that can be replaced while serving
//! * [`pipeline`]: what happens to every request, in order
//! * [`framing`]: what could be read in two ways
//! * [`routes`]: everything that is served, in one list
//! * [`body`], [`credentials`], [`idempotency`], [`json`], [`query`], [`extract`]: from bytes to what a handler takes
//! * [`error`]: from a failure to an answer
//! * [`request_id`], [`log`]: what a request is called, and its line in the log
//! * [`malformed`]: answers to what is not an HTTP request
//! * [`serving`]: which registry a request meets
//! * [`rws`], [`admin`], [`health`], [`published`], [`sandbox`]: the handlers
//! * [`openapi`]: the published interface, as a document and as a page

mod admin;
pub mod body;
mod credentials;
mod error;
mod extract;
mod framing;
mod health;
mod idempotency;
pub mod json;
mod log;
mod malformed;
pub mod openapi;
mod pipeline;
mod published;
mod query;
mod request_id;
mod response;
pub mod routes;
mod rws;
mod sandbox;
pub mod server;
mod serving;
pub mod tls;
mod together;
mod workers;

pub use credentials::parse_basic;
pub use error::status_of;
pub use idempotency::idempotent;
pub use query::Query;
pub use routes::{ROUTES, SANDBOX_ROUTES};
pub use rws::v1::{Contacts, Fields, document, expected_versions, raw_customer, shown};
pub use server::{Settings, run};
pub use serving::{Served, Source};
