//! Clients that race for few names, and whether what they were told could have happened one thing after the other.
//!
//! - [`registry`]: what a registry answers that does one thing at a time;
//! - [`history`]: what was called and answered, in one order, and the verdict over it;
//! - [`search`]: looks for an order in which that registry would have answered the same;
//! - [`clients`]: the clients, and what they call;
//! - [`served`]: the real server and the command line, as these clients use them.

pub mod clients;
pub mod history;
pub mod registry;
mod search;
pub mod served;

pub use clients::{CLIENTS, Race, Service};
pub use history::History;
pub use registry::{Answer, Call, Customer, Home, Operation};
pub use served::Served;
