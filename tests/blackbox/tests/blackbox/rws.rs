//! Everything below `/rws`.

mod authentication;
mod routing;
mod throttle;
mod unread;
mod v1;
mod versions;
