//! Everything below `/rws`.

mod authentication;
mod routing;
mod throttle;
mod v1;
mod versions;
