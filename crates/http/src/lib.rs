//! The HTTP interface: it speaks HTTP and decides nothing.
//!
//! From the connection down to the handlers:
//!
//! * [`server`]: the accept loop, connection limits ([`address_limit`]), shutdown; [`workers`]: the threads that serve connections
//! * [`trusted_proxies`], [`proxy_protocol`]: the addresses of clients behind proxies
//! * [`tls`]: certificates that can be replaced while serving
//! * [`response_stream`], [`write_pace`], [`yield_before_write`]: how responses are written to a connection
//! * [`service`]: what is served: a registry, or a sandbox
//! * [`sandbox`]: what a sandbox adds to the pipeline
//! * [`pipeline`]: the steps of a request, in order
//! * [`active_registry`]: the registry that new requests use
//! * [`framing`], [`body`], [`upload`], [`credentials`], [`request_id`], [`log`]: single steps
//! * [`handlers`], [`router`], [`routes`]: the handler of every operation, and the route table
//! * [`context`], [`query`], [`json`], [`idempotency`]: what handlers receive
//! * [`rws`], [`admin`], [`health`], [`published`]: the handlers
//! * [`error`], [`response`], [`file_body`]: from a failure, a value or a file to a response
//! * [`openapi`]: the published interface, as a document and as a page
//! * [`client`], [`documents`]: for commands: a client of the interface, and its JSON without a server

mod active_registry;
mod address_limit;
mod admin;
mod body;
pub mod client;
mod context;
mod credentials;
pub mod documents;
mod error;
mod file_body;
mod framing;
mod handlers;
mod health;
mod idempotency;
pub mod json;
mod log;
pub mod openapi;
mod pipeline;
mod preconditions;
mod proxy_protocol;
mod published;
mod query;
mod rate_limit_headers;
mod request_id;
mod response;
mod response_stream;
mod router;
pub mod routes;
mod rws;
mod sandbox;
pub mod server;
mod service;
pub mod tls;
mod trusted_proxies;
mod upload;
mod workers;
mod write_pace;
mod yield_before_write;

pub use credentials::parse_basic;
pub use error::status_of;
pub use idempotency::idempotent;
pub use preconditions::accepted_versions;
pub use query::Query;
pub use routes::{ROUTES, SANDBOX_ROUTES};
pub use rws::v1::{Contacts, Fields, document, raw_customer, shown};
pub use server::{ConnectionLimits, ServerSettings, run};
pub use service::{Service, ServiceSettings, Source};
pub use trusted_proxies::{ProxyHeader, TrustedProxies};
